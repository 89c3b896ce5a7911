import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../storage/index.ts'

/** What was being sent when the process ended goes back into the queue: at most one message for each connection. */
export async function requeueInterrupted(db: Kysely<Tables>): Promise<void> {
  const interrupted = await db
    .selectFrom('message')
    .select('seq')
    .where('state', '=', sql.lit('sending' as const))
    .execute()
  for (const { seq } of interrupted) {
    await db.updateTable('message').set({ state: 'queued' }).where('seq', '=', seq).execute()
  }
}
