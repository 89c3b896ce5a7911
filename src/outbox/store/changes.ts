import { type Kysely, sql, type Transaction } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import type { MessageState } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { Effects } from './effects.ts'
import { countEnding, dueOf, ENDING_COLUMNS, type Ending } from './ending.ts'
import type { GroupCommit } from './group-commit.ts'
import { type MessageRow, writeDiagnosis } from './rows.ts'
import { isSender } from './sender.ts'

type Changes = Pick<OutboxStore, 'requeue' | 'cancel' | 'failHeld'>

const STOPPABLE: readonly MessageState[] = ['queued', 'deferred', 'held']
const ENDED: readonly MessageState[] = ['delivered', 'failed', 'cancelled']

/** What people, and the end of patience, do to messages. */
export function createChanges(deps: { group: GroupCommit }): Changes {
  const { group } = deps
  return {
    requeue: (id, from) =>
      group.write({
        async run(transaction, effects) {
          const message = await find(transaction, id)
          if (message === undefined || message.body === null) return false
          if (!from.includes(message.state) || message.state === 'sending') return false
          const { seq, state, profile_id: profileId, accepted_at: acceptedAt } = message
          await transaction
            .updateTable('message')
            .set({
              state: 'queued',
              next_attempt_at: null,
              finished_at: null,
              report_due: 0,
              bounce_due: 0,
            })
            .where('seq', '=', seq)
            .execute()
          if (state === 'held') effects.held(profileId, -1)
          if (ENDED.includes(state)) {
            await transaction
              .updateTable('message_recipient')
              .set({ state: 'waiting', finished_at: null })
              .where('message', '=', seq)
              .where('state', 'in', ['failed', 'cancelled'])
              .execute()
            effects.joined({ profileId, acceptedAt })
            effects.keptBytes(-message.size_bytes)
          }
          return true
        },
      }),

    cancel: (id, now) =>
      group.write({
        async run(transaction, effects) {
          const message = await find(transaction, id)
          if (message === undefined || !STOPPABLE.includes(message.state)) return false
          await end(transaction, effects, message, {
            state: 'cancelled',
            at: now,
            diagnosis: message.diagnosis,
            code: null,
          })
          return true
        },
      }),

    failHeld: ({ profileId, sender, acceptedBefore, now, diagnosis, limit }) =>
      group.write({
        async run(transaction, effects) {
          let query = transaction
            .selectFrom('message')
            .select(['seq', 'id', 'state', ...ENDING_COLUMNS])
            .where('finished_at', 'is', null)
            .where('profile_id', '=', profileId)
            .where('accepted_at', '<', acceptedBefore)
            .where(sql`coalesce(state, '')`, 'in', STOPPABLE)
            .orderBy('accepted_at')
            .limit(limit)
          if (sender !== '') {
            query = query.where(isSender(sender))
          }
          const messages = await query.execute()
          for (const message of messages) {
            await end(transaction, effects, message, {
              state: 'failed',
              at: now,
              diagnosis: writeDiagnosis(diagnosis),
              code: diagnosis.code,
            })
          }
          return messages.map(({ id, source }) => ({ id, source }))
        },
      }),
  }
}

function find(transaction: Transaction<Tables>, id: string) {
  return transaction
    .selectFrom('message')
    .select(['seq', 'state', 'body', 'diagnosis', ...ENDING_COLUMNS])
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Ends a message without an attempt, with those of its recipients that wait. */
async function end(
  executor: Kysely<Tables>,
  effects: Effects,
  message: Ending & Pick<MessageRow, 'seq' | 'state'>,
  ending: {
    state: 'failed' | 'cancelled'
    at: number
    diagnosis: string | null
    code: string | null
  },
): Promise<void> {
  const { state, at, diagnosis, code } = ending
  await executor
    .updateTable('message')
    .set({
      state,
      next_attempt_at: null,
      finished_at: at,
      diagnosis,
      ...dueOf(message, state),
    })
    .where('seq', '=', message.seq)
    .execute()
  await executor
    .updateTable('message_recipient')
    .set({ state, finished_at: at, diagnosis_code: code })
    .where('message', '=', message.seq)
    .where('state', '=', 'waiting')
    .execute()
  countEnding(message, effects)
  if (message.state === 'held') effects.held(message.profile_id, -1)
}
