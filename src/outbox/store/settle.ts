import type { Kysely } from 'kysely'
import { HOUR_MS } from '../../platform/clock.ts'
import type { Tables } from '../../storage/index.ts'
import type { Settlement } from '../outbox-store.ts'
import { attemptSettled } from '../refusals.ts'
import type { Effects } from './effects.ts'
import { countEnding, dueOf, ENDING_COLUMNS } from './ending.ts'
import { Refusal } from './group-commit.ts'
import { numberMarker, prepare, textMarker } from './prepared.ts'
import { writeDiagnosis } from './rows.ts'

type MessageRow = Tables['message']

/** The statements that write down what an attempt came to. */
export type Settle = (effects: Effects, settlement: Settlement) => Refusal | undefined

const OUTCOME: Pick<
  MessageRow,
  | 'state'
  | 'attempts'
  | 'next_attempt_at'
  | 'finished_at'
  | 'diagnosis'
  | 'reply'
  | 'server_message_id'
  | 'report_due'
  | 'bounce_due'
> & { readonly seq: number } = {
  seq: numberMarker(0),
  state: 'delivered',
  attempts: numberMarker(1),
  next_attempt_at: numberMarker(2),
  finished_at: numberMarker(3),
  diagnosis: textMarker('diagnosis'),
  reply: textMarker('reply'),
  server_message_id: textMarker('server'),
  report_due: numberMarker(4),
  bounce_due: numberMarker(5),
}

const ATTEMPT: Tables['message_attempt'] = {
  message: numberMarker(0),
  number: numberMarker(1),
  started_at: numberMarker(2),
  finished_at: numberMarker(3),
  outcome: 'delivered',
  server: textMarker('server'),
  recipients: numberMarker(4),
  reply: textMarker('reply'),
  diagnosis: textMarker('diagnosis'),
}

const RECIPIENT: Pick<
  Tables['message_recipient'],
  'message' | 'position' | 'state' | 'reply' | 'diagnosis_code' | 'finished_at'
> = {
  message: numberMarker(0),
  position: numberMarker(1),
  state: 'waiting',
  reply: textMarker('reply'),
  diagnosis_code: textMarker('code'),
  finished_at: numberMarker(2),
}

export function createSettle(db: Kysely<Tables>): Settle {
  const claimed = prepare(db, { id: textMarker('id') }, (value) =>
    db
      .selectFrom('message')
      .select(['seq', 'attempts', ...ENDING_COLUMNS])
      .where('id', '=', value.id)
      .where('state', '=', 'sending'),
  )
  const write = prepare(db, OUTCOME, ({ seq, reply, server_message_id, ...rest }) =>
    db
      .updateTable('message')
      .set((is) => ({
        ...rest,
        reply: is.fn.coalesce(is.val(reply), 'reply'),
        server_message_id: is.fn.coalesce(is.val(server_message_id), 'server_message_id'),
      }))
      .where('seq', '=', seq),
  )
  const insertAttempt = prepare(db, ATTEMPT, (value) =>
    db.insertInto('message_attempt').values(value),
  )
  const settleRecipient = prepare(db, RECIPIENT, ({ message, position, ...rest }) =>
    db
      .updateTable('message_recipient')
      .set(rest)
      .where('message', '=', message)
      .where('position', '=', position),
  )
  const charge = prepare(
    db,
    { mailbox: textMarker('mailbox'), hour: numberMarker(0), recipients: numberMarker(1) },
    (value) =>
      db
        .insertInto('mailbox_hour')
        .values(value)
        .onConflict((conflict) =>
          conflict.columns(['mailbox', 'hour']).doUpdateSet((is) => ({
            recipients: is('mailbox_hour.recipients', '+', is.ref('excluded.recipients')),
          })),
        ),
  )

  return (effects, settlement) => {
    const { messageId, attempt, recipients, next, serverMessageId, accounted } = settlement
    const [message] = claimed({ id: messageId })
    // Stored by a thread that died before it could say so; the message may have been claimed again since.
    if (message?.attempts !== attempt.number - 1) {
      return new Refusal(attemptSettled(messageId, attempt.number))
    }
    const { seq } = message
    const at = attempt.finishedAt
    const isOver = next.state === 'delivered' || next.state === 'failed'
    const diagnosis = writeDiagnosis(attempt.diagnosis)

    write({
      seq,
      state: next.state,
      attempts: attempt.number,
      next_attempt_at: next.state === 'deferred' ? next.nextAttemptAt : null,
      finished_at: isOver ? at : null,
      diagnosis,
      reply: attempt.reply,
      server_message_id: serverMessageId,
      ...dueOf(message, next.state),
    })
    insertAttempt({
      message: seq,
      number: attempt.number,
      started_at: attempt.startedAt,
      finished_at: at,
      outcome: attempt.outcome,
      server: attempt.server,
      recipients: attempt.recipients,
      reply: attempt.reply,
      diagnosis,
    })
    for (const { index, state, reply, diagnosisCode } of recipients) {
      settleRecipient({
        message: seq,
        position: index,
        state,
        reply,
        diagnosis_code: diagnosisCode,
        finished_at: state === 'waiting' ? null : at,
      })
    }
    if (accounted !== null && accounted.recipients > 0) {
      charge({
        mailbox: accounted.mailbox,
        hour: Math.floor(at / HOUR_MS),
        recipients: accounted.recipients,
      })
    }
    if (isOver) countEnding(message, effects)
    if (next.state === 'held') effects.held(message.profile_id, 1)
    return undefined
  }
}
