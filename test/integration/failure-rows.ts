import { INITIAL } from '../../src/sandbox/initial-state.ts'

/** One way in which a tenant, a network or a setting is wrong, and what the operator has to be told. */
export interface FailureRow {
  readonly title: string
  /** A merge patch on the simulated tenant. */
  readonly patch: unknown
  /** Makes the stored profile from one that works. */
  readonly profile?: (working: Record<string, unknown>) => Record<string, unknown>
  /** Before the profile is stored. */
  readonly seed?: unknown
  /** Shows only when a real message is handed over. */
  readonly withMessage?: true
  /** May pass by itself, so that it counts when it comes twice. */
  readonly passing?: true
  /** The timeouts of the agent are short. */
  readonly shortTimeouts?: true
  readonly check: string
  readonly code: string
  readonly responsible: string
}

const { clientId, mailbox, secretKeyId } = INITIAL
const app = (change: unknown) => ({ apps: { [clientId]: change } })
const secret = (change: unknown) => app({ secrets: { [secretKeyId]: change } })
const ofMailbox = (change: unknown) => ({ mailboxes: { [mailbox]: change } })
const OTHER_GUID = '00000000-1111-4222-8333-444444444444'
const SHARED = 'shared@contoso.com'
const basic = (working: Record<string, unknown>) => ({
  ...working,
  authentication: { type: 'basic', username: mailbox, password: INITIAL.mailboxPassword },
})

/** The secret, the application and the consent. */
export const ENTRA_REFUSALS: readonly FailureRow[] = [
  {
    title: 'a wrong secret',
    patch: secret({ value: 'another~secret-than-the-stored-one-00' }),
    check: 'tokenIssued',
    code: 'secret_wrong',
    responsible: 'entraAdministrator',
  },
  {
    title: 'an expired secret',
    patch: secret({ endDateTime: '2024-01-01T00:00:00Z' }),
    check: 'tokenIssued',
    code: 'secret_expired',
    responsible: 'entraAdministrator',
  },
  {
    title: 'an unknown application',
    patch: { apps: { [clientId]: null } },
    check: 'tokenIssued',
    code: 'application_not_found',
    // The same ids have worked before: it was changed at Microsoft.
    responsible: 'entraAdministrator',
  },
  {
    title: 'an unknown tenant',
    patch: { tenant: { id: OTHER_GUID, domain: 'other.example', verifiedDomains: [] } },
    check: 'tokenIssued',
    code: 'tenant_not_found',
    // The same ids have worked before: it was changed at Microsoft.
    responsible: 'entraAdministrator',
  },
  {
    title: 'a missing enterprise application',
    patch: app({ servicePrincipal: { exists: false } }),
    check: 'tokenIssued',
    code: 'enterprise_application_missing',
    responsible: 'entraAdministrator',
  },
  {
    title: 'a disabled enterprise application',
    patch: app({ servicePrincipal: { enabled: false } }),
    check: 'tokenIssued',
    code: 'enterprise_application_disabled',
    responsible: 'entraAdministrator',
  },
  {
    title: 'a withdrawn consent',
    patch: app({ exchangeRoles: [] }),
    check: 'tokenRole',
    code: 'role_missing',
    responsible: 'entraAdministrator',
  },
  {
    title: 'a token for Microsoft Graph',
    patch: { entra: { audience: 'https://graph.microsoft.com' } },
    check: 'tokenAudience',
    code: 'audience_wrong',
    responsible: 'operator',
  },
]

