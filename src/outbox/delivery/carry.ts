import type { Diagnosis, Failure } from '../../diagnosis/index.ts'
import { messageOf, PosternError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { StoredRecipient } from '../message.ts'
import type { ClaimedMessage, OutboxStore } from '../outbox-store.ts'
import { rulingOf } from './disposition.ts'
import { deliveryFault, messageUnreadable } from './own-diagnosis.ts'
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
  store: Pick<OutboxStore, 'readChunk' | 'state'>
  diagnose: (failure: Failure, servicePrincipalObjectId: string | null) => Diagnosis
  log: Logger
}

/**
 * Hands one message to the server, for these recipients: over a pooled connection and, where its failure says nothing
 * about the message, once more over a new one. Rejects when the signal is aborted, when the profile is not what it was,
 * and when the store as a whole could not be read; any other error of Postern's own is a failure of this message alone.
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
  const reading = { hasFailed: false }
  let lease: Lease | undefined
  let wasBegun = false
  let before: Promise<unknown> | undefined

  async function handOver(fresh: boolean): Promise<Carried> {
    const outcome = await pool.acquire(message.profileId, { fresh, patient, signal })
    if (!outcome.ok) return { ...nothing, ...outcome, lease: undefined, wasBegun }
    const taken = outcome.lease
    const { servicePrincipalObjectId } = taken
    lease = taken
    wasBegun = true
    const result = await taken.session.send({
      ...message.envelope,
      recipients,
      sizeBytes: message.sizeBytes,
      body: claimed.body ?? noted(readBody(store, message.id), reading),
      beforeEnd: before === undefined ? taken.settled : Promise.all([before, taken.settled]),
      signal,
    })
    const { failure, uncertain } = result
    // A message that the server may have is not handed over again at once.
    const isWorthAnother =
      failure !== null &&
      !fresh &&
      !uncertain &&
      rulingOf(failure, diagnose(failure, servicePrincipalObjectId)).reconnect
    if (isWorthAnother) {
      before = taken.settled
      lease = undefined
      pool.give(taken)
      return await handOver(true)
    }
    const { recipients: said, reply, serverMessageId } = result
    return {
      words: said,
      failure,
      reply,
      serverMessageId,
      lease: taken,
      servicePrincipalObjectId,
      wasBegun,
    }
  }

  try {
    return await handOver(false)
  } catch (error) {
    const isMessage = lease !== undefined && isNotSendable(error)
    const failure = isMessage
      ? { notSendable: error.message }
      : await ownFailure(deps, { id: message.id, error, ...reading }, signal)
    if (failure === undefined) {
      if (lease !== undefined) pool.give(lease)
      throw error
    }
    const servicePrincipalObjectId = lease?.servicePrincipalObjectId ?? null
    return { ...nothing, failure, lease, servicePrincipalObjectId, wasBegun }
  }
}

/** Undefined: it says nothing about this message. */
async function ownFailure(
  { store, log }: CarryDeps,
  { id, error, hasFailed }: { id: string; error: unknown; hasFailed: boolean },
  signal: AbortSignal,
): Promise<{ readonly ownFault: Diagnosis } | undefined> {
  const code = error instanceof PosternError ? error.code : ''
  if (signal.aborted || code === 'profile_changed' || code === 'profile_not_found') return undefined
  if (!(await isAnswering(() => store.state(id)))) return undefined
  if (hasFailed && (await isAnswering(() => readThrough(readBody(store, id))))) return undefined
  log.error({ id, err: error }, `an attempt was ended by an error: ${messageOf(error)}`)
  return { ownFault: hasFailed ? messageUnreadable(error) : deliveryFault() }
}

function isAnswering(ask: () => Promise<unknown>): Promise<boolean> {
  return ask().then(
    () => true,
    () => false,
  )
}

async function readThrough(pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let sizeBytes = 0
  for await (const piece of pieces) sizeBytes += piece.byteLength
  return sizeBytes
}

/** Notes that the pieces themselves have failed, not what is done with them. */
async function* noted(
  pieces: AsyncIterable<Uint8Array>,
  reading: { hasFailed: boolean },
): AsyncIterable<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]()
  for (;;) {
    reading.hasFailed = true
    const { value, done } = await iterator.next()
    reading.hasFailed = false
    if (done === true) return
    yield value
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
