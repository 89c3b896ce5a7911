import type { Kysely } from 'kysely'
import { type Clock, toIso } from '../platform/clock.ts'
import type { Tables } from '../storage/index.ts'
import type { Audit } from './access.ts'
import type { AuditEntry } from './api.ts'
import { changeBetween } from './change.ts'
import { type AuditRow, createAuditStore } from './store.ts'

export function createAudit(deps: { storage: { db: Kysely<Tables> }; clock: Clock }): Audit {
  const store = createAuditStore({ db: deps.storage.db })
  return {
    async record({ actor, action, target, before, after }, executor) {
      await store.insert(
        {
          at: deps.clock.now(),
          actor_type: actor.type,
          actor_id: actor.id,
          actor_name: actor.name,
          address: actor.address,
          action,
          target_type: target.type,
          target_id: target.id,
          change: JSON.stringify(changeBetween(before, after)),
        },
        executor,
      )
    },
    async list(options) {
      return (await store.list(options)).map(entryOf)
    },
  }
}

function entryOf(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    at: toIso(row.at),
    actor: {
      type: row.actor_type,
      id: row.actor_id,
      name: row.actor_name,
      address: row.address,
    },
    action: row.action,
    target: { type: row.target_type, id: row.target_id },
    change: readChange(row.change),
  }
}

/** A damaged row must not hide the others. */
function readChange(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
