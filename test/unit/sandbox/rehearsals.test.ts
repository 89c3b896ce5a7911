import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CATALOGUE } from '../../../src/diagnosis/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { createClientCertificate } from './client-certificate.ts'
import { startTestTenant, type TestTenant } from './harness.ts'
import { encounter } from './rehearsal-encounter.ts'

/** The last line of an encounter, or the token's claims: what the row of the diagnosis looks for. */
const SEEN: Readonly<Record<string, RegExp>> = {
  entra_connect_failed: /^token: ECONNREFUSED/,
  entra_timeout: /^token: silence/,
  entra_connection_closed: /^token: (ECONNRESET|UND_ERR_SOCKET)/,
  entra_redirected: /^token: HTTP 302/,
  entra_unreadable_answer: /^token: HTTP 200 <!DOCTYPE html>/,
  smtp_connect_refused: /^smtp: ECONNREFUSED/,
  smtp_no_greeting: /^smtp: connection closed/,
  smtp_timeout: /^smtp: silence/,
  smtp_connection_closed: /^smtp: connection closed/,
  smtp_unreadable_answer: /^smtp: HTTP\/1\.1 400/,
  smtp_answer_inserted: /^smtp: 250 2\.0\.0 OK$/,
  starttls_not_offered: /^smtp: 250-(?!.*STARTTLS)/s,
  certificate_inspected: /^smtp: UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
  certificate_expired: /^smtp: CERT_HAS_EXPIRED/,
  certificate_wrong_name: /^smtp: ERR_TLS_CERT_ALTNAME_INVALID/,
  certificate_untrusted: /^smtp: DEPTH_ZERO_SELF_SIGNED_CERT/,
  tls_version_not_accepted: /^smtp: ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/,
  tls_failed: /^smtp: connection closed/,

  secret_wrong: /^token: HTTP 401 .*AADSTS7000215: /,
  secret_expired: /^token: HTTP 401 .*AADSTS7000222: /,
  credential_missing: /^token: HTTP 401 .*AADSTS7000216: /,
  certificate_not_registered: /^token: HTTP 401 .*AADSTS700027: .*not registered/,
  certificate_ended_in_entra: /^token: HTTP 401 .*AADSTS700027: .*expired/,
  clock_wrong: /^token: HTTP 401 .*AADSTS700024: /,
  certificate_signature_refused: /^token: HTTP 401 .*AADSTS50012: /,
  application_is_public_client: /^token: HTTP 401 .*AADSTS700025: /,
  application_not_found: /^token: HTTP 400 .*AADSTS700016: /,
  enterprise_application_missing: /^token: HTTP 401 .*AADSTS7000229: /,
  enterprise_application_disabled: /^token: HTTP 400 .*AADSTS7000112: /,
  tenant_not_found: /^token: HTTP 400 .*AADSTS90002: /,
  tenant_malformed: /^token: HTTP 400 .*AADSTS900023: /,
  tenant_is_common: /^token: HTTP 400 .*AADSTS9001023: /,
  wrong_cloud: /^token: HTTP 400 .*AADSTS900432: /,
  scope_wrong: /^token: HTTP 400 .*AADSTS1002012: /,
  exchange_online_missing: /^token: HTTP 400 .*AADSTS500011: /,
  assignment_required: /^token: HTTP 400 .*AADSTS501051: /,
  federated_identity_unknown: /^token: HTTP 401 .*AADSTS700213: /,
  consent_missing: /^token: HTTP 400 .*AADSTS65001: /,
  token_request_malformed: /^token: HTTP 400 .*AADSTS9002313: /,
  conditional_access_blocked: /^token: HTTP 400 .*AADSTS53003: .*capolids/,
  tenant_restricted_by_proxy: /^token: HTTP 400 .*AADSTS500021: /,
  entra_tls_too_old: /^token: HTTP 400 .*AADSTS1002016: /,
  entra_throttled: /^token: HTTP 429 /,
  entra_fault: /^token: HTTP 503 .*AADSTS90033: /,
  entra_answer_unknown: /^token: HTTP 400 .*AADSTS999001: /,
  entra_answer_unknown_temporary: /^token: HTTP 408 .*AADSTS999002: /,
  audience_wrong: /^claims: .*"aud":"https:\/\/graph\.microsoft\.com"/,
  role_missing: /^claims: (?!.*"roles").*"aud":"https:\/\/outlook\.office365\.com"/,
  token_is_delegated: /^claims: .*"scp":"SMTP\.Send"/,
  token_of_other_application: /^claims: .*"appid":"(?!d2f6b8a1)/,
  token_already_ended: /^claims: .*"exp":1795424399,/,
  token_unreadable: /^claims: "no JWT"/,

  smtp_service_busy: /^smtp: 421 4\.3\.2 Service not available/,
  xoauth2_not_offered: /^smtp: 504 5\.7\.4/,
  login_not_offered: /^smtp: 50[04] 5\./,
  smtp_tls_too_old: /^smtp: 421 4\.7\.66 /,
  auth_mechanism_refused: /^smtp: 504 5\.7\.4 /,
  starttls_required: /^smtp: 530 5\.7\.0 Must issue a STARTTLS command first/,
  smtp_auth_disabled_for_mailbox: /^smtp: 535 5\.7\.139 .*disabled for the Mailbox\./,
  smtp_auth_disabled_for_tenant: /^smtp: 535 5\.7\.139 .*disabled for the Tenant\./,
  basic_blocked_by_security_defaults: /^smtp: 535 5\.7\.139 .*security defaults/,
  basic_authentication_disabled: /^smtp: 535 5\.7\.139 .*basic authentication is disabled\./,
  login_criteria_not_met: /^smtp: 535 5\.7\.139 .*did not meet the criteria/,
  federation_unreachable: /^smtp: 535 5\.7\.139 .*federated STS/,
  service_principal_not_accepted: /^smtp: 535 5\.7\.3 Authentication unsuccessful \[/,
  mailbox_outside_rbac_scope: /^smtp: 535 5\.7\.3 Authentication unsuccessful \[/,
  password_wrong: /^smtp: 535 5\.7\.139 .*the user credentials were incorrect\./,
  smtp_session_ended: /^smtp: 421 4\.4\.1 Connection timed out/,
  smtp_answer_unknown: /^smtp: 554 5\.9\.1 /,
  smtp_answer_unknown_temporary: /^smtp: 450 4\.9\.1 /,

  not_authenticated: /^smtp: 530 5\.7\.57 /,
  mailbox_permission_missing: /^smtp: 430 4\.2\.0 STOREDRV; mailbox logon failure; /,
  send_as_throttled: /^smtp: 550 5\.2\.252 Sender throttled /,
  send_as_denied: /^smtp: 554 5\.2\.252 SendAsDenied; /,
  daily_recipient_limit: /^smtp: 554 5\.2\.0 .*SubmissionQuotaExceeded/,
  tenant_recipient_limit: /^smtp: 550 5\.7\.233 /,
  mailbox_full: /^smtp: 554 5\.2\.2 mailbox full; STOREDRV/,
  mailbox_not_licensed: /^smtp: 550 5\.2\.253 /,
  sender_blocked: /^smtp: 550 5\.1\.8 /,
  sending_network_blocked: /^smtp: 550 5\.7\.606 /,
  domain_not_registered: /^smtp: 550 5\.7\.750 /,
  direct_send_refused: /^smtp: 550 5\.7\.68 /,
  message_too_large: /^smtp: 554 5\.2\.3 .*MaxSubmissionExceeded/,
  too_many_recipients: /^smtp: 452 4\.5\.3 /,
  recipient_unknown: /^smtp: 550 5\.1\.10 /,
  recipient_refused: /^smtp: 550 5\.7\.504 /,
  address_invalid: /^smtp: 501 5\.1\.3 /,
  from_header_invalid: /^smtp: 550 5\.7\.512 /,
  dmarc_failed: /^smtp: 550 5\.7\.509 .*domain contoso\.com /,
  bare_line_feeds: /^smtp: 550 5\.6\.11 /,
  message_content_invalid: /^smtp: 554 5\.6\.0 /,
  mail_loop: /^smtp: 554 5\.4\.6 /,
  relay_denied: /^smtp: 550 5\.7\.1 Unable to relay/,
  too_many_connections: /^smtp: 432 4\.3\.2 /,
  submission_rate_exceeded: /^smtp: 421 4\.4\.2 Message submission rate/,
  sending_slowed_down: /^smtp: 451 4\.7\.500 /,

  graph_permission_missing: /^graph: HTTP 403 .*Authorization_RequestDenied/,
  graph_application_not_found: /^graph: HTTP 404 .*Request_ResourceNotFound/,
  graph_token_refused: /^graph: HTTP 401 .*InvalidAuthenticationToken/,
  graph_throttled: /^graph: HTTP 429 .*TooManyRequests/,
  graph_fault: /^graph: HTTP 502 /,
  graph_secret_lifetime_refused: /^graph: HTTP 400 .*CredentialInvalidLifetimeAsPerAppPolicy/,
  graph_secret_type_refused: /^graph: HTTP 400 .*CredentialTypeNotAllowedAsPerAppPolicy/,
}

const KEY_ID = '0d2f7c1a-8e54-4b06-9a63-c7b1f2e3d495'
const certificate = createClientCertificate()

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.sandbox.tenant.reset()
  t.clock.set(FAKE_NOW)
})

