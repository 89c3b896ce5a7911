import { type Diagnosis, diagnosisSentence } from '../diagnosis/index.ts'
import { toIso } from '../platform/clock.ts'
import type { AttemptView, MessageDetailView, MessageReceipt, MessageView } from './api.ts'
import {
  type Attempt,
  type Hold,
  type MessageDetail,
  type MessageState,
  PRIORITY,
  type StoredMessage,
} from './message.ts'

const PRIORITY_NAMES = ['alert', 'test', 'interactive', 'bulk'] as const

/** A message as an answer shows it. `holds`: of its profile. */
export function toMessageView(message: StoredMessage, holds: readonly Hold[]): MessageView {
  return {
    id: message.id,
    profile: message.profileId,
    source: message.source,
    client: message.client,
    priority: PRIORITY_NAMES[message.priority],
    sender: message.envelope.sender,
    from: message.headerFrom,
    subject: message.subject,
    messageId: message.messageId,
    sizeBytes: message.sizeBytes,
    recipientCount: message.recipientCount,
    acceptedAt: toIso(message.acceptedAt),
    attempts: message.attempts,
    nextAttemptAt: instant(message.nextAttemptAt),
    finishedAt: instant(message.finishedAt),
    hasBody: message.hasBody,
    ...situationOf(message, holds),
  }
}

export function toDetailView(detail: MessageDetail, holds: readonly Hold[]): MessageDetailView {
  return {
    ...toMessageView(detail.message, holds),
    recipients: detail.recipients.map(({ address, state, reply, diagnosisCode, finishedAt }) => ({
      address,
      state,
      reply,
      diagnosisCode,
      finishedAt: instant(finishedAt),
    })),
    attemptList: detail.attempts.map(toAttemptView),
  }
}

/** The answer to who handed the message in. */
export function toReceipt(
  message: Situated & Pick<StoredMessage, 'id' | 'profileId' | 'acceptedAt' | 'messageId'>,
  holds: readonly Hold[],
  options: { duplicate: boolean; self: string },
): MessageReceipt {
  return {
    id: message.id,
    profile: message.profileId,
    acceptedAt: toIso(message.acceptedAt),
    messageId: message.messageId,
    duplicate: options.duplicate,
    ...situationOf(message, holds),
    links: { self: options.self },
  }
}

export function isEnd(state: MessageState): boolean {
  return state === 'delivered' || state === 'failed' || state === 'cancelled'
}

type Situated = Pick<
  StoredMessage,
  'state' | 'priority' | 'headerFrom' | 'envelope' | 'reply' | 'serverMessageId' | 'diagnosis'
>

/** Where it stands. What waits behind a hold of its profile is held, too, and for the same reason. */
function situationOf(message: Situated, holds: readonly Hold[]) {
  const hold = holdOf(message, holds)
  const diagnosis: Diagnosis | null = hold?.diagnosis ?? message.diagnosis
  return {
    state: hold === undefined ? message.state : ('held' as const),
    reply: message.reply,
    serverMessageId: message.serverMessageId,
    diagnosis: diagnosis === null ? null : { ...diagnosis },
    detail: diagnosis === null ? null : diagnosisSentence(diagnosis),
  }
}

/** Postern's own mail is not stopped by a hold of the profile. */
function holdOf(message: Situated, holds: readonly Hold[]): Hold | undefined {
  const { state, priority, headerFrom, envelope } = message
  const waits = state === 'queued' || state === 'deferred' || state === 'held'
  if (!waits) return undefined
  const whole = holds.find(({ sender }) => sender === '')
  if (whole !== undefined && priority > PRIORITY.test) return whole
  if (state !== 'held') return undefined
  const senders = [headerFrom, envelope.sender.toLowerCase()]
  return holds.find(({ sender }) => sender !== '' && senders.includes(sender))
}

function toAttemptView(attempt: Attempt): AttemptView {
  return {
    ...attempt,
    startedAt: toIso(attempt.startedAt),
    finishedAt: toIso(attempt.finishedAt),
    diagnosis: attempt.diagnosis === null ? null : { ...attempt.diagnosis },
  }
}

function instant(at: number | null): string | null {
  return at === null ? null : toIso(at)
}
