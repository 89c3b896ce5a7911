import type { Generated } from 'kysely'

/** The rows as SQLite holds them. Instants are epoch milliseconds; booleans 0 or 1; JSON is text. */
export interface Tables {
  api_token: ApiTokenRow
  audit: AuditRow
  profile: ProfileRow
  credential: CredentialRow
  credential_renewal: CredentialRenewalRow
  report: ReportRow
  profile_health: ProfileHealthRow
  test_email: TestEmailRow
  expiry_reminder: ExpiryReminderRow
  alert: AlertRow
  alert_notification: AlertNotificationRow
  sync_run: SyncRunRow
  message: MessageRow
  message_recipient: MessageRecipientRow
  message_attempt: MessageAttemptRow
  message_chunk: MessageChunkRow
  intake: IntakeRow
  idempotency_key: IdempotencyKeyRow
  outbox_hold: OutboxHoldRow
  mailbox_hour: MailboxHourRow
  outbox_report: OutboxReportRow
  outbox_total: OutboxTotalRow
  relay_client: RelayClientRow
}

export interface ApiTokenRow {
  id: string
  name: string
  hash: string
  hint: string
  scopes: string
  created_at: number
  created_by: string
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
}

export interface AuditRow {
  id: Generated<number>
  at: number
  actor_type: string
  actor_id: string | null
  actor_name: string
  address: string | null
  action: string
  target_type: string
  target_id: string | null
  change: string
}

export interface ProfileRow {
  id: string
  version: number
  settings: string
  managed: number
  created_at: number
  updated_at: number
}

export interface CredentialRow {
  id: string
  profile_id: string
  state: 'active' | 'staged' | 'fallback'
  type: 'clientSecret' | 'password' | 'certificate'
  sealed: string
  hint: string
  expires_at: number | null
  expiry_source: 'none' | 'typed' | 'graph' | 'proven' | 'certificate'
  created_at: number
  /** The secret's ID at Entra, where it is known. */
  key_id: string | null
  /** Of a staged one: who gets the message that is part of its proof. */
  send_to: string | null
  /** When Entra refused it for good; such a one is not tried again by itself. */
  refused_at: number | null
}

export interface CredentialRenewalRow {
  id: string
  /** Null when the profile is gone. */
  profile_id: string | null
  /** Its id, also then. */
  profile_name: string
  type: 'clientSecret' | 'certificate'
  step: 'requested' | 'added' | 'staged' | 'active' | 'removed' | 'failed'
  /** Of the new one at Entra. */
  key_id: string | null
  /** Of a new certificate. */
  thumbprint: string | null
  /** Of the former one, where it is known for certain. */
  former_key_id: string | null
  former_thumbprint: string | null
  /** The new one and its application, until the renewal has ended. */
  sealed: string | null
  /** 1: an answer was lost, so more than one may have been added. */
  doubtful: number
  started_at: number
  updated_at: number
  /** When the former one's grace time is over. */
  remove_after: number | null
  error: string | null
}

export interface ReportRow {
  id: string
  profile_id: string
  reason: string
  outcome: 'ok' | 'warning' | 'failed'
  diagnosis_code: string | null
  started_at: number
  finished_at: number
  body: string
}

export interface ProfileHealthRow {
  profile_id: string
  health: 'unknown' | 'ok' | 'warning' | 'failing'
  since: number
  failures_in_row: number
  last_verified_at: number | null
  last_succeeded_at: number | null
  last_delivered_at: number | null
  last_report_id: string | null
  diagnosis: string | null
}

/** The last one of a profile: accepted with a reply, or refused with a diagnosis. */
export interface TestEmailRow {
  profile_id: string
  recipient: string
  finished_at: number
  reply: string | null
  diagnosis: string | null
}

export interface ExpiryReminderRow {
  credential_id: string
  threshold_days: number
  reminded_at: number
}

