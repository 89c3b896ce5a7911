import { describe, expect, it } from 'vitest'
import {
  CATALOGUE,
  diagnose,
  type Failure,
  type SmtpStep,
} from '../../../../src/diagnosis/index.ts'
import {
  DISPOSITIONS,
  type Disposition,
  rulingOf,
} from '../../../../src/outbox/delivery/disposition.ts'
import { diagnosisContext } from '../../../../src/verification/index.ts'
import { freeProfile } from './bench.ts'

function reply(step: SmtpStep, code: number, enhancedCode: string | null = null): Failure {
  const text = `${code} ${enhancedCode ?? ''} words`
  return { source: 'smtp', step, host: 'smtp.example', code, enhancedCode, text }
}

function broken(step: string): Failure {
  return {
    source: 'transport',
    peer: 'smtp',
    phase: 'closed',
    step,
    host: 'smtp.example',
    port: 587,
    code: 'ECONNRESET',
    message: 'The connection was closed.',
  }
}

const SETTINGS: Failure = { source: 'settings', problem: 'incomplete', detail: 'the host' }

/** What only a person can repair: nothing of the profile is tried but probes. */
const HOLD_PROFILE = `settings_incomplete secret_unreadable credential_ended smtp_port_465 certificate_inspected
  certificate_expired certificate_wrong_name certificate_untrusted tls_not_spoken tls_version_not_accepted
  proxy_authentication_required secret_wrong secret_expired credential_missing certificate_not_registered
  certificate_ended_in_entra certificate_signature_refused application_is_public_client application_not_found
  enterprise_application_missing enterprise_application_disabled tenant_not_found tenant_malformed tenant_is_common
  wrong_cloud scope_wrong exchange_online_missing assignment_required federated_identity_unknown consent_missing
  token_request_malformed conditional_access_blocked tenant_restricted_by_proxy entra_tls_too_old audience_wrong
  role_missing token_is_delegated token_of_other_application smtp_tls_too_old auth_mechanism_refused
  starttls_required smtp_auth_disabled_for_mailbox smtp_auth_disabled_for_tenant
  basic_blocked_by_security_defaults basic_authentication_disabled login_criteria_not_met mailbox_outside_rbac_scope
  service_principal_not_accepted password_wrong not_authenticated mailbox_permission_missing mailbox_full
  mailbox_not_licensed send_as_throttled sender_blocked sending_network_blocked direct_send_refused starttls_removed
  starttls_not_offered xoauth2_not_offered login_not_offered entra_answer_unknown`

/** The mailbox pauses and goes on with one connection. */
const SLOW_DOWN = `tls_failed proxy_refused proxy_failed entra_name_not_resolved entra_connect_failed entra_timeout
  entra_turn_not_reached entra_connection_closed entra_redirected entra_unreadable_answer smtp_name_not_resolved smtp_connect_refused
  smtp_connect_failed smtp_no_greeting smtp_timeout smtp_connection_closed smtp_answer_inserted
  smtp_unreadable_answer clock_wrong entra_throttled entra_fault token_already_ended token_unreadable
  federation_unreachable daily_recipient_limit tenant_recipient_limit too_many_connections
  submission_rate_exceeded smtp_session_ended smtp_service_busy sending_slowed_down
  entra_answer_unknown_temporary answer_unknown`

const words = (text: string) => text.split(/\s+/)

/** The decision for every row of the catalogue, when the server says it about a message at the end of DATA with 5yz. */
const DECIDED: Record<string, Disposition> = {
  ...Object.fromEntries(words(HOLD_PROFILE).map((code) => [code, 'holdProfile' as const])),
  ...Object.fromEntries(words(SLOW_DOWN).map((code) => [code, 'slowDown' as const])),
  send_as_denied: 'holdSender',
  domain_not_registered: 'holdSender',
  message_too_large: 'failMessage',
  too_many_recipients: 'failMessage',
  from_header_invalid: 'failMessage',
  dmarc_failed: 'failMessage',
  bare_line_feeds: 'failMessage',
  message_content_invalid: 'failMessage',
  mail_loop: 'failMessage',
  smtp_answer_unknown: 'failMessage',
  recipient_unknown: 'failRecipient',
  recipient_refused: 'failRecipient',
  address_invalid: 'failRecipient',
  relay_denied: 'failRecipient',
  // Of a code 5yz it cannot be; the table must know it all the same.
  smtp_answer_unknown_temporary: 'failMessage',
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
}

const CODES = [...new Set(CATALOGUE.map(({ code }) => code))].sort()