const { clientId } = INITIAL
const app = () => t.sandbox.tenant.state().apps[clientId]
const control = (method: 'GET' | 'POST' | 'DELETE', path = '') =>
  t.call(`${t.sandbox.controlUrl}/rehearsals${path}`, { method })
/** What the profile with a certificate needs to work; a rehearsal keeps it. */
const prepare = () =>
  t.sandbox.tenant.patch({
    apps: {
      [clientId]: { certificates: { [KEY_ID]: { certificate: certificate.certificate } } },
    },
  })

describe('the rehearsals', () => {
  it('have one code each, which the catalogue of diagnoses has in the same row', () => {
    const codes = t.sandbox.rehearsals.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    expect([...codes].sort()).toEqual(Object.keys(SEEN).sort())
    const rows = new Map(CATALOGUE.map(({ code, row }) => [code, row]))
    const known = t.sandbox.rehearsals.map(({ code }) => [code, rows.get(code)])
    expect(known).toEqual(t.sandbox.rehearsals.map(({ code, row }) => [code, row]))
    const titles = t.sandbox.rehearsals.map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
  })

  it.each(['basic', 'certificate', 'graph', null] as const)(
    'start from a state that works for %s',
    async (needs) => {
      prepare()
      const last = (await encounter(t, { needs, needsMessage: true }, certificate)).at(-1)
      expect(last).toMatch(/^(smtp: 250 2\.0\.0 OK|graph: HTTP 200)/)
    },
  )

  it.each(Object.entries(SEEN))('%s looks as it should', async (code, seen) => {
    prepare()
    const rehearsal = t.sandbox.rehearsals.find((each) => each.code === code)
    t.sandbox.tenant.rehearse(code)
    const lines = await encounter(t, rehearsal ?? { needs: null, needsMessage: false }, certificate)
    // Exchange refuses a token with wrong claims too, but without saying why.
    const shows = seen.source.startsWith('^claims') ? lines[0] : lines.at(-1)
    expect(shows).toMatch(seen)
  })
})

