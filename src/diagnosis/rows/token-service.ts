import type { Row } from '../row.ts'

/** Policies that block the application, throttling, and faults of Entra itself. */
export const TOKEN_SERVICE_ROWS: readonly Row[] = [
  {
    row: 20,
    code: 'conditional_access_blocked',
    match: [{ source: 'entra', codes: [53003] }],
    summary: 'A Conditional Access policy blocks the application {clientId}.',
    causes: [
      'A policy for workload identities does not allow this application.',
      'The policy does not allow it from this network.',
    ],
    note: 'Policy: {policyIds}.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator excludes the service principal of {clientId} from the policy, or adds this network’s outgoing address to a named location. Look in Sign-in logs, Service principal sign-ins.',
    commands: [
      {
        shell: 'url',
        text: '{portal}/#view/Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies',
      },
    ],
    retry: 'never',
    guideStep: null,
    variants: [
      {
        when: { workedBefore: true },
        causes: [
          'A policy for workload identities was made or changed.',
          'The outgoing address of this network changed and stands in no named location of the policy.',
        ],
      },
    ],
  },
  {
    row: null,
    code: 'tenant_restricted_by_proxy',
    match: [{ source: 'entra', codes: [500021] }],
    summary: 'A proxy of this network does not allow signing in to the tenant {tenantId}.',
    causes: [
      'The proxy adds a tenant restriction (Restrict-Access-To-Tenants) that does not name this tenant.',
    ],
    responsible: 'networkTeam',
    remedy: 'The network team adds the tenant {tenantId} to the tenant restriction of the proxy.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 21,
    code: 'entra_tls_too_old',
    match: [{ source: 'entra', codes: [1002016] }],
    summary: 'Microsoft Entra refuses the TLS version of this connection.',
    causes: ['A proxy between uses an older version of TLS towards Microsoft.'],
    note: 'Postern itself speaks TLS 1.2 or later.',
    responsible: 'networkTeam',
    remedy:
      'The network team updates the proxy to TLS 1.2 or later, or exempts {authorityHost} from it.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 22,
    code: 'entra_throttled',
    match: [
      { source: 'entra', codes: [50196, 90055] },
      { source: 'entra', status: [429, 429] },
    ],
    summary: 'Microsoft Entra asks Postern to wait: too many token requests.',
    causes: [
      'Another program with the same app registration asks for tokens too often.',
      'Many requests were made for this tenant in a short time.',
    ],
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern waits as long as Microsoft asks and tries again.',
    commands: [],
    retry: 'transient',
    retryAfterMs: 60_000,
    guideStep: null,
  },
  {
    row: 23,
    code: 'entra_fault',
    match: [
      { source: 'entra', codes: [90033, 50033, 90036, 90006, 90012, 90024, 90090] },
      { source: 'entra', status: [500, 599] },
      { source: 'entra', errors: ['temporarily_unavailable', 'server_error'] },
    ],
    summary: 'Microsoft Entra has a fault of its own.',
    causes: [
      'Microsoft’s sign-in service has a fault.',
      'A gateway before it could not answer the request.',
    ],
    responsible: 'nobody',
    remedy:
      'Nobody has to act now: Postern tries again by itself. If it lasts longer than an hour, report the trace ID to Microsoft.',
    commands: [{ shell: 'url', text: 'https://status.cloud.microsoft' }],
    retry: 'transient',
    guideStep: null,
  },
]