/** The way to Entra, and Entra itself. */
export const ENTRA_TROUBLES: readonly FailureRow[] = [
  {
    title: 'Entra refusing connections',
    patch: { entra: { fault: 'refuse' } },
    passing: true,
    check: 'entraReachable',
    code: 'entra_connect_failed',
    responsible: 'networkTeam',
  },
  {
    title: 'a silent Entra',
    patch: { entra: { fault: 'silent' } },
    passing: true,
    shortTimeouts: true,
    check: 'entraReachable',
    code: 'entra_timeout',
    responsible: 'networkTeam',
  },
  {
    title: 'a slow Entra',
    patch: { entra: { delayMs: 10_000 } },
    passing: true,
    shortTimeouts: true,
    check: 'entraReachable',
    code: 'entra_timeout',
    responsible: 'networkTeam',
  },
  {
    title: 'a connection to Entra that is reset',
    patch: { entra: { fault: 'reset' } },
    passing: true,
    check: 'entraReachable',
    code: 'entra_connection_closed',
    responsible: 'networkTeam',
  },
  {
    title: 'Entra answering with a page',
    patch: { entra: { fault: 'html' } },
    passing: true,
    check: 'tokenIssued',
    code: 'entra_fault',
    responsible: 'nobody',
  },
  {
    title: 'half an answer of Entra',
    patch: { entra: { fault: 'halfBody' } },
    passing: true,
    check: 'entraReachable',
    code: 'entra_connection_closed',
    responsible: 'networkTeam',
  },
  {
    title: '429 with Retry-After',
    patch: { entra: { fault: 'throttled', retryAfterSeconds: 90 } },
    passing: true,
    check: 'tokenIssued',
    code: 'entra_throttled',
    responsible: 'nobody',
  },
  {
    title: '429 without Retry-After',
    patch: { entra: { fault: 'throttled', retryAfterSeconds: null } },
    passing: true,
    check: 'tokenIssued',
    code: 'entra_throttled',
    responsible: 'nobody',
  },
  {
    title: 'a fault of Entra’s own (503)',
    patch: { entra: { fault: 'transient' } },
    passing: true,
    check: 'tokenIssued',
    code: 'entra_fault',
    responsible: 'nobody',
  },
  {
    title: 'a redirect instead of an answer',
    patch: { entra: { fault: 'redirect' } },
    passing: true,
    check: 'entraReachable',
    code: 'entra_redirected',
    responsible: 'networkTeam',
  },
  {
    title: 'an expired certificate of Entra',
    patch: { entra: { certificate: 'expired' } },
    check: 'entraReachable',
    code: 'certificate_expired',
    responsible: 'operator',
  },
  {
    title: 'a certificate of Entra for another name',
    patch: { entra: { certificate: 'wrongName' } },
    check: 'entraReachable',
    code: 'certificate_wrong_name',
    responsible: 'operator',
  },
  {
    title: 'a self-signed certificate of Entra',
    patch: { entra: { certificate: 'selfSigned' } },
    check: 'entraReachable',
    code: 'certificate_untrusted',
    responsible: 'operator',
  },
]

/** What Exchange Online refuses at login and at a message. */
export const EXCHANGE_REFUSALS: readonly FailureRow[] = [
  {
    title: 'SMTP AUTH off for the mailbox',
    patch: ofMailbox({ smtpAuthDisabled: true }),
    check: 'authAccepted',
    code: 'smtp_auth_disabled_for_mailbox',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'SMTP AUTH off for the tenant',
    patch: { tenant: { smtpAuthDisabled: true } },
    check: 'authAccepted',
    code: 'smtp_auth_disabled_for_tenant',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'a service principal with the wrong Object ID',
    patch: {
      exchange: { servicePrincipals: { [clientId]: { objectId: INITIAL.applicationObjectId } } },
    },
    check: 'authAccepted',
    code: 'service_principal_not_accepted',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'a missing service principal',
    patch: { exchange: { servicePrincipals: { [clientId]: null } } },
    check: 'authAccepted',
    code: 'service_principal_not_accepted',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'a missing FullAccess',
    patch: ofMailbox({ fullAccess: { [clientId]: null } }),
    withMessage: true,
    check: 'messageAccepted',
    code: 'mailbox_permission_missing',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'a missing Send As',
    seed: { mailboxes: { [SHARED]: { sendAs: [mailbox] } } },
    profile: (working) => ({
      ...working,
      senderEmailAddress: SHARED,
      authentication: Object.assign({}, working['authentication'], { username: mailbox }),
    }),
    patch: { mailboxes: { [SHARED]: { sendAs: [] } } },
    withMessage: true,
    check: 'messageAccepted',
    code: 'send_as_denied',
    responsible: 'exchangeAdministrator',
  },
  {
    title: 'basic authentication that is disabled',
    profile: basic,
    patch: { tenant: { basicAuth: 'disabled' } },
    check: 'authAccepted',
    code: 'basic_authentication_disabled',
    responsible: 'operator',
  },
  {
    title: 'basic authentication that is retired',
    profile: basic,
    patch: { tenant: { basicAuth: 'retired' } },
    check: 'authAccepted',
    code: 'basic_authentication_disabled',
    responsible: 'operator',
  },
  {
    title: 'basic authentication blocked by security defaults',
    profile: basic,
    patch: { tenant: { securityDefaults: true } },
    check: 'authAccepted',
    code: 'basic_blocked_by_security_defaults',
    responsible: 'operator',
  },
  {
    title: 'a wrong password',
    profile: basic,
    patch: ofMailbox({ password: 'Another-Gate-0815' }),
    check: 'authAccepted',
    code: 'password_wrong',
    responsible: 'operator',
  },
]