describe('a rehearsal', () => {
  it('begins where the one before it had not been, and ends in the working state', () => {
    t.sandbox.tenant.rehearse('role_missing')
    t.sandbox.tenant.patch({ smtp: { fault: 'busy' } })
    t.sandbox.tenant.rehearse('mailbox_full')
    expect(app()?.exchangeRoles).toEqual(['SMTP.SendAsApp'])
    expect(t.sandbox.tenant.state().smtp.fault).toBe('none')
    const before = t.sandbox.tenant.restore()
    t.sandbox.tenant.reset()
    expect(before).toEqual(t.sandbox.tenant.state())
  })

  it('keeps what Graph changed and what was uploaded, and breaks all of it', async () => {
    const first = Object.keys(app()?.secrets ?? {})[0] ?? ''
    t.sandbox.tenant.patch({
      apps: {
        [clientId]: {
          graphRoles: ['Application.ReadWrite.OwnedBy'],
          certificates: { [KEY_ID]: { certificate: certificate.certificate } },
        },
      },
    })
    const headers = { authorization: `Bearer ${await t.graphToken()}` }
    const url = `${t.sandbox.graphUrl}/v1.0/applications(appId='${clientId}')`
    const added = await t.call(`${url}/addPassword`, { method: 'POST', headers, body: '{}' })
    const { keyId, secretText } = added.json()
    const body = JSON.stringify({ keyId: first })
    await t.call(`${url}/removePassword`, { method: 'POST', headers, body })

    t.sandbox.tenant.rehearse('secret_expired')
    const ask = () => t.requestToken({ client_secret: String(secretText) })
    expect((await ask()).json()['error_codes']).toEqual([7000222])
    t.sandbox.tenant.rehearse('application_not_found')
    t.sandbox.tenant.restore()
    expect((await ask()).status).toBe(200)
    expect(Object.keys(app()?.secrets ?? {})).toEqual([keyId])
    expect(Object.keys(app()?.certificates ?? {})).toEqual([KEY_ID])
    t.sandbox.tenant.reset()
    expect(Object.keys(app()?.secrets ?? {})).toEqual([first])
    expect(app()?.certificates).toEqual({})
  })

  it('leaves inbox and counters, and forgets how often the sender was denied', async () => {
    const send = async () =>
      (await encounter(t, { needs: null, needsMessage: true }, certificate)).at(-1)
    await send()
    const { messagesAccepted } = t.sandbox.tenant.counters
    t.sandbox.tenant.patch({ limits: { recipientsPerDay: 1 } })
    expect(await send()).toContain('SubmissionQuotaExceeded')
    t.sandbox.tenant.rehearse('mailbox_full')
    t.sandbox.tenant.patch({
      limits: { recipientsPerDay: 1 },
      mailboxes: { [t.sandbox.mailbox]: { full: false } },
    })
    expect(await send()).toMatch(/^smtp: 250/)
    expect(t.sandbox.tenant.inbox.list()).toHaveLength(messagesAccepted + 1)
  })
})

