import { type Kysely, sql, type Transaction } from 'kysely'
import { DAY_MS, HOUR_MS } from '../../platform/clock.ts'
import type { Tables } from '../../storage/index.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { Bodies } from './bodies.ts'
import type { Effects } from './effects.ts'
import type { GroupCommit } from './group-commit.ts'

/** Messages removed in one commit. */
const PIECE = 100
const KEYS_PIECE = 500
/** A mailbox is charged for 24 hours. */
const HOURS_KEPT_MS = 2 * DAY_MS

/** Whether a purge would remove anything. */
export async function hasPurgeable(db: Kysely<Tables>, request: Request): Promise<boolean> {
  const [oldest] = await removable(db).select('finished_at').limit(1).execute()
  const [oldestBody] = await removable(db)
    .select('finished_at')
    .where('body', 'is not', null)
    .limit(1)
    .execute()
  const key = await db
    .selectFrom('idempotency_key')
    .select('accepted_at')
    .where('accepted_at', '<', request.idempotencyBefore)
    .limit(1)
    .executeTakeFirst()
  return (
    key !== undefined ||
    (oldest?.finished_at ?? request.recordsBefore) < request.recordsBefore ||
    (oldestBody?.finished_at ?? request.bodiesBefore) < request.bodiesBefore ||
    (await keptBytes(db)) > request.mostBodyBytes
  )
}

async function keptBytes(db: Kysely<Tables>): Promise<number> {
  const total = await db
    .selectFrom('outbox_total')
    .select('amount')
    .where('name', '=', 'finishedBytes')
    .executeTakeFirst()
  return total?.amount ?? 0
}

/** Finished, and whoever is to be told has been: oldest first. */
function removable(db: Kysely<Tables>) {
  return db
    .selectFrom('message')
    .select(['seq', 'id', 'body', 'size_bytes'])
    .where('finished_at', 'is not', null)
    .where('report_due', '=', sql.lit(0))
    .where('bounce_due', '=', sql.lit(0))
    .orderBy('finished_at')
    .limit(PIECE)
}

type Request = Parameters<OutboxStore['purge']>[0]
type Executor = Transaction<Tables>

/**
 * Each piece finds what it removes at the end of an index that holds nothing else: what failed and was not yet told is
 * not in it.
 */
export function createPurge(deps: {
  group: GroupCommit
  bodies: Bodies
}): Pick<OutboxStore, 'purge'> {
  const { group, bodies } = deps

  async function dropBody(
    executor: Executor,
    effects: Effects,
    message: { id: string; body: number | null; size_bytes: number },
  ): Promise<void> {
    const { id, body, size_bytes: sizeBytes } = message
    if (body === null) return
    effects.keptBytes(-sizeBytes)
    await bodies.drop(executor, { id, number: body, sizeBytes })
  }

  /** The number of bodies removed. */
  async function dropBodies(
    executor: Executor,
    effects: Effects,
    request: Request,
  ): Promise<number> {
    const kept = removable(executor).where('body', 'is not', null)
    const old = await kept.where('finished_at', '<', request.bodiesBefore).execute()
    const removed = [...old]
    if (old.length < PIECE) {
      const oldBytes = old.reduce((sum, message) => sum + message.size_bytes, 0)
      let tooMuch = (await keptBytes(executor)) - oldBytes - request.mostBodyBytes
      const younger =
        tooMuch <= 0 ? [] : await kept.where('finished_at', '>=', request.bodiesBefore).execute()
      for (const message of younger) {
        if (tooMuch <= 0) break
        tooMuch -= message.size_bytes
        removed.push(message)
      }
    }
    for (const message of removed) {
      await dropBody(executor, effects, message)
      await executor
        .updateTable('message')
        .set({ body: null })
        .where('seq', '=', message.seq)
        .execute()
    }
    return removed.length
  }

  async function deleteRecords(
    executor: Executor,
    effects: Effects,
    recordsBefore: number,
  ): Promise<number> {
    const old = await removable(executor).where('finished_at', '<', recordsBefore).execute()
    for (const message of old) {
      await dropBody(executor, effects, message)
      await executor.deleteFrom('message').where('seq', '=', message.seq).execute()
    }
    return old.length
  }

  async function deleteKeys(executor: Executor, before: number): Promise<number> {
    const old = executor
      .selectFrom('idempotency_key')
      .select(['client', 'key'])
      .where('accepted_at', '<', before)
      .orderBy('accepted_at')
      .limit(KEYS_PIECE)
    const result = await executor
      .deleteFrom('idempotency_key')
      .where(({ refTuple }) => sql`${refTuple('client', 'key')}`, 'in', old)
      .executeTakeFirst()
    return Number(result.numDeletedRows)
  }

  /** Also those of a time to come: the clock was ahead, and the mailbox must not be charged for them until then. */
  async function deleteHours(executor: Executor, now: number): Promise<void> {
    await executor
      .deleteFrom('mailbox_hour')
      .where('hour', '<', Math.floor((now - HOURS_KEPT_MS) / HOUR_MS))
      .execute()
    await executor
      .deleteFrom('mailbox_hour')
      .where('hour', '>', Math.floor(now / HOUR_MS) + 1)
      .execute()
  }

  return {
    async purge(request) {
      const isMore = await group.write({
        async run(transaction, effects) {
          const dropped = await dropBodies(transaction, effects, request)
          const deleted = await deleteRecords(transaction, effects, request.recordsBefore)
          const keys = await deleteKeys(transaction, request.idempotencyBefore)
          await deleteHours(transaction, request.now)
          return dropped >= PIECE || deleted >= PIECE || keys >= KEYS_PIECE
        },
      })
      await bodies.sweep()
      return isMore
    },
  }
}
