import type { Diagnosis, Failure, SmtpStep } from '../../diagnosis/index.ts'

/**
 * What a failed try means for the mail.
 *
 * retry: the message (or recipient) waits for its next turn. slowDown: the same, and the mailbox pauses and goes on with
 * one connection. holdProfile, holdSender: nothing of it is tried until a probe gets through. failMessage,
 * failRecipient: the server's final word. reconnect: at once over another connection, one time; then as `then` says.
 */
export type Disposition =
  | 'retry'
  | 'slowDown'
  | 'holdProfile'
  | 'holdSender'
  | 'failMessage'
  | 'failRecipient'

export interface Ruling {
  readonly disposition: Disposition
  /** Worth another connection first. */
  readonly reconnect: boolean
}

type Rule = Disposition | ((failure: Failure) => Ruling | Disposition)

const again = (then: Disposition): Ruling => ({ disposition: then, reconnect: true })

const stepOf = (failure: Failure): SmtpStep | undefined =>
  failure.source === 'smtp' ? failure.step : undefined
const codeOf = (failure: Failure) => (failure.source === 'smtp' ? failure.code : 0)
/** RFC 5321 §4.2.1: 5yz is final, 4yz is not. */
const isFinal = (failure: Failure) => codeOf(failure) >= 500 && codeOf(failure) <= 599

/** Before the server has heard of any message: its word can only be about the connection or the login. */
function isBeforeMessage(failure: Failure): boolean {
  const step = stepOf(failure)
  return step === undefined || !['mail', 'rcpt', 'data', 'message'].includes(step)
}

/** A final word about the message; at RCPT about that recipient. */
const aboutMessage: Rule = (failure) => {
  if (isBeforeMessage(failure)) return 'slowDown'
  if (!isFinal(failure)) return 'retry'
  return stepOf(failure) === 'rcpt' ? 'failRecipient' : 'failMessage'
}

/** A final word about whom the message is for, even when it comes after the message. */
const aboutRecipient: Rule = (failure) => {
  if (isBeforeMessage(failure)) return 'slowDown'
  if (!isFinal(failure)) return 'retry'
  // 5.2.255: the mailbox is slowed down for earlier mistakes; this message may be a good one.
  if (failure.source === 'smtp' && failure.enhancedCode === '5.2.255') return 'slowDown'
  return stepOf(failure) === 'mail' ? 'failMessage' : 'failRecipient'
}

/** RFC 5321 §4.5.3.1.10: the rest of the recipients is handed over in another transaction. */
const tooManyRecipients: Rule = (failure) => {
  if (isBeforeMessage(failure)) return 'slowDown'
  if (failure.source === 'smtp' && failure.enhancedCode === '5.2.254') return 'slowDown'
  if (stepOf(failure) === 'rcpt') return 'retry'
  return isFinal(failure) ? 'failMessage' : 'retry'
}

/** An answer that the catalogue does not know: only its code and its place tell. */
const unknownReply: Rule = (failure) => {
  const code = codeOf(failure)
  if (isBeforeMessage(failure)) return 'slowDown'
  // RFC 5321 §3.8: 421 at any step ends the connection.
  if (code === 421) return again('slowDown')
  // The server has forgotten what was said on this connection; no word about the message.
  if (code === 503) return again('retry')
  // RFC 3463 §3.8: a right is missing. Before any recipient is named, that is one of the sender or of the login.
  if (isFinal(failure) && isRefusedSender(failure)) return 'holdSender'
  if (!isFinal(failure)) return code === 451 && stepOf(failure) !== 'rcpt' ? 'slowDown' : 'retry'
  return stepOf(failure) === 'rcpt' ? 'failRecipient' : 'failMessage'
}

/** At RCPT Postfix says so in words ("Sender address rejected: not owned by user"). */
function isRefusedSender(failure: Failure): boolean {
  if (failure.source !== 'smtp') return false
  const { step, enhancedCode, text } = failure
  if (step === 'rcpt') return /not owned by/i.test(text)
  return step === 'mail' && enhancedCode?.startsWith('5.7.') === true
}

/** Behind a login the server has forgotten it. A group that takes mail from inside alone says the same of a recipient. */
const notAuthenticated: Rule = (failure) => {
  if (isBeforeMessage(failure)) return 'holdProfile'
  const isGroup = failure.source === 'smtp' && failure.text.includes('RESOLVER.RST')
  return isGroup && stepOf(failure) === 'rcpt' ? aboutRecipient(failure) : again('holdProfile')
}

/** A connection that was good, until it was not: the server may have closed it for its age. */
const brokenConnection: Rule = (failure) =>
  failure.source === 'transport' && ['connect', 'greeting'].includes(failure.step)
    ? 'slowDown'
    : again('slowDown')

/**
 * By the code of the diagnosis; a test holds it to the whole catalogue. What only a person can repair holds. Graph is
 * not asked while sending.
 */
