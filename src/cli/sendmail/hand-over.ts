import type { Failure } from '../../diagnosis/index.ts'
import type { OutgoingMessage, SendResult, SmtpSession } from '../../smtp/index.ts'
import { sentenceOf } from './sysexits.ts'

/** A recipient for whom the relay did not say that it took the message, and why. */
export interface MissedRecipient {
  readonly address: string
  readonly words: string
  /** The relay may have it all the same: its last word did not come. */
  readonly isUncertain: boolean
}

export interface HandedOver {
  /** Set when the relay has the message for nobody. */
  readonly failure: Failure | null
  /** With a failure: the relay may have the message all the same. */
  readonly isUncertain: boolean
  /** When it has it for others. */
  readonly missed: readonly MissedRecipient[]
}

/**
 * Hands one message over in as many transactions as the relay wants (RFC 5321 §4.5.3.1.10). Rejects as the session does,
 * but not once the relay has the message for somebody.
 */
export async function handOver(
  session: Pick<SmtpSession, 'send'>,
  message: OutgoingMessage & { body: Uint8Array },
): Promise<HandedOver> {
  const first = await session.send(message)
  const { failure, uncertain: isUncertain } = first
  if (failure !== null) return { failure, isUncertain, missed: [] }
  const missed: MissedRecipient[] = []
  let waiting = restOf(message.recipients, first)
  while (waiting.length > 0) {
    try {
      waiting = restOf(waiting, await session.send({ ...message, recipients: waiting }))
    } catch (error) {
      // Whether the final dot had gone out nobody knows here.
      const why = { words: sentenceOf(error), isUncertain: true }
      missed.push(...waiting.map(({ address }) => ({ address, ...why })))
      break
    }
  }
  return { failure: null, isUncertain: false, missed }

  /** Those for another transaction: fewer each time, because this one was taken for somebody. */
  function restOf(asked: OutgoingMessage['recipients'], result: SendResult) {
    return asked.filter(({ address }, place) => {
      const own = result.recipients[place]?.failure ?? null
      const word = own ?? result.failure
      if (word === null) return false
      if (result.failure === null && isTooMany(word)) return true
      const isUncertain = own === null && result.uncertain
      missed.push({ address, words: wordsOf(word), isUncertain })
      return false
    })
  }
}

/** On one line. */
export function wordsOf(failure: Failure): string {
  if (failure.source === 'smtp') return failure.text.replaceAll('\n', ' ')
  return 'message' in failure ? failure.message : 'it cannot be used as it is set up.'
}

function isTooMany(failure: Failure): boolean {
  return failure.source === 'smtp' && failure.code === 452 && failure.enhancedCode === '4.5.3'
}
