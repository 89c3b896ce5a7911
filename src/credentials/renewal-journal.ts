import type { Selectable } from 'kysely'
import type { Audit } from '../access/index.ts'
import type { Storage, Tables } from '../storage/index.ts'
import { AGENT } from './agent-actor.ts'

/** requested -> added -> staged -> active -> removed; failed from any but the last. */
export type RenewalStep = Tables['credential_renewal']['step']

export interface RenewalEntry {
  readonly id: string
  readonly profileId: string
  readonly step: RenewalStep
  readonly keyId: string | null
  readonly formerKeyId: string | null
  readonly startedAt: number
  readonly updatedAt: number
  readonly removeAfter: number | null
  readonly error: string | null
}

/** Each entry is committed, with its audit record, before the next thing happens at Entra. */
export interface RenewalJournal {
  /** The last one of the profile, under way or not. */
  latest(profileId: string): Promise<RenewalEntry | undefined>
  begin(entry: RenewalEntry): Promise<void>
  update(entry: RenewalEntry): Promise<void>
}

/** Under way: there is something to finish, or to take back, at Entra. */
export function isOpen({ step }: RenewalEntry): boolean {
  return step !== 'removed' && step !== 'failed'
}

export function createRenewalJournal(deps: {
  storage: Pick<Storage, 'db'>
  audit: Audit
}): RenewalJournal {
  const { audit } = deps
  const { db } = deps.storage

  async function record(entry: RenewalEntry, trx: Storage['db']): Promise<void> {
    const { profileId, step, keyId, formerKeyId, error } = entry
    const target = { type: 'profile', id: profileId }
    const after = { step, keyId, formerKeyId, error }
    await audit.record({ actor: AGENT, action: 'credential.renewal', target, after }, trx)
  }

  return {
    async latest(profileId) {
      const row = await db
        .selectFrom('credential_renewal')
        .selectAll()
        .where('profile_id', '=', profileId)
        .orderBy('started_at', 'desc')
        .orderBy('updated_at', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && entryOf(row)
    },
    async begin(entry) {
      await db.transaction().execute(async (trx) => {
        await trx.insertInto('credential_renewal').values(rowOf(entry)).execute()
        await record(entry, trx)
      })
    },
    async update(entry) {
      await db.transaction().execute(async (trx) => {
        const { id, profile_id: _, ...changed } = rowOf(entry)
        await trx.updateTable('credential_renewal').set(changed).where('id', '=', id).execute()
        await record(entry, trx)
      })
    },
  }
}

type Row = Selectable<Tables['credential_renewal']>

function entryOf(row: Row): RenewalEntry {
  return {
    id: row.id,
    profileId: row.profile_id,
    step: row.step,
    keyId: row.key_id,
    formerKeyId: row.former_key_id,
    startedAt: row.started_at,
    updatedAt: row.updated_at,
    removeAfter: row.remove_after,
    error: row.error,
  }
}

function rowOf(entry: RenewalEntry): Row {
  return {
    id: entry.id,
    profile_id: entry.profileId,
    step: entry.step,
    key_id: entry.keyId,
    former_key_id: entry.formerKeyId,
    started_at: entry.startedAt,
    updated_at: entry.updatedAt,
    remove_after: entry.removeAfter,
    error: entry.error,
  }
}
