import { type Kysely, sql, type Transaction } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import type { Attempt, MessageDetail, RecipientState } from '../message.ts'
import {
  ATTEMPTS_TOLD,
  type FailedMessage,
  type NewMessage,
  type OutboxStore,
  RECIPIENTS_TOLD,
} from '../outbox-store.ts'
import type { AcceptMessage } from './accept.ts'
import type { Effects } from './effects.ts'
import type { GroupCommit } from './group-commit.ts'
import { Refusal } from './group-commit.ts'
import { type MessageRow, toAttempt, toMessage, toRecipient } from './rows.ts'

type Reports = Pick<
  OutboxStore,
  | 'unreported'
  | 'failures'
  | 'unreportedProfiles'
  | 'lastReportAt'
  | 'report'
  | 'unbounced'
  | 'bounce'
  | 'find'
>

const ALL = 1_000_000

/** Single messages in full, and who has been told of those that failed. */
export function createReports(deps: {
  db: Kysely<Tables>
  group: GroupCommit
  accept: AcceptMessage
}): Reports {
  const { db, group, accept } = deps

  const recipientsOf = (row: MessageRow) =>
    db
      .selectFrom('message_recipient')
      .selectAll()
      .where('message', '=', row.seq)
      .orderBy('position')

  async function lastAttempts(row: MessageRow, most: number): Promise<readonly Attempt[]> {
    const attempts = await db
      .selectFrom('message_attempt')
      .selectAll()
      .where('message', '=', row.seq)
      .orderBy('number', 'desc')
      .limit(most)
      .execute()
    return attempts.reverse().map(toAttempt)
  }

  async function detail(row: MessageRow, mostAttempts: number): Promise<MessageDetail> {
    const recipients = await recipientsOf(row).execute()
    return {
      message: toMessage(row),
      recipients: recipients.map(toRecipient),
      attempts: await lastAttempts(row, mostAttempts),
    }
  }

  async function failure(row: MessageRow): Promise<FailedMessage> {
    const recipients = await recipientsOf(row)
      .where('state', '=', 'failed')
      .limit(RECIPIENTS_TOLD)
      .execute()
    const counts = await db
      .selectFrom('message_recipient')
      .select(['state', db.fn.countAll<number>().as('recipients')])
      .where('message', '=', row.seq)
      .groupBy('state')
      .execute()
    const countOf = (state: RecipientState) =>
      Number(counts.find((each) => each.state === state)?.recipients ?? 0)
    return {
      message: toMessage(row),
      recipients: recipients.map(toRecipient),
      attempts: await lastAttempts(row, 1),
      failedCount: countOf('failed'),
      deliveredCount: countOf('delivered'),
    }
  }

  function findRow(id: string): Promise<MessageRow | undefined> {
    return db.selectFrom('message').selectAll().where('id', '=', id).executeTakeFirst()
  }

  return {
    find: (id) =>
      group.read(async () => {
        const row = await findRow(id)
        return row && (await detail(row, ALL))
      }),

    unreported: (profileId, limit) =>
      group.read(async () => {
        const rows = await db
          .selectFrom('message')
          .select('id')
          .where('report_due', '=', sql.lit(1))
          .where('profile_id', '=', profileId)
          .orderBy('finished_at')
          .limit(limit)
          .execute()
        return rows.map(({ id }) => id)
      }),

    failures: (messageIds) =>
      group.read(async () => {
        const found: FailedMessage[] = []
        for (const id of messageIds) {
          const row = await findRow(id)
          if (row !== undefined) found.push(await failure(row))
        }
        return found
      }),

    unreportedProfiles: () =>
      group.read(async () => {
        const profileIds: string[] = []
        for (;;) {
          // One look-up for each profile, however many messages it has.
          const next = await db
            .selectFrom('message')
            .select('profile_id')
            .where('report_due', '=', sql.lit(1))
            .where('profile_id', '>', profileIds.at(-1) ?? '')
            .orderBy('profile_id')
            .limit(1)
            .executeTakeFirst()
          if (next === undefined) return profileIds
          profileIds.push(next.profile_id)
        }
      }),

    lastReportAt: (profileId) =>
      group.read(async () => {
        const row = await db
          .selectFrom('outbox_report')
          .select('last_at')
          .where('profile_id', '=', profileId)
          .executeTakeFirst()
        return row?.last_at ?? null
      }),

    report: ({ profileId, messageIds, now, report }) =>
      group.write({
        bytes: report?.body.byteLength ?? 0,
        async run(transaction, effects) {
          if (report !== null) {
            const refusal = await tell(transaction, effects, report)
            if (refusal !== undefined) return refusal
            await transaction
              .insertInto('outbox_report')
              .values({ profile_id: profileId, last_at: now })
              .onConflict((conflict) => conflict.column('profile_id').doUpdateSet({ last_at: now }))
              .execute()
          }
          for (const id of messageIds) {
            await transaction
              .updateTable('message')
              .set({ report_due: 0 })
              .where('id', '=', id)
              .execute()
          }
          return
        },
      }),

    unbounced: (limit) =>
      group.read(async () => {
        const rows = await db
          .selectFrom('message')
          .selectAll()
          .where('bounce_due', '=', sql.lit(1))
          .orderBy('finished_at')
          .limit(limit)
          .execute()
        const found: MessageDetail[] = []
        for (const row of rows) found.push(await detail(row, ATTEMPTS_TOLD))
        return found
      }),

    bounce: ({ messageId, bounce }) =>
      group.write({
        bytes: bounce?.body.byteLength ?? 0,
        async run(transaction, effects) {
          if (bounce !== null) {
            const refusal = await tell(transaction, effects, bounce)
            if (refusal !== undefined) return refusal
          }
          await transaction
            .updateTable('message')
            .set({ bounce_due: 0 })
            .where('id', '=', messageId)
            .execute()
          return
        },
      }),
  }

  async function tell(
    transaction: Transaction<Tables>,
    effects: Effects,
    mail: { readonly message: NewMessage; readonly body: Uint8Array },
  ): Promise<Refusal | undefined> {
    const accepted = await accept(transaction, effects, mail.message, mail.body)
    return accepted instanceof Refusal ? accepted : undefined
  }
}
