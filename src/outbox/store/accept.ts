import type { CompiledQuery, Kysely } from 'kysely'
import { PosternError } from '../../platform/errors.ts'
import { statementOf, type Tables } from '../../storage/index.ts'
import type { Accepted } from '../message.ts'
import type { NewMessage } from '../outbox-store.ts'
import type { Bodies } from './bodies.ts'
import type { Effects } from './effects.ts'
import { Refusal } from './group-commit.ts'
import { numberMarker, prepare, textMarker } from './prepared.ts'
import { addressKey, toNewRow } from './rows.ts'

/** The statements that accept a message, part of a transaction. */
export type AcceptMessage = (
  executor: Kysely<Tables>,
  effects: Effects,
  message: NewMessage,
  body: Uint8Array | null,
) => Promise<Accepted | Refusal>

export function createAccept(deps: { db: Kysely<Tables>; bodies: Bodies }): AcceptMessage {
  const { db, bodies } = deps

  const known = prepare(db, { client: textMarker('client'), key: textMarker('key') }, (value) =>
    db
      .selectFrom('idempotency_key')
      .select(['fingerprint', 'message_id', 'accepted_at'])
      .where('client', '=', value.client)
      .where('key', '=', value.key),
  )
  const insertMessage = createInsertMessage(db)
  const insertRecipient = prepare(db, RECIPIENT, (value) =>
    db.insertInto('message_recipient').values({
      ...value,
      state: 'waiting',
      reply: null,
      diagnosis_code: null,
      finished_at: null,
    }),
  )

  return async (executor, effects, message, body) => {
    const { id, acceptedAt, sizeBytes, draft } = message
    const { client, idempotency } = draft
    const [former] = idempotency === null ? [] : known({ client, key: idempotency.key })
    if (former !== undefined && former.fingerprint !== idempotency?.fingerprint) {
      return new Refusal(keyReused())
    }
    const duplicate = former !== undefined
    if (body === null) {
      const taken = await bodies.take(executor, { id, sizeBytes, duplicate })
      if (taken instanceof Refusal) return taken
      if (!duplicate) await insert(taken)
    } else if (!duplicate) {
      await insert(bodies.insert(body))
    }
    if (duplicate) return { id: former.message_id, acceptedAt: former.accepted_at, duplicate }
    return { id, acceptedAt, duplicate }

    async function insert(number: number): Promise<void> {
      const seq = insertMessage(message, number)
      effects.added(seq)
      for (const [position, { address, notify, orcpt }] of draft.envelope.recipients.entries()) {
        insertRecipient({
          message: seq,
          position,
          address,
          address_key: addressKey(address),
          notify,
          orcpt,
          accepted_at: acceptedAt,
        })
      }
      if (idempotency !== null) {
        const { key, fingerprint } = idempotency
        await executor
          .insertInto('idempotency_key')
          .values({ client, key, fingerprint, message_id: id, accepted_at: acceptedAt })
          .execute()
      }
      effects.joined({ profileId: draft.profileId, acceptedAt })
    }
  }
}

const RECIPIENT: Omit<
  Tables['message_recipient'],
  'state' | 'reply' | 'diagnosis_code' | 'finished_at'
> = {
  message: numberMarker(0),
  position: numberMarker(1),
  address: textMarker('address'),
  address_key: textMarker('key'),
  notify: textMarker('notify'),
  orcpt: textMarker('orcpt'),
  accepted_at: numberMarker(2),
}

/** One row of every message: its columns are compiled once, from the row of an example. */
function createInsertMessage(db: Kysely<Tables>) {
  const row = toNewRow(EXAMPLE, 0)
  const compiled: CompiledQuery<{ seq: number }> = db
    .insertInto('message')
    .values(row)
    .returning('seq')
    .compile()
  const run = statementOf(db, compiled)
  return (message: NewMessage, body: number): number => {
    const [inserted] = run(Object.values(toNewRow(message, body)))
    if (inserted === undefined) throw new Error('the message has no number')
    return inserted.seq
  }
}

const EXAMPLE: NewMessage = {
  id: '',
  sizeBytes: 0,
  acceptedAt: 0,
  draft: {
    profileId: '',
    source: 'api',
    priority: 2,
    client: '',
    envelope: {
      sender: '',
      recipients: [],
      smtpUtf8: false,
      eightBit: false,
      ret: null,
      envid: null,
    },
    headerFrom: null,
    subject: null,
    messageId: null,
    once: false,
    bounceTo: null,
    idempotency: null,
  },
}

function keyReused(): PosternError {
  return new PosternError(
    'This idempotency key was used within the last 24 hours for another message. Use a new key for a new message, and the same content to repeat one.',
    { kind: 'conflict', code: 'idempotency_key_reused' },
  )
}
