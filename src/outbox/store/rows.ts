import type { Diagnosis } from '../../diagnosis/index.ts'
import type { Tables } from '../../storage/index.ts'
import type { Attempt, Hold, StoredMessage, StoredRecipient } from '../message.ts'
import type { NewMessage } from '../outbox-store.ts'

export type MessageRow = Omit<Tables['message'], 'seq'> & { readonly seq: number }
export type NewMessageRow = Omit<Tables['message'], 'seq'>

/** Addresses are compared in lower case. */
export function addressKey(address: string): string {
  return address.toLowerCase()
}

export function toNewRow({ id, draft, sizeBytes, acceptedAt }: NewMessage, body: number) {
  const { envelope } = draft
  return {
    id,
    profile_id: draft.profileId,
    source: draft.source,
    priority: draft.priority,
    client: draft.client,
    state: 'queued',
    sender: envelope.sender,
    sender_key: addressKey(envelope.sender),
    smtp_utf8: Number(envelope.smtpUtf8),
    eight_bit: Number(envelope.eightBit),
    ret: envelope.ret,
    envid: envelope.envid,
    header_from: draft.headerFrom,
    subject: draft.subject,
    message_id: draft.messageId,
    once: Number(draft.once),
    bounce_to: draft.bounceTo,
    size_bytes: sizeBytes,
    body,
    recipient_count: envelope.recipients.length,
    accepted_at: acceptedAt,
    attempts: 0,
    next_attempt_at: null,
    finished_at: null,
    diagnosis: null,
    reply: null,
    server_message_id: null,
    report_due: 0,
    bounce_due: 0,
  } as const satisfies NewMessageRow
}

export function toMessage(row: MessageRow): StoredMessage {
  return {
    id: row.id,
    profileId: row.profile_id,
    source: row.source,
    priority: row.priority,
    client: row.client,
    state: row.state,
    envelope: {
      sender: row.sender,
      smtpUtf8: row.smtp_utf8 === 1,
      eightBit: row.eight_bit === 1,
      ret: row.ret,
      envid: row.envid,
    },
    headerFrom: row.header_from,
    subject: row.subject,
    messageId: row.message_id,
    once: row.once === 1,
    bounceTo: row.bounce_to,
    sizeBytes: row.size_bytes,
    recipientCount: row.recipient_count,
    acceptedAt: row.accepted_at,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    finishedAt: row.finished_at,
    hasBody: row.body !== null,
    diagnosis: readDiagnosis(row.diagnosis),
    reply: row.reply,
    serverMessageId: row.server_message_id,
  }
}

export function toRecipient(row: Tables['message_recipient']): StoredRecipient {
  return {
    index: row.position,
    address: row.address,
    notify: row.notify,
    orcpt: row.orcpt,
    state: row.state,
    reply: row.reply,
    diagnosisCode: row.diagnosis_code,
    finishedAt: row.finished_at,
  }
}

export function toAttempt(row: Tables['message_attempt']): Attempt {
  return {
    number: row.number,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome,
    server: row.server,
    recipients: row.recipients,
    reply: row.reply,
    diagnosis: readDiagnosis(row.diagnosis),
  }
}

/** A hold whose diagnosis cannot be read is none: the next attempt finds the reason anew. */
export function toHold(row: Tables['outbox_hold']): Hold | undefined {
  const diagnosis = readDiagnosis(row.diagnosis)
  if (diagnosis === null) return undefined
  return {
    profileId: row.profile_id,
    sender: row.sender,
    since: row.since,
    diagnosis,
    nextProbeAt: row.next_probe_at,
    probes: row.probes,
  }
}

export function writeDiagnosis(diagnosis: Diagnosis | null): string | null {
  return diagnosis === null ? null : JSON.stringify(diagnosis)
}

/**
 * Only this store writes it, so a look at its shape is enough to tell one of another version: a message is worth showing
 * without its diagnosis. The schema's own check would cost the store's thread the memory of its library.
 */
function readDiagnosis(text: string | null): Diagnosis | null {
  if (text === null) return null
  const parsed = readJson(text)
  return isDiagnosis(parsed) ? parsed : null
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const TEXTS = ['code', 'summary', 'cause', 'responsible', 'remedy', 'retry'] as const
const LISTS = ['likelyCauses', 'commands'] as const

function isDiagnosis(value: unknown): value is Diagnosis {
  if (typeof value !== 'object' || value === null) return false
  const facts = new Map<string, unknown>(Object.entries(value))
  const answer = facts.get('answer')
  return (
    TEXTS.every((name) => typeof facts.get(name) === 'string') &&
    LISTS.every((name) => Array.isArray(facts.get(name))) &&
    typeof answer === 'object' &&
    answer !== null &&
    'text' in answer
  )
}
