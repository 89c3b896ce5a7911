import { sql, type Transaction } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { isSender } from './sender.ts'

/** Messages that change together in one commit; others go between. */
const PIECE = 500

type Waking = Pick<OutboxStore, 'wakeDue' | 'wakeAll' | 'wake' | 'unhold' | 'endHold'>

/** Deferred and held messages that may be sent again. */
export function createWaking(deps: { group: GroupCommit }): Waking {
  const { group } = deps

  /** The profiles of those that were woken. */
  async function wakeSome(
    transaction: Transaction<Tables>,
    { dueAt, profileId }: { dueAt?: number; profileId?: string },
  ): Promise<readonly string[]> {
    let sleepers = transaction.selectFrom('message').select('seq').limit(PIECE)
    if (dueAt !== undefined) {
      sleepers = sleepers.where('next_attempt_at', '<=', dueAt).orderBy('next_attempt_at')
    }
    if (profileId !== undefined) {
      sleepers = sleepers
        .where('state', '=', sql.lit('deferred' as const))
        .where('profile_id', '=', profileId)
    }
    const woken = await transaction
      .updateTable('message')
      .set({ state: 'queued', next_attempt_at: null })
      .where('seq', 'in', sleepers)
      .returning('profile_id')
      .execute()
    return woken.map((row) => row.profile_id)
  }

  async function nextDue(transaction: Transaction<Tables>): Promise<number | null> {
    const next = await transaction
      .selectFrom('message')
      .select('next_attempt_at')
      .where('next_attempt_at', 'is not', null)
      .orderBy('next_attempt_at')
      .limit(1)
      .executeTakeFirst()
    return next?.next_attempt_at ?? null
  }

  /** `isEnd`: the hold ends with the last of them, so that none is ever held without it. */
  function releaseSome(profileId: string, sender: string, isEnd: boolean): Promise<number> {
    return group.write({
      async run(transaction, effects) {
        const held = transaction
          .selectFrom('message')
          .select('seq')
          .where('state', '=', sql.lit('held' as const))
          .where('profile_id', '=', profileId)
          .where(isSender(sender))
          .limit(PIECE)
        const released = await transaction
          .updateTable('message')
          .set({ state: 'queued' })
          .where('seq', 'in', held)
          .returning('seq')
          .execute()
        effects.held(profileId, -released.length)
        if (isEnd && released.length < PIECE) {
          await transaction
            .deleteFrom('outbox_hold')
            .where('profile_id', '=', profileId)
            .where('sender', '=', sender)
            .execute()
        }
        return released.length
      },
    })
  }

  async function releaseAll(profileId: string, sender: string, isEnd: boolean): Promise<number> {
    let released = 0
    for (;;) {
      const count = await releaseSome(profileId, sender, isEnd)
      released += count
      if (count < PIECE) return released
    }
  }

  return {
    async wakeDue(now) {
      const profileIds = new Set<string>()
      for (;;) {
        const { woken, nextDueAt } = await group.write({
          run: async (transaction) => ({
            woken: await wakeSome(transaction, { dueAt: now }),
            nextDueAt: await nextDue(transaction),
          }),
        })
        for (const profileId of woken) profileIds.add(profileId)
        if (woken.length < PIECE) return { profileIds: [...profileIds], nextDueAt }
      }
    },
    async wakeAll(profileIds) {
      for (const profileId of profileIds) {
        let woken: readonly string[]
        do {
          woken = await group.write({ run: (transaction) => wakeSome(transaction, { profileId }) })
        } while (woken.length === PIECE)
      }
    },
    async wake(messageIds) {
      for (let from = 0; from < messageIds.length; from += PIECE) {
        const ids = messageIds.slice(from, from + PIECE)
        await group.write({
          run: (transaction) =>
            transaction
              .updateTable('message')
              .set({ state: 'queued', next_attempt_at: null })
              .where('id', 'in', ids)
              .where('state', '=', sql.lit('deferred' as const))
              .execute(),
        })
      }
    },
    unhold: (profileId, sender) => releaseAll(profileId, sender, false),
    async endHold(profileId, sender) {
      await releaseAll(profileId, sender, true)
    },
  }
}
