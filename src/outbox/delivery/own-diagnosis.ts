import type { Diagnosis } from '../../diagnosis/index.ts'
import { PosternError } from '../../platform/errors.ts'

/** What Postern itself decides about mail, without an answer of a server. */

export const PROFILE_REMOVED = 'profile_removed'

type Words = Pick<Diagnosis, 'code' | 'summary' | 'cause' | 'remedy'>

function own(words: Words, answer: Partial<Diagnosis['answer']> = {}): Diagnosis {
  return {
    ...words,
    row: null,
    likelyCauses: [],
    responsible: 'operator',
    commands: [],
    retry: 'never',
    retryAfterMs: null,
    waitingUntil: null,
    guideStep: null,
    answer: {
      source: 'settings',
      step: 'outbox',
      server: null,
      text: '',
      code: null,
      enhancedCode: null,
      traceId: null,
      correlationId: null,
      sessionId: null,
      at: null,
      ...answer,
    },
  }
}

export function profileRemoved(profileId: string): Diagnosis {
  return own({
    code: PROFILE_REMOVED,
    summary: `The profile ${profileId} does not exist any more, and mail for it is still waiting.`,
    cause: 'The profile was removed while mail for it was waiting.',
    remedy: `The operator of Postern creates the profile ${profileId} again: then the mail goes out by itself; or cancels the messages.`,
  })
}

/** The mail fails, and the reason of the hold stays in sight. */
export function heldTooLong(holdHours: number, reason: Diagnosis): Diagnosis {
  const isInDays = holdHours >= 48 && holdHours % 24 === 0
  const hours = holdHours === 1 ? '1 hour' : `${holdHours} hours`
  const time = isInDays ? `${holdHours / 24} days` : hours
  return {
    ...reason,
    code: 'held_too_long',
    row: null,
    summary: `The message was kept for ${time} and could not be sent in this time. ${reason.summary}`,
    cause: `Postern keeps held mail for ${time}, then it fails. The mail was held because: ${reason.cause === '' ? reason.summary : reason.cause}`,
    retry: 'never',
    retryAfterMs: null,
    waitingUntil: null,
  }
}

/** After a few SendAsDenied Postern itself waits, before Microsoft blocks the mailbox. */
export function senderMustWait(sender: string, waitMs: number): Diagnosis {
  const whom = sender === '' ? 'nobody' : sender
  return {
    ...own({
      code: 'sender_must_wait',
      summary: `Postern does not try the message from ${whom} yet: the server has just refused other senders of this mailbox.`,
      cause:
        'Microsoft blocks the whole mailbox after continuous refusals of Send As, so Postern tries only a few new senders in an hour.',
      remedy:
        'Nobody has to act for this message: Postern tries it by itself. The Exchange administrator looks after the senders on hold.',
    }),
    responsible: 'nobody',
    retry: 'transient',
    retryAfterMs: waitMs,
  }
}

/** The message itself cannot be put on the wire: an error of a value in it, in the words of the one who found it. */
export function messageNotSendable(sentence: string): Diagnosis {
  return own({
    code: 'message_not_sendable',
    summary: sentence,
    cause: 'The message as it was handed in cannot be sent by SMTP.',
    remedy: 'The operator of Postern has the sending application corrected.',
  })
}

/** The message is tried again: what is damaged may be repaired, or restored from a backup. */
export function messageUnreadable(error: unknown): Diagnosis {
  const reason = error instanceof PosternError ? ` ${error.message}` : ''
  return {
    ...own({
      code: 'message_unreadable',
      summary: `The content of the message cannot be read from the database.${reason}`,
      cause:
        'The part of the database file with this message is damaged, or the disk cannot read it.',
      remedy:
        'The operator of Postern checks the disk and restores the newest backup, or cancels the message and has the application send it again.',
    }),
    retry: 'transient',
  }
}

/** Nobody knows it, so it is temporary. The log has the details. */
export function deliveryFault(): Diagnosis {
  return {
    ...own({
      code: 'delivery_fault',
      summary: 'The attempt was ended by an error inside Postern.',
      cause: 'An unexpected error came up on the way of the message to the server.',
      remedy:
        'Postern tries the message again by itself. When that does not help, the operator of Postern reports the error that the log has under the id of the message.',
    }),
    retry: 'transient',
  }
}
