import type { Failure } from '../../diagnosis/index.ts'
import type { OutgoingMessage, SendResult, SmtpSession } from '../../smtp/index.ts'
import { sentenceOf } from './sysexits.ts'

/** A recipient for whom the relay did not take the message, and why. */
export interface RefusedRecipient {
  readonly address: string
  readonly words: string
}

export interface HandedOver {
  /** Set when the relay has the message for nobody. */
  readonly failure: Failure | null
  /** When it has it for others. */
  readonly refused: readonly RefusedRecipient[]
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
  if (first.failure !== null) return { failure: first.failure, refused: [] }
  const refused: RefusedRecipient[] = []
  let waiting = restOf(message.recipients, first)
  while (waiting.length > 0) {
    try {
      waiting = restOf(waiting, await session.send({ ...message, recipients: waiting }))
    } catch (error) {
      const words = sentenceOf(error)
      refused.push(...waiting.map(({ address }) => ({ address, words })))
      break
    }
  }
  return { failure: null, refused }

  /** Those for another transaction: fewer each time, because this one was taken for somebody. */
  function restOf(asked: OutgoingMessage['recipients'], { failure, recipients }: SendResult) {
    return asked.filter(({ address }, place) => {
      const word = recipients[place]?.failure ?? failure
      if (word === null) return false
      if (failure === null && isTooMany(word)) return true
      refused.push({ address, words: wordsOf(word) })
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
