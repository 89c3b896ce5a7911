import { type Diagnosis, type DiagnosisContext, diagnose } from '../../diagnosis/index.ts'
import type { MessageDetail, StoredRecipient } from '../message.ts'

/** Recipients of one message that failed for the same reason, with the same answer. */
export interface FailedGroup {
  readonly recipients: readonly StoredRecipient[]
  /** The server's word, verbatim; null: it said nothing. */
  readonly reply: string | null
  readonly diagnosis: Diagnosis | null
}

/** Why a message failed, in the order of its recipients. */
export function failedGroups(
  detail: MessageDetail,
  context: DiagnosisContext,
): readonly FailedGroup[] {
  const groups = new Map<string, { recipients: StoredRecipient[]; first: StoredRecipient }>()
  for (const recipient of detail.recipients) {
    if (recipient.state !== 'failed') continue
    const key = JSON.stringify([recipient.diagnosisCode, recipient.reply])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { recipients: [recipient], first: recipient })
    else group.recipients.push(recipient)
  }
  return [...groups.values()].map(({ recipients, first }) => ({
    recipients,
    reply: first.reply ?? (first.diagnosisCode === null ? detail.message.reply : null),
    diagnosis: diagnosisOf(detail, first, context),
  }))
}

/**
 * A recipient keeps the name of its diagnosis and the server's words. The whole diagnosis is that of the message or of an
 * attempt where it is about the same words; else the words are judged again, which gives the same.
 */
function diagnosisOf(
  { message, attempts }: MessageDetail,
  { diagnosisCode, reply }: StoredRecipient,
  context: DiagnosisContext,
): Diagnosis | null {
  if (diagnosisCode === null) return message.diagnosis
  const newestFirst = [message, ...attempts.toReversed()].flatMap(({ diagnosis }) =>
    diagnosis?.code === diagnosisCode ? diagnosis : [],
  )
  const exact = newestFirst.find(({ answer }) => reply === null || answer.text === reply)
  if (exact !== undefined) return exact
  const again = reply === null ? undefined : judge(reply, context)
  return again?.code === diagnosisCode ? again : (newestFirst[0] ?? message.diagnosis)
}

function judge(reply: string, context: DiagnosisContext): Diagnosis | undefined {
  const code = codeOf(reply)
  if (code === undefined) return undefined
  const enhancedCode = enhancedCodeOf(reply)
  const host = context.smtpHost
  return diagnose({ source: 'smtp', step: 'rcpt', host, code, enhancedCode, text: reply }, context)
}

/** RFC 5321 §4.2 */
function codeOf(reply: string): number | undefined {
  const [, code] = /^([245]\d\d)(?:[ -]|$)/.exec(reply) ?? []
  return code === undefined ? undefined : Number(code)
}

/** RFC 3463 §2, where the server gives one. */
function enhancedCodeOf(reply: string): string | null {
  return /^[245]\d\d[ -]([245]\.\d{1,3}\.\d{1,3})(?:[ \n]|$)/.exec(reply)?.[1] ?? null
}

/** `X.Y.Z` for a recipient that failed (RFC 3464 §2.3.4). */
export function statusOf(reply: string | null, diagnosisCode: string | null): string {
  // RFC 3463 §3.7, §3.5: something about the message itself; else its time was over.
  if (reply === null) return diagnosisCode === 'message_not_sendable' ? '5.6.0' : '4.4.7'
  const enhanced = enhancedCodeOf(reply)
  if (enhanced !== null && !enhanced.startsWith('2')) return enhanced
  return codeOf(reply)?.toString().startsWith('5') === true ? '5.0.0' : '4.0.0'
}