describe('the control', () => {
  it('lists the rehearsals with what an operator needs to choose', async () => {
    const list: unknown = JSON.parse((await control('GET')).text)
    expect(list).toEqual(t.sandbox.rehearsals)
    expect(list).toContainEqual({
      code: 'mailbox_permission_missing',
      title: 'FullAccess on the mailbox removed',
      row: 39,
      needsMessage: true,
      needs: null,
      patch: { mailboxes: { 'alerts@contoso.com': { fullAccess: { [clientId]: null } } } },
    })
  })

  it('begins and ends one', async () => {
    const begun = await control('POST', '/role_missing')
    expect([begun.status, begun.json()]).toEqual([200, t.sandbox.tenant.state()])
    expect(app()?.exchangeRoles).toEqual([])
    expect((await control('DELETE')).status).toBe(200)
    expect(app()?.exchangeRoles).toEqual(['SMTP.SendAsApp'])
  })

  it.each(['/nonsense', '/constructor'])('says that it does not know %s', async (path) => {
    const before = t.sandbox.tenant.patch({ smtp: { fault: 'busy' } })
    const answer = await control('POST', path)
    expect(answer.status).toBe(404)
    expect(answer.json()).toMatchObject({
      code: 'sandbox_rehearsal_unknown',
      detail: expect.stringContaining('Read GET /rehearsals'),
    })
    expect(t.sandbox.tenant.state()).toBe(before)
  })
})
