import { createHash } from 'node:crypto'
import { MINUTE_MS, SECOND_MS } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Profiles } from '../../profiles/index.ts'
import { composeMessage } from '../../smtp/index.ts'
import type { MailResult, OwnMail, ProfileMailer } from '../../verification/index.ts'
import { type Draft, PRIORITY } from '../message.ts'
import type { MessageOutcome, Outbox } from '../outbox.ts'
import { domainOf } from './failure-blocks.ts'
import { OWN_CLIENT, ownEnvelope } from './own-draft.ts'

/** Longer than one try takes, with a place among the connections and in the minute's quota before it. */
const PATIENCE_MS = 3 * MINUTE_MS
/** What is on the wire has its own time limits; after them the answer is there. */
const LAST_WAIT_MS = 60 * SECOND_MS

/**
 * Postern's own mail through the outbox, as all mail: accepted durably, paced, and tried once. The answer is waited for; a
 * mail whose turn does not come in time is taken back, so that it does not leave when nobody counts on it any more.
 */
export function createOutboxMailer(deps: {
  outbox: Pick<Outbox, 'accept' | 'outcome' | 'cancel'>
  profiles: Pick<Profiles, 'get'>
  source: 'alert' | 'test'
}): ProfileMailer {
  const { outbox, profiles, source } = deps

  /** Does nothing when it has ended meanwhile, or is on the wire now. */
  async function takeBack(id: string): Promise<void> {
    try {
      await outbox.cancel(id)
    } catch (error) {
      const code = error instanceof PosternError ? error.code : undefined
      if (code !== 'message_finished' && code !== 'message_sending') throw error
    }
  }

  async function outcomeOf(
    id: string,
    isRepeatable: boolean,
    signal: AbortSignal | undefined,
  ): Promise<MessageOutcome> {
    try {
      const first = await outbox.outcome(id, { timeoutMs: PATIENCE_MS, signal })
      if (hasEnded(first)) return first
      await takeBack(id)
      const last = await outbox.outcome(id, { timeoutMs: LAST_WAIT_MS, signal })
      return last.diagnosis === null ? { ...last, diagnosis: first.diagnosis } : last
    } catch (error) {
      // Whoever asks again with the same key gets this very mail; without one, nobody will ask for it any more.
      if (signal?.aborted && !isRepeatable) await takeBack(id).catch(() => {})
      throw error
    }
  }

  return {
    async send(profileId, message, signal) {
      const profile = profiles.get(profileId)
      signal?.throwIfAborted()
      const { idempotencyKey, ...mail } = message
      const messageId = mail.messageId ?? `<${newId()}@${domainOf(mail.from.address)}>`
      const body = await composeMessage({ ...mail, messageId })
      const draft = draftOf(profile.id, { ...message, messageId }, source)
      const { id } = await outbox.accept(draft, body)
      const outcome = await outcomeOf(id, idempotencyKey !== undefined, signal)
      return resultOf(outcome, messageId)
    },
  }
}

function hasEnded({ state }: MessageOutcome): boolean {
  return state === 'delivered' || state === 'failed' || state === 'cancelled'
}

function draftOf(
  profileId: string,
  message: OwnMail & { readonly messageId: string },
  source: 'alert' | 'test',
): Draft {
  const { from, subject, messageId, idempotencyKey: key } = message
  return {
    profileId,
    source,
    priority: PRIORITY[source],
    client: OWN_CLIENT,
    envelope: ownEnvelope(message),
    headerFrom: from.address.toLowerCase(),
    subject: subject.slice(0, 200),
    messageId,
    once: true,
    bounceTo: null,
    // The key stands for the mail: composed anew after a crash, it tells another time of day.
    idempotency: key === undefined ? null : { key, fingerprint: sha256(key) },
  }
}

function resultOf(outcome: MessageOutcome, messageId: string): MailResult {
  const { state, reply, serverMessageId, diagnosis } = outcome
  if (state === 'delivered') {
    return { ok: true, receipt: { reply: reply ?? '', messageId, serverMessageId } }
  }
  if (diagnosis !== null) return { ok: false, diagnosis }
  if (state === 'cancelled') {
    throw new PosternError(
      'The mail was taken back, because its turn did not come in time: other mail of this mailbox and its limits were before it. Try again in some minutes; GET /api/v1/status tells what waits.',
      { kind: 'unavailable', code: 'own_mail_not_sent' },
    )
  }
  throw new PosternError(
    'The server has not answered in time whether it took the mail over. It may still arrive; GET /api/v1/messages tells what became of it.',
    { kind: 'unavailable', code: 'own_mail_unanswered' },
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
