import { type Kysely, sql } from 'kysely'
import { HOUR_MS } from '../../platform/clock.ts'
import type { Tables } from '../../storage/index.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { Counts } from './counts.ts'
import type { GroupCommit } from './group-commit.ts'
import { toHold, writeDiagnosis } from './rows.ts'
import { isSender } from './sender.ts'

type Holds = Pick<
  OutboxStore,
  'holds' | 'putHold' | 'oldestHeld' | 'countWaiting' | 'accountedSince'
>

/** Holds, what they stop, and what mailboxes were charged for. */
export function createHolds(deps: {
  db: Kysely<Tables>
  group: GroupCommit
  counts: Counts
}): Holds {
  const { db, group, counts } = deps
  return {
    holds: () =>
      group.read(async () => {
        const rows = await db.selectFrom('outbox_hold').selectAll().orderBy('since').execute()
        return rows.map(toHold).filter((hold) => hold !== undefined)
      }),
    putHold: (hold) =>
      group.write({
        async run(transaction) {
          const row = {
            profile_id: hold.profileId,
            sender: hold.sender,
            since: hold.since,
            diagnosis: writeDiagnosis(hold.diagnosis) ?? '',
            next_probe_at: hold.nextProbeAt,
            probes: hold.probes,
          }
          await transaction
            .insertInto('outbox_hold')
            .values(row)
            .onConflict((conflict) => conflict.columns(['profile_id', 'sender']).doUpdateSet(row))
            .execute()
        },
      }),
    oldestHeld: (profileId, sender) =>
      group.read(async () => {
        const oldest = await db
          .selectFrom('message')
          .select('id')
          .where('state', '=', sql.lit('held' as const))
          .where('profile_id', '=', profileId)
          .where(isSender(sender))
          .orderBy('accepted_at')
          .limit(1)
          .executeTakeFirst()
        return oldest?.id
      }),
    countWaiting: (profileId, sender) =>
      group.read(async () => {
        if (sender === '') {
          const { queued, held } = counts.byProfile.get(profileId) ?? { queued: 0, held: 0 }
          return queued + held
        }
        const row = await db
          .selectFrom('message')
          .select(db.fn.countAll<number>().as('waiting'))
          .where('finished_at', 'is', null)
          .where('profile_id', '=', profileId)
          .where(isSender(sender))
          .executeTakeFirst()
        return Number(row?.waiting ?? 0)
      }),
    accountedSince: (mailbox, since) =>
      group.read(async () => {
        const row = await db
          .selectFrom('mailbox_hour')
          .select(db.fn.sum<number>('recipients').as('recipients'))
          .where('mailbox', '=', mailbox)
          .where('hour', '>=', Math.floor(since / HOUR_MS))
          .executeTakeFirst()
        return Number(row?.recipients ?? 0)
      }),
  }
}