const dropped = (
  fault: string,
  check: string,
  code: string,
  more: Partial<FailureRow> = {},
): FailureRow => ({
  title: `a connection that breaks (${fault})`,
  patch: { smtp: { fault } },
  passing: true,
  check,
  code,
  responsible: 'nobody',
  ...more,
})
const network = { responsible: 'networkTeam' }
const message = { withMessage: true } as const

/** The way to the SMTP server, its TLS and what it offers. */
export const SMTP_TROUBLES: readonly FailureRow[] = [
  {
    title: 'an SMTP server refusing connections',
    patch: { smtp: { fault: 'refuse' } },
    passing: true,
    check: 'serverReachable',
    code: 'smtp_connect_refused',
    responsible: 'networkTeam',
  },
  {
    title: 'a silent SMTP server',
    patch: { smtp: { fault: 'silent' } },
    passing: true,
    shortTimeouts: true,
    check: 'serverReachable',
    code: 'smtp_no_greeting',
    responsible: 'networkTeam',
  },
  {
    title: 'a busy SMTP server',
    patch: { smtp: { fault: 'busy' } },
    passing: true,
    check: 'serverReachable',
    code: 'smtp_service_busy',
    responsible: 'nobody',
  },
  {
    title: 'a temporary error of the front door at the login',
    patch: { smtp: { fault: 'proxy' } },
    passing: true,
    check: 'authAccepted',
    code: 'smtp_service_busy',
    responsible: 'nobody',
  },
  dropped('dropAtConnect', 'serverReachable', 'smtp_no_greeting', network),
  dropped('dropAtEhlo', 'serverReachable', 'smtp_connection_closed'),
  dropped('dropAtStarttls', 'tls', 'tls_failed', network),
  dropped('dropAtAuth', 'authAccepted', 'smtp_connection_closed'),
  dropped('dropAtMail', 'senderAccepted', 'smtp_connection_closed', message),
  dropped('dropAtRcpt', 'recipientAccepted', 'smtp_connection_closed', message),
  dropped('dropBefore354', 'messageAccepted', 'smtp_connection_closed', message),
  dropped('dropMidData', 'messageAccepted', 'smtp_connection_closed', message),
  dropped('dropAfterDot', 'messageAccepted', 'smtp_connection_closed', message),
  dropped('dropBefore250', 'messageAccepted', 'smtp_connection_closed', message),
  {
    title: 'an expired certificate',
    patch: { smtp: { certificate: 'expired' } },
    check: 'tls',
    code: 'certificate_expired',
    responsible: 'operator',
  },
  {
    title: 'a certificate for another name',
    patch: { smtp: { certificate: 'wrongName' } },
    check: 'tls',
    code: 'certificate_wrong_name',
    responsible: 'operator',
  },
  {
    title: 'a self-signed certificate',
    patch: { smtp: { certificate: 'selfSigned' } },
    check: 'tls',
    code: 'certificate_untrusted',
    responsible: 'operator',
  },
  {
    title: 'STARTTLS not offered',
    patch: { smtp: { offerStarttls: false } },
    check: 'tls',
    code: 'starttls_not_offered',
    responsible: 'operator',
  },
  {
    title: 'XOAUTH2 not offered',
    patch: { smtp: { authMechanisms: ['LOGIN'] } },
    check: 'authOffered',
    code: 'xoauth2_not_offered',
    responsible: 'operator',
  },
  {
    title: 'a connection that counts as TLS 1.0',
    patch: { smtp: { fault: 'tls10' } },
    check: 'authAccepted',
    code: 'smtp_tls_too_old',
    responsible: 'networkTeam',
  },
  {
    title: 'a sending rate that is exceeded',
    patch: { smtp: { fault: 'throttledPerHour' } },
    withMessage: true,
    passing: true,
    check: 'messageAccepted',
    code: 'submission_rate_exceeded',
    responsible: 'nobody',
  },
]
