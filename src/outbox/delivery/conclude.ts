import type { Diagnosis } from '../../diagnosis/index.ts'
import { PosternError } from '../../platform/errors.ts'
import type { MessageState } from '../message.ts'
import type { ClaimedMessage, OutboxStore, Settlement } from '../outbox-store.ts'
import { expiresAt, isTry, nextAttemptAt } from './schedule.ts'
import type { Verdict } from './verdict.ts'

/** What a verdict makes of the message, ready to be stored. */
export interface Conclusion {
  readonly settlement: Settlement
  readonly state: MessageState
  readonly diagnosis: Diagnosis | null
}

export interface ConcludeFacts {
  readonly claimed: ClaimedMessage
  readonly verdict: Verdict
  readonly mailbox: string
  readonly server: string
  readonly startedAt: number
  readonly finishedAt: number
  /** Recipients of this transaction. */
  readonly tried: number
  readonly serverMessageId: string | null
  readonly retryHours: number
  readonly recipientsPerMessage: number
  readonly releasedAt: number | null
}

/** Looks into the store only where the verdict alone does not tell. */
export async function conclude(
  deps: { store: Pick<OutboxStore, 'find'>; random: () => number },
  facts: ConcludeFacts,
): Promise<Conclusion> {
  const { claimed, verdict, mailbox, server, startedAt, finishedAt, serverMessageId } = facts
  const { delivered, diagnosis, reply, outcome } = verdict
  const attempt = {
    number: claimed.message.attempts + 1,
    startedAt,
    finishedAt,
    outcome,
    server,
    recipients: facts.tried,
    reply,
    diagnosis,
  }
  const settlement = (
    next: Settlement['next'],
    recipients: Settlement['recipients'] = verdict.recipients,
  ): Conclusion => ({
    settlement: {
      messageId: claimed.message.id,
      attempt,
      recipients,
      next,
      serverMessageId,
      accounted: delivered > 0 ? { mailbox, recipients: delivered } : null,
    },
    state: next.state,
    diagnosis,
  })

  switch (verdict.next) {
    case 'continue':
    case 'heldProfile':
      return settlement({ state: 'queued' })
    case 'heldSender':
      return settlement({ state: 'held' })
    case 'ended':
      return settlement({ state: (await hasFailed(deps, facts)) ? 'failed' : 'delivered' })
    case 'defer': {
      const at = await deferUntil(deps, facts)
      if (at !== undefined) return settlement({ state: 'deferred', nextAttemptAt: at })
      const recipients = [...verdict.recipients, ...outOfTime(claimed, verdict)]
      const expired = settlement({ state: 'failed' }, recipients)
      const last = delivered > 0 ? outcome : ('failed' as const)
      const { settlement: stored } = expired
      return { ...expired, settlement: { ...stored, attempt: { ...attempt, outcome: last } } }
    }
  }
}

/** Whether any recipient failed, now or in an earlier transaction. */
async function hasFailed(
  { store }: Pick<Parameters<typeof conclude>[0], 'store'>,
  { claimed, verdict }: ConcludeFacts,
): Promise<boolean> {
  if (verdict.recipients.some(({ state }) => state === 'failed')) return true
  const { message, recipients } = claimed
  if (recipients.length === message.recipientCount) return false
  const detail = await findIfWhole(store, message.id)
  return detail?.recipients.some(({ state }) => state === 'failed') ?? false
}

/** Undefined also where the part of the file with its history is damaged: that must not keep the outcome back. */
async function findIfWhole(
  store: Pick<OutboxStore, 'find'>,
  id: string,
): ReturnType<OutboxStore['find']> {
  try {
    return await store.find(id)
  } catch (error) {
    if (error instanceof PosternError && error.code === 'database_damaged') return undefined
    throw error
  }
}

/** Undefined: its time is over. */
async function deferUntil(
  { store, random }: Parameters<typeof conclude>[0],
  facts: ConcludeFacts,
): Promise<number | undefined> {
  const { claimed, verdict, startedAt, finishedAt: now, recipientsPerMessage } = facts
  const { message, recipients } = claimed
  const own = { startedAt, finishedAt: now, outcome: verdict.outcome, recipients: facts.tried }
  const detail = message.attempts === 0 ? undefined : await findIfWhole(store, message.id)
  const attempts = [...(detail?.attempts ?? []), own]
  const unread = detail === undefined ? message.attempts : 0
  // Each part of a large message that got through was a try, too, but not one without success.
  const done = Math.ceil((message.recipientCount - recipients.length) / recipientsPerMessage)
  // What is put aside again and again makes room for others, as what is tried does.
  const tries = isTry(own)
    ? unread + attempts.filter(isTry).length - done
    : unread + attempts.filter((attempt) => attempt.recipients === 0).length
  const retryAfterMs = verdict.diagnosis?.retryAfterMs ?? null
  const at = nextAttemptAt({ now, tries, retryAfterMs, random })
  const end = expiresAt({ ...facts, acceptedAt: message.acceptedAt, attempts, unread })
  if (now >= end) return undefined
  // The last try is made when the time is over.
  return Math.min(at, end)
}

function outOfTime({ recipients }: ClaimedMessage, verdict: Verdict): Settlement['recipients'] {
  const changed = new Set(verdict.recipients.map(({ index }) => index))
  const diagnosisCode = verdict.diagnosis?.code ?? null
  return recipients
    .filter(({ index }) => !changed.has(index))
    .map(({ index }) => ({ index, state: 'failed', reply: verdict.reply, diagnosisCode }))
}