export const DISPOSITIONS: Readonly<Record<string, Rule>> = {
  // Settings
  settings_incomplete: 'holdProfile',
  secret_unreadable: 'holdProfile',
  credential_ended: 'holdProfile',
  // TLS and certificates
  smtp_port_465: 'holdProfile',
  certificate_inspected: 'holdProfile',
  certificate_expired: 'holdProfile',
  certificate_wrong_name: 'holdProfile',
  certificate_untrusted: 'holdProfile',
  tls_not_spoken: 'holdProfile',
  tls_version_not_accepted: 'holdProfile',
  tls_failed: 'slowDown',
  // Network
  proxy_authentication_required: 'holdProfile',
  proxy_refused: 'slowDown',
  proxy_failed: 'slowDown',
  entra_name_not_resolved: 'slowDown',
  entra_connect_failed: 'slowDown',
  entra_turn_not_reached: 'slowDown',
  entra_timeout: 'slowDown',
  entra_connection_closed: 'slowDown',
  entra_redirected: 'slowDown',
  entra_unreadable_answer: 'slowDown',
  smtp_name_not_resolved: 'slowDown',
  smtp_connect_refused: 'slowDown',
  smtp_connect_failed: 'slowDown',
  smtp_no_greeting: 'slowDown',
  smtp_timeout: 'slowDown',
  smtp_connection_closed: brokenConnection,
  smtp_answer_inserted: 'slowDown',
  smtp_unreadable_answer: 'slowDown',
  // Token
  secret_wrong: 'holdProfile',
  secret_expired: 'holdProfile',
  credential_missing: 'holdProfile',
  certificate_not_registered: 'holdProfile',
  certificate_ended_in_entra: 'holdProfile',
  clock_wrong: 'slowDown',
  certificate_signature_refused: 'holdProfile',
  application_is_public_client: 'holdProfile',
  application_not_found: 'holdProfile',
  enterprise_application_missing: 'holdProfile',
  enterprise_application_disabled: 'holdProfile',
  tenant_not_found: 'holdProfile',
  tenant_malformed: 'holdProfile',
  tenant_is_common: 'holdProfile',
  wrong_cloud: 'holdProfile',
  scope_wrong: 'holdProfile',
  exchange_online_missing: 'holdProfile',
  assignment_required: 'holdProfile',
  federated_identity_unknown: 'holdProfile',
  consent_missing: 'holdProfile',
  token_request_malformed: 'holdProfile',
  conditional_access_blocked: 'holdProfile',
  tenant_restricted_by_proxy: 'holdProfile',
  entra_tls_too_old: 'holdProfile',
  entra_throttled: 'slowDown',
  entra_fault: 'slowDown',
  audience_wrong: 'holdProfile',
  role_missing: 'holdProfile',
  token_is_delegated: 'holdProfile',
  token_of_other_application: 'holdProfile',
  token_already_ended: 'slowDown',
  token_unreadable: 'slowDown',
  // Login
  smtp_tls_too_old: 'holdProfile',
  auth_mechanism_refused: 'holdProfile',
  starttls_required: 'holdProfile',
  smtp_auth_disabled_for_mailbox: 'holdProfile',
  smtp_auth_disabled_for_tenant: 'holdProfile',
  basic_blocked_by_security_defaults: 'holdProfile',
  basic_authentication_disabled: 'holdProfile',
  login_criteria_not_met: 'holdProfile',
  federation_unreachable: 'slowDown',
  mailbox_outside_rbac_scope: 'holdProfile',
  service_principal_not_accepted: 'holdProfile',
  password_wrong: 'holdProfile',
  not_authenticated: notAuthenticated,
  // Mailbox, rights and quotas
  mailbox_permission_missing: 'holdProfile',
  send_as_denied: 'holdSender',
  send_as_throttled: 'holdProfile',
  daily_recipient_limit: 'slowDown',
  tenant_recipient_limit: 'slowDown',
  mailbox_full: 'holdProfile',
  mailbox_not_licensed: 'holdProfile',
  sender_blocked: 'holdProfile',
  sending_network_blocked: 'holdProfile',
  domain_not_registered: 'holdSender',
  direct_send_refused: 'holdProfile',
  // One message or recipient
  message_too_large: aboutMessage,
  too_many_recipients: tooManyRecipients,
  recipient_unknown: aboutRecipient,
  recipient_refused: aboutRecipient,
  address_invalid: aboutRecipient,
  from_header_invalid: aboutMessage,
  dmarc_failed: aboutMessage,
  bare_line_feeds: aboutMessage,
  message_content_invalid: aboutMessage,
  mail_loop: aboutMessage,
  relay_denied: aboutRecipient,
  // Session, load and offers
  starttls_removed: 'holdProfile',
  starttls_not_offered: 'holdProfile',
  xoauth2_not_offered: 'holdProfile',
  login_not_offered: 'holdProfile',
  too_many_connections: 'slowDown',
  submission_rate_exceeded: 'slowDown',
  smtp_session_ended: (failure) => (isBeforeMessage(failure) ? 'slowDown' : again('slowDown')),
  smtp_service_busy: 'slowDown',
  sending_slowed_down: 'slowDown',
  // Microsoft Graph
  graph_permission_missing: 'retry',
  graph_secret_lifetime_refused: 'retry',
  graph_secret_type_refused: 'retry',
  graph_credential_gone: 'retry',
  graph_certificate_refused: 'retry',
  graph_application_not_found: 'retry',
  graph_token_refused: 'retry',
  graph_throttled: 'retry',
  graph_fault: 'retry',
  graph_answer_unknown_temporary: 'retry',
  graph_answer_unknown: 'retry',
  // Unknown answers
  smtp_answer_unknown_temporary: unknownReply,
  smtp_answer_unknown: unknownReply,
  entra_answer_unknown_temporary: 'slowDown',
  // Entra refuses for good: asking again and again only adds to its count of failures.
  entra_answer_unknown: 'holdProfile',
  answer_unknown: 'slowDown',
}

/** What nobody has decided about is temporary. */
export function rulingOf(failure: Failure, diagnosis: Pick<Diagnosis, 'code'>): Ruling {
  const rule = DISPOSITIONS[diagnosis.code] ?? 'retry'
  const ruling = typeof rule === 'function' ? rule(failure) : rule
  return typeof ruling === 'string' ? { disposition: ruling, reconnect: false } : ruling
}
