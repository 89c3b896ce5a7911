import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import { toHold } from './rows.ts'

/**
 * What was being sent when the process, or the store's thread, ended goes back into the queue: at most one message for each
 * connection, and those that were about to be tried. `inHand`: these are still being sent.
 */
export async function requeueInterrupted(
  db: Kysely<Tables>,
  inHand: readonly string[] = [],
): Promise<void> {
  const kept = new Set(inHand)
  const interrupted = await db
    .selectFrom('message')
    .select(['seq', 'id'])
    .where('state', '=', sql.lit('sending' as const))
    .execute()
  for (const { seq, id } of interrupted) {
    if (kept.has(id)) continue
    await db.updateTable('message').set({ state: 'queued' }).where('seq', '=', seq).execute()
  }
}

/** A hold that cannot be read is none, and nothing would ever release what is held without one. */
export async function requeueUnheld(db: Kysely<Tables>): Promise<void> {
  const held = await db
    .selectFrom('message')
    .select('seq')
    .where('state', '=', sql.lit('held' as const))
    .limit(1)
    .executeTakeFirst()
  if (held === undefined) return
  for (const row of await db.selectFrom('outbox_hold').selectAll().execute()) {
    if (toHold(row) !== undefined) continue
    await db
      .deleteFrom('outbox_hold')
      .where('profile_id', '=', row.profile_id)
      .where('sender', '=', row.sender)
      .execute()
  }
  await db
    .updateTable('message')
    .set({ state: 'queued' })
    .where('state', '=', sql.lit('held' as const))
    .where((is) =>
      is.not(
        is.exists(
          is
            .selectFrom('outbox_hold')
            .select('outbox_hold.since')
            .whereRef('outbox_hold.profile_id', '=', 'message.profile_id')
            .where(
              'outbox_hold.sender',
              '=',
              sql<string>`coalesce(message.header_from, message.sender_key)`,
            ),
        ),
      ),
    )
    .execute()
}