describe('what a failed try means for the mail', () => {
  it('is decided for every row of the catalogue, and for nothing else', () => {
    expect(Object.keys(DISPOSITIONS).sort()).toEqual(CODES)
    expect(Object.keys(DECIDED).sort()).toEqual(CODES)
  })

  it.each(CODES)('is as decided for %s', (code) => {
    const ruling = rulingOf(reply('message', 550), { code })
    expect(ruling.disposition).toBe(DECIDED[code])
  })

  it.each(CODES)('never fails a message for %s at the connection or the login', (code) => {
    const steps: SmtpStep[] = ['greeting', 'ehlo', 'starttls', 'auth']
    const failures = [...steps.map((step) => reply(step, 554)), broken('connect'), SETTINGS]
    for (const failure of failures) {
      expect(rulingOf(failure, { code }).disposition).not.toMatch(/^fail/)
    }
  })

  it.each(CODES)('never fails anything for %s that the server calls temporary', (code) => {
    for (const step of ['mail', 'rcpt', 'data', 'message'] as const) {
      expect(rulingOf(reply(step, 450), { code }).disposition).not.toMatch(/^fail/)
    }
  })

  it('is temporary for what nobody has decided about', () => {
    const ruling = rulingOf(reply('message', 550), { code: 'of_tomorrow' })
    expect(ruling).toEqual({ disposition: 'retry', reconnect: false })
  })

  it.each([
    ['recipient_unknown', 'rcpt', 550, '5.1.1', 'failRecipient'],
    ['address_invalid', 'rcpt', 501, '5.1.3', 'failRecipient'],
    ['address_invalid', 'mail', 501, '5.1.7', 'failMessage'],
    ['too_many_recipients', 'rcpt', 452, '4.5.3', 'retry'],
    ['too_many_recipients', 'rcpt', 552, '5.5.3', 'retry'],
    ['too_many_recipients', 'message', 550, '5.2.254', 'slowDown'],
    ['recipient_refused', 'message', 550, '5.2.255', 'slowDown'],
    ['smtp_answer_unknown', 'rcpt', 550, null, 'failRecipient'],
    ['smtp_answer_unknown', 'mail', 550, null, 'failMessage'],
    ['smtp_answer_unknown_temporary', 'rcpt', 450, null, 'retry'],
    ['smtp_answer_unknown_temporary', 'message', 450, null, 'retry'],
    ['smtp_answer_unknown_temporary', 'message', 451, null, 'slowDown'],
    ['smtp_answer_unknown_temporary', 'auth', 450, null, 'slowDown'],
  ] as const)(
    'goes by the place of the answer: %s at %s with %i %s',
    (code, step, number, enhanced, expected) => {
      expect(rulingOf(reply(step, number, enhanced), { code }).disposition).toBe(expected)
    },
  )

  it.each([
    ['not_authenticated', 'mail', '550 5.7.1 Client was not authenticated', 'holdProfile'],
    ['not_authenticated', 'mail', '550 authentication required', 'holdProfile'],
    ['not_authenticated', 'rcpt', '550 5.7.1 Authentication required', 'holdProfile'],
    [
      'not_authenticated',
      'rcpt',
      '550 5.7.1 RESOLVER.RST.AuthRequired; authentication required',
      'failRecipient',
    ],
    ['smtp_answer_unknown', 'mail', '553 5.7.1 sender not owned by user', 'holdSender'],
    [
      'smtp_answer_unknown',
      'rcpt',
      '553 5.7.1 <a@b>: Sender address rejected: not owned by user c',
      'holdSender',
    ],
    ['relay_denied', 'rcpt', '554 5.7.1 <a@b>: Relay access denied', 'failRecipient'],
    [
      'send_as_throttled',
      'message',
      '550 5.2.252 Sender throttled due to continuous send as denied errors',
      'holdProfile',
    ],
  ] as const)('keeps mail that a missing right stops: %s at %s, %s', (code, step, text, wanted) => {
    const [, number, enhancedCode = null] = /^(\d+)(?: (\d\.\d+\.\d+))?/.exec(text) ?? []
    const host = 'smtp.example'
    const failure: Failure = {
      source: 'smtp',
      step,
      host,
      code: Number(number),
      enhancedCode,
      text,
    }
    const profile = freeProfile()
    const found = diagnose(failure, diagnosisContext(profile, { now: 0 }))
    expect(found.code).toBe(code)
    expect(rulingOf(failure, found).disposition).toBe(wanted)
  })

  it.each([
    ['a connection that broke in the middle', broken('mail'), 'smtp_connection_closed'],
    ['a session that the server has ended', reply('mail', 421, '4.4.1'), 'smtp_session_ended'],
    ['421 of unknown words', reply('rcpt', 421), 'smtp_answer_unknown_temporary'],
    ['503, when the server has lost the thread', reply('rcpt', 503), 'smtp_answer_unknown'],
    ['a login that the server forgot', reply('mail', 530, '5.7.57'), 'not_authenticated'],
  ])('tries another connection at once for %s', (_, failure, code) => {
    expect(rulingOf(failure, { code }).reconnect).toBe(true)
  })

  it.each([
    ['no connection at all', broken('connect'), 'smtp_connection_closed'],
    ['a time-out', broken('message'), 'smtp_timeout'],
    ['too many connections', reply('message', 432, '4.3.2'), 'too_many_connections'],
  ])('does not try another connection for %s', (_, failure, code) => {
    expect(rulingOf(failure, { code }).reconnect).toBe(false)
  })
})