export interface AlertRow {
  id: string
  problem: string
  profile_id: string | null
  kind: string
  severity: 'warning' | 'critical'
  summary: string
  diagnosis: string | null
  details: string
  state: 'open' | 'resolved'
  opened_at: number
  updated_at: number
  resolved_at: number | null
  last_notified_at: number | null
  acknowledged_at: number | null
  acknowledged_by: string | null
  silenced_until: number | null
  silence_reason: string | null
}

export interface AlertNotificationRow {
  id: string
  alert_id: string
  reason: 'opened' | 'escalated' | 'reminder' | 'resolved'
  recipient: string
  state: 'pending' | 'delivered' | 'abandoned'
  attempts: number
  created_at: number
  next_attempt_at: number
  delivered_at: number | null
  delivered_by: string | null
  last_error: string | null
}

export interface SyncRunRow {
  id: Generated<number>
  at: number
  file: string
  hash: string | null
  outcome: 'applied' | 'unchanged' | 'refused'
  detail: string
}

export interface MessageRow {
  /** The order of acceptance. */
  seq: Generated<number>
  id: string
  profile_id: string
  source: 'api' | 'relay' | 'sendmail' | 'test' | 'alert' | 'report' | 'bounce'
  priority: 0 | 1 | 2 | 3
  client: string
  state: 'queued' | 'sending' | 'deferred' | 'held' | 'delivered' | 'failed' | 'cancelled'
  sender: string
  /** `sender` in lower case. */
  sender_key: string
  smtp_utf8: number
  eight_bit: number
  ret: 'FULL' | 'HDRS' | null
  envid: string | null
  header_from: string | null
  subject: string | null
  message_id: string | null
  once: number
  bounce_to: string | null
  size_bytes: number
  /** The number of the first chunk; null: the bytes are not kept any more. */
  body: number | null
  recipient_count: number
  accepted_at: number
  attempts: number
  next_attempt_at: number | null
  finished_at: number | null
  diagnosis: string | null
  reply: string | null
  server_message_id: string | null
  /** 1: it failed, and nobody has been told. */
  report_due: number
  bounce_due: number
}

export interface MessageRecipientRow {
  /** The `seq` of its message. */
  message: number
  position: number
  address: string
  /** `address` in lower case. */
  address_key: string
  notify: string | null
  orcpt: string | null
  state: 'waiting' | 'delivered' | 'failed' | 'cancelled'
  reply: string | null
  diagnosis_code: string | null
  /** Of the message. */
  accepted_at: number
  finished_at: number | null
}

export interface MessageAttemptRow {
  message: number
  number: number
  started_at: number
  finished_at: number
  outcome: 'delivered' | 'partlyDelivered' | 'deferred' | 'held' | 'failed'
  server: string
  recipients: number
  reply: string | null
  diagnosis: string | null
}

export interface MessageChunkRow {
  number: Generated<number>
  /** The number of the first chunk of the same body; null: it is the first. */
  first: number | null
  position: number
  data: Uint8Array
}

export interface IntakeRow {
  id: string
  /** The number of the first chunk. */
  body: number
  chunks: number
  size_bytes: number
  /** 1: the bytes are being removed. */
  discarded: number
}

export interface IdempotencyKeyRow {
  client: string
  key: string
  fingerprint: string
  message_id: string
  accepted_at: number
}

export interface OutboxHoldRow {
  profile_id: string
  sender: string
  since: number
  diagnosis: string
  next_probe_at: number
  probes: number
}

export interface MailboxHourRow {
  mailbox: string
  /** Hours since 1970. */
  hour: number
  recipients: number
}

export interface OutboxReportRow {
  profile_id: string
  last_at: number
}

export interface OutboxTotalRow {
  name: 'finishedBytes'
  amount: number
}

export interface RelayClientRow {
  id: string
  /** null: known by its address. */
  username: string | null
  /** The username in lower case; two clients never share one. */
  username_key: string | null
  settings: string
  secret_type: 'generated' | 'password' | 'none'
  /** SHA-256 of a generated secret, scrypt with its salt of a chosen one. */
  secret_hash: string | null
  secret_hint: string | null
  /** Another one with each new secret. */
  secret_version: number
  created_at: number
  updated_at: number
  last_used_at: number | null
}
