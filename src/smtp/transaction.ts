import type { Failure, SmtpStep } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { DialError } from '../platform/dial.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import { type PreparedBody, prepareBody } from './body.ts'
import type { SmtpConnection } from './connection.ts'
import { planEnvelope } from './envelope.ts'
import type { Extensions } from './extensions.ts'
import { dialFailure, replyFailure, type SmtpServer, StepFailed, timedOut } from './failures.ts'
import type { SmtpTimeouts } from './opening.ts'
import { serverMessageIdOf } from './receipt.ts'
import type { Reply } from './reply.ts'
import type { OutgoingMessage, SendResult } from './session.ts'

export interface TransactionDeps {
  connection: SmtpConnection
  server: SmtpServer
  extensions: Extensions
  clock: Clock
  timeouts: SmtpTimeouts
}

interface RecipientResult {
  failure: Failure | null
  reply: string | null
}

/** What came of the envelope. */
interface EnvelopeResult {
  /** Null: go ahead with the content. */
  failure: Failure | null
  /** The reply to DATA, when it was said. */
  data: Reply | undefined
  /** RCPT commands that were accepted, also without a MAIL that was. */
  accepted: number
}

/** MAIL, RCPT, DATA and the content. Closes the connection when it cannot be used for another message. */
export async function runTransaction(
  deps: TransactionDeps,
  message: OutgoingMessage,
): Promise<SendResult> {
  const { connection, server, extensions, clock, timeouts } = deps
  const { signal, beforeEnd } = message
  // It may be rejected long before it is looked at, or never be looked at.
  beforeEnd?.catch(() => {})
  const plan = planEnvelope(message, { server, extensions })
  const body = prepareBody(message)
  const recipients: RecipientResult[] = message.recipients.map(() => ({
    failure: null,
    reply: null,
  }))
  let lastReply: Reply | null = null
  let dotWritten = false

  async function within<T>(step: string, ms: number, work: (limit: AbortSignal) => Promise<T>) {
    const reason = () => timedOut(server, step, ms)
    try {
      using limit = createTimeLimit({ clock, ms, reason, signal })
      return await work(limit.signal)
    } catch (error) {
      if (!(error instanceof DialError)) throw error
      throw new StepFailed(dialFailure(server, step, error), error.message)
    }
  }

  /** RFC 5321 §3.8: after 421 the server says nothing more. */
  async function answer(step: SmtpStep, ms: number): Promise<Reply> {
    const reply = connection.next() ?? (await within(step, ms, (limit) => connection.read(limit)))
    if (reply.code !== 421) return reply
    if (dotWritten) lastReply ??= reply
    throw new StepFailed(replyFailure(server, step, reply), reply.text)
  }

  /** Together where the server allows it (RFC 2920), else one after the other; every reply is read either way. */
  async function sendEnvelope(mail: string, lines: readonly (string | null)[]) {
    const { pipelining } = extensions
    const wanted = lines.filter((line) => line !== null)
    if (pipelining) connection.send([mail, ...wanted, 'DATA'])
    const ask = (step: SmtpStep, line: string) => {
      if (!pipelining) connection.send([line])
      return answer(step, timeouts.commandMs)
    }
    const result: EnvelopeResult = { failure: null, data: undefined, accepted: 0 }
    const opened = await ask('mail', mail)
    if (!isDone(opened)) result.failure = replyFailure(server, 'mail', opened)
    if (result.failure !== null && !pipelining) return result
    for (const [index, line] of lines.entries()) {
      if (line === null) continue
      const reply = await ask('rcpt', line)
      if (isDone(reply)) result.accepted++
      const recipient = recipients[index]
      // Without a sender, the replies to RCPT say nothing about the recipients.
      if (recipient === undefined || result.failure !== null) continue
      recipient.reply = reply.text
      if (!isDone(reply)) recipient.failure = replyFailure(server, 'rcpt', reply)
    }
    if (result.accepted > 0 || pipelining) {
      result.data = await ask('data', 'DATA')
      if (result.failure === null && result.accepted > 0 && !isGoAhead(result.data)) {
        result.failure = replyFailure(server, 'data', result.data)
      }
    }
    if (result.failure === null && result.accepted === 0) result.failure = firstFailure()
    return result
  }

  function firstFailure(): Failure | null {
    return recipients.find(({ failure }) => failure !== null)?.failure ?? null
  }

  /** Leaves the server without a transaction, ready for the next message, or closes the connection. */
  async function abandon({ data, accepted }: Pick<EnvelopeResult, 'data' | 'accepted'>) {
    try {
      if (data === undefined || data.code >= 400) {
        connection.send(['RSET'])
        const reply = await answer('quit', timeouts.commandMs)
        if (!isDone(reply)) connection.close()
      } else if (isGoAhead(data) && accepted === 0) {
        // RFC 2920 §3.1: DATA without a recipient may be answered with 354; a lone dot ends it, and whatever the
        // server says to that, nobody has got a message.
        connection.send(['.'])
        await answer('message', timeouts.dataMs)
      } else {
        // The replies do not belong to the commands any more; anything written now might become a message.
        connection.close()
      }
    } catch {
      // The word about the message stands, whatever becomes of the connection, or of the caller's patience.
      connection.close()
    }
  }

  /** What the server says before it has the whole message: it will not have it. */
  function assertAttentive(): void {
    const early = connection.unasked ? connection.next() : undefined
    if (early !== undefined && early.code >= 400) {
      throw new StepFailed(replyFailure(server, 'message', early), early.text)
    }
    const error = early !== undefined || connection.unasked ? unasked() : connection.ended
    if (error !== undefined) {
      throw new StepFailed(dialFailure(server, 'message', error), error.message)
    }
  }

  async function sendContent({ pieces, end }: PreparedBody): Promise<Reply> {
    // The last piece is kept back: it goes together with the end.
    let last: Uint8Array | undefined
    for await (const piece of pieces) {
      signal?.throwIfAborted()
      assertAttentive()
      if (last !== undefined) {
        if (!connection.hasRoom) await within('message', timeouts.dataMs, connection.room)
        assertAttentive()
        connection.write([last], 0)
      }
      last = piece
    }
    const ending = end()
    if (beforeEnd !== undefined) await unlessAborted(beforeEnd, signal)
    if (!connection.hasRoom) await within('message', timeouts.dataMs, connection.room)
    assertAttentive()
    dotWritten = true
    connection.write(last === undefined ? [ending] : [last, ending], 1)
    return answer('message', timeouts.dataMs)
  }

  function result(failure: Failure | null): SendResult {
    const reply = lastReply?.text ?? null
    return {
      recipients,
      failure,
      reply,
      serverMessageId: failure === null && reply !== null ? serverMessageIdOf(reply) : null,
      uncertain: dotWritten && lastReply === null,
    }
  }

  if ('refusal' in plan) return result(plan.refusal)
  for (const [index, { failure }] of plan.recipients.entries()) {
    const recipient = recipients[index]
    if (recipient !== undefined) recipient.failure = failure
  }
  if (plan.recipients.every(({ line }) => line === null)) return result(firstFailure())
  try {
    const lines = plan.recipients.map(({ line }) => line)
    const envelope = await sendEnvelope(plan.mail, lines)
    if (envelope.failure !== null) {
      await abandon(envelope)
      return result(envelope.failure)
    }
    const reply = await sendContent(body)
    lastReply = reply
    if (isDone(reply)) return result(null)
    await abandon({ data: reply, accepted: recipients.length })
    return result(replyFailure(server, 'message', reply))
  } catch (error) {
    connection.close()
    if (signal?.aborted) throw signal.reason
    if (error instanceof StepFailed) return result(error.failure)
    throw error
  }
}

// RFC 5321 §4.2.1: the first digit says what to do next.
function isDone(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300
}

function isGoAhead(reply: Reply): boolean {
  return reply.code >= 300 && reply.code < 400
}

function unasked(): DialError {
  return new DialError('The server answered before the message was complete.', {
    phase: 'protocol',
    code: 'REPLY_UNASKED',
  })
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
