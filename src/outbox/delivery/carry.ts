import type { Diagnosis, Failure } from '../../diagnosis/index.ts'
import { PosternError } from '../../platform/errors.ts'
import type { SendResult } from '../../smtp/index.ts'
import type { StoredRecipient } from '../message.ts'
import type { ClaimedMessage, OutboxStore } from '../outbox-store.ts'
import { rulingOf } from './disposition.ts'
import type { Lease, SessionPool } from './session-pool.ts'
import type { Tried } from './verdict.ts'

/** What became of one transaction. */
export interface Carried {
  readonly words: Tried['words']
  readonly failure: Tried['failure']
  readonly reply: string | null
  readonly serverMessageId: string | null
  /** Still in the caller's hands: it goes back to the pool with the commit about this message. */
  readonly lease: Lease | undefined
  readonly servicePrincipalObjectId: string | null
  /** A server has heard of the message in this try. */
  readonly wasBegun: boolean
}

export interface CarryDeps {
  pool: SessionPool
  store: Pick<OutboxStore, 'readChunk'>
  diagnose: (failure: Failure, servicePrincipalObjectId: string | null) => Diagnosis
}

/**
 * Hands one message to the server, for these recipients: over a pooled connection and, where its failure says nothing
 * about the message, once more over a new one. Rejects when the signal is aborted, and when the store cannot be read.
 */
export async function carry(
  deps: CarryDeps,
  claimed: ClaimedMessage,
  recipients: readonly StoredRecipient[],
  signal: AbortSignal,
): Promise<Carried> {
  const { pool, store, diagnose } = deps
  const { message } = claimed
  const patient = message.source === 'test'
  const words = recipients.map(() => ({ failure: null, reply: null }))
  const nothing = { words, reply: null, serverMessageId: null }
  let before: Promise<unknown> | undefined

  for (let fresh = false; ; fresh = true) {
    const outcome = await pool.acquire(message.profileId, { fresh, patient, signal })
    if (!outcome.ok) return { ...nothing, ...outcome, lease: undefined, wasBegun: fresh }
    const { lease } = outcome
    const { servicePrincipalObjectId } = lease
    let result: SendResult
    try {
      result = await lease.session.send({
        ...message.envelope,
        recipients,
        sizeBytes: message.sizeBytes,
        body: claimed.body ?? readBody(store, message.id),
        beforeEnd: before === undefined ? lease.settled : Promise.all([before, lease.settled]),
        signal,
      })
    } catch (error) {
      if (!isNotSendable(error)) {
        pool.give(lease)
        throw error
      }
      const failure = { notSendable: error.message }
      return { ...nothing, failure, lease, servicePrincipalObjectId, wasBegun: true }
    }
    const { failure, uncertain } = result
    // A message that the server may have is not handed over again at once.
    const isWorthAnother =
      failure !== null &&
      !fresh &&
      !uncertain &&
      rulingOf(failure, diagnose(failure, servicePrincipalObjectId)).reconnect
    if (isWorthAnother) {
      before = lease.settled
      pool.give(lease)
      continue
    }
    const { recipients: said, reply, serverMessageId } = result
    return {
      words: said,
      failure,
      reply,
      serverMessageId,
      lease,
      servicePrincipalObjectId,
      wasBegun: true,
    }
  }
}

/** The caller's own values: no server will ever take them. */
function isNotSendable(error: unknown): error is PosternError {
  return (
    error instanceof PosternError &&
    (error.code === 'smtp_value_invalid' || error.code === 'smtp_message_invalid')
  )
}

/** The next piece is read while one is on its way. */
export async function* readBody(
  store: Pick<OutboxStore, 'readChunk'>,
  messageId: string,
): AsyncIterable<Uint8Array> {
  let next = store.readChunk(messageId, 0)
  for (let index = 1; ; index++) {
    const piece = await next
    if (piece === undefined) return
    next = store.readChunk(messageId, index)
    // Told by the `await` above; before that nobody may be looking.
    next.catch(() => {})
    yield piece
  }
}
