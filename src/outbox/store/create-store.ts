import type { Kysely } from 'kysely'
import { PosternError } from '../../platform/errors.ts'
import type { Tables } from '../../storage/index.ts'
import type { ClaimedMessage, ClaimRequest, OutboxStore } from '../outbox-store.ts'
import { createAccept } from './accept.ts'
import { createBodies } from './bodies.ts'
import { createChanges } from './changes.ts'
import { createClaims } from './claim.ts'
import { createCounts } from './counts.ts'
import type { Effects } from './effects.ts'
import { createGroupCommit } from './group-commit.ts'
import { createHolds } from './holds.ts'
import { listMessages, readState } from './list.ts'
import { numberMarker, prepare } from './prepared.ts'
import { createPurge } from './purge.ts'
import { requeueInterrupted, requeueUnheld } from './recovery.ts'
import { createReports } from './reports.ts'
import { createSettle } from './settle.ts'
import { createWaking } from './waking.ts'

/**
 * The store on a connection of its own, in whatever thread calls it. `owner`: it is the agent's, so what an agent that
 * has died left behind is put right. A `successor` follows one that died in the same agent: what it had claimed, and
 * nobody has in hand, goes back into the queue. A command beside the agent, a `companion`, must leave both alone. A
 * `reader` does not count what waits.
 */
export async function createOutboxStore(deps: {
  db: Kysely<Tables>
  role: 'owner' | 'successor' | 'companion' | 'reader'
  /** Messages that are being sent while a successor begins. */
  inHand?: readonly string[]
}): Promise<OutboxStore> {
  const { db, role } = deps
  const counts = createCounts(db)
  const listeners = new Set<(profileIds: readonly string[], isAnew: boolean) => void>()
  const group = createGroupCommit({
    db,
    conclude: createConclude(db),
    committed: async (effects) => {
      if (effects.changes.size === 0) return
      try {
        tell(await counts.follow(effects))
      } catch {
        // The commit stands; the numbers are counted anew after the next one.
      }
    },
  })
  const bodies = createBodies({ db, group })
  const accept = createAccept({ db, bodies })
  const claims = createClaims(db)
  const settle = createSettle(db)

  function tell(profileIds: readonly string[]): void {
    if (profileIds.length === 0) return
    for (const listener of [...listeners]) listener(profileIds, false)
  }

  /** A body that cannot be read keeps no other message back: its own is claimed without it, and fails when it is read. */
  async function claim(request: ClaimRequest): Promise<readonly ClaimedMessage[]> {
    const ask = (withBodies: boolean) =>
      group.write({ run: async () => claims.claim(request, { withBodies }) })
    try {
      return await ask(true)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      return await ask(false)
    }
  }

  if (role === 'owner') {
    await requeueInterrupted(db)
    await requeueUnheld(db)
    await bodies.discardAll()
  }
  if (role === 'successor') await requeueInterrupted(db, deps.inHand)
  if (role !== 'reader') await counts.load()
  // In pieces beside the work; what a failure leaves is swept with the next removal or start.
  const sweeping = role === 'owner' ? bodies.sweep().catch(() => {}) : Promise.resolve()

  return {
    appendChunk: bodies.append,
    abortIntake: bodies.abort,
    accept: (message, body) =>
      group.write({
        bytes: body?.byteLength ?? 0,
        run: (transaction, effects) => accept(transaction, effects, message, body),
      }),
    claim,
    unclaim: (messageIds) => group.write({ run: async () => claims.unclaim(messageIds) }),
    readChunk: (messageId, index) =>
      group.read(async () => {
        const message = await db
          .selectFrom('message')
          .select('body')
          .where('id', '=', messageId)
          .executeTakeFirst()
        return message?.body == null ? undefined : await bodies.read(message.body, index)
      }),
    settle: (settlement) => group.write({ run: async (_, effects) => settle(effects, settlement) }),
    ...createWaking({ group }),
    ...createChanges({ group }),
    ...createHolds({ db, group, counts }),
    ...createReports({ db, group, accept }),
    ...createPurge({ group, bodies }),
    counts: () => counts.byProfile,
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    refreshCounts: () => group.read(async () => tell(await counts.refresh())),
    list: (filter, page) =>
      group.read(() => listMessages(db, filter, page, [...counts.byProfile.keys()])),
    state: (id) => group.read(() => readState(db, id)),
    async [Symbol.asyncDispose]() {
      await group[Symbol.asyncDispose]()
      await sweeping
    },
  }
}

function isUnreadable(error: unknown): boolean {
  return (
    error instanceof PosternError &&
    (error.code === 'database_damaged' || error.code === 'storage_failed')
  )
}

/** Sums that are kept beside the rows. */
function createConclude(db: Kysely<Tables>) {
  const keep = prepare(db, { by: numberMarker(0) }, ({ by }) =>
    db
      .updateTable('outbox_total')
      .set((is) => ({ amount: is('amount', '+', by) }))
      .where('name', '=', 'finishedBytes'),
  )
  return (effects: Effects): void => {
    if (effects.keptBytesBy !== 0) keep({ by: effects.keptBytesBy })
  }
}
