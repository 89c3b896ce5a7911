import { each, type Rehearsal, rehearsal, type Scene } from './scene.ts'

/** Long over, and effective whatever it was before. */
const ENDED = {
  startDateTime: '2023-01-01T00:00:00.000Z',
  endDateTime: '2025-01-01T00:00:00.000Z',
  effectiveAt: null,
}
const POLICY_ID = 'b4c1a6de-7d35-4d1f-9d0c-2f5c0a8f6e11'
const forced = (forcedCode: number) => ({ entra: { forcedCode } })

/** Refusals and faults of Entra, and tokens that Exchange would refuse. */
export function tokenRehearsals(scene: Scene): Rehearsal[] {
  const { clientId, app } = scene
  const ofApp = (change: object | null) => ({ apps: { [clientId]: change } })
  const certificate = { needs: 'certificate' } as const
  return [
    rehearsal(
      'secret_wrong',
      4,
      'Client secret deleted in Entra',
      ofApp({ secrets: each(app.secrets, null) }),
    ),
    rehearsal(
      'secret_expired',
      5,
      'Client secret expired',
      ofApp({ secrets: each(app.secrets, ENDED) }),
    ),
    rehearsal('credential_missing', 6, 'Token request without a credential', forced(7000216)),
    rehearsal(
      'certificate_not_registered',
      7,
      'Certificate removed from the app registration',
      ofApp({ certificates: each(app.certificates, null) }),
      certificate,
    ),
    rehearsal(
      'certificate_ended_in_entra',
      8,
      'Certificate expired',
      ofApp({ certificates: each(app.certificates, ENDED) }),
      certificate,
    ),
    rehearsal('clock_wrong', 9, 'Clock two hours slow', { clockOffsetMs: 7_200_000 }, certificate),
    rehearsal(
      'certificate_signature_refused',
      null,
      'Signature of the certificate not accepted',
      forced(50012),
      certificate,
    ),
    rehearsal('application_is_public_client', null, 'Set up as a public client', forced(700025)),
    rehearsal('application_not_found', 10, 'App registration deleted', ofApp(null)),
    rehearsal(
      'enterprise_application_missing',
      11,
      'Enterprise application deleted',
      ofApp({ servicePrincipal: { exists: false } }),
    ),
    rehearsal(
      'enterprise_application_disabled',
      12,
      'Enterprise application disabled',
      ofApp({ servicePrincipal: { enabled: false } }),
    ),
    rehearsal('tenant_not_found', 13, 'Tenant unknown in this cloud', forced(90002)),
    rehearsal('tenant_malformed', 14, 'Tenant id malformed', forced(900023)),
    rehearsal('tenant_is_common', 15, '“common” instead of a tenant', forced(9001023)),
    rehearsal('wrong_cloud', 16, 'Tenant in another national cloud', forced(900432)),
    rehearsal('scope_wrong', 17, 'Scope not accepted', forced(1002012)),
    rehearsal('exchange_online_missing', 18, 'Tenant without Exchange Online', {
      tenant: { hasExchange: false },
    }),
    rehearsal('assignment_required', 19, 'Assignment to a role required', forced(501051)),
    rehearsal(
      'federated_identity_unknown',
      null,
      'Federated credential does not match',
      forced(700213),
    ),
    rehearsal('consent_missing', null, 'Nobody has consented to the application', forced(65001)),
    rehearsal(
      'token_request_malformed',
      null,
      'A proxy damages the token request',
      forced(9002313),
    ),
    rehearsal(
      'conditional_access_blocked',
      20,
      'Blocked by Conditional Access',
      ofApp({ blockedByPolicy: POLICY_ID }),
    ),
    rehearsal(
      'tenant_restricted_by_proxy',
      null,
      'A proxy restricts the tenants of this network',
      forced(500021),
    ),
    rehearsal('entra_tls_too_old', 21, 'Old TLS towards Entra', forced(1002016)),
    rehearsal('entra_throttled', 22, 'Entra throttles token requests', {
      entra: { fault: 'throttled', retryAfterSeconds: 10 },
    }),
    rehearsal('entra_fault', 23, 'Entra has a fault', {
      entra: { fault: 'transient', retryAfterSeconds: 10 },
    }),
    rehearsal(
      'entra_answer_unknown',
      null,
      'Entra refuses with a code that nobody knows',
      forced(999001),
    ),
    rehearsal('entra_answer_unknown_temporary', null, 'Entra gives up waiting for the request', {
      entra: { forcedCode: 999002, forcedStatus: 408 },
    }),
    rehearsal('audience_wrong', 24, 'Token for another service', {
      entra: { audience: 'https://graph.microsoft.com' },
    }),
    rehearsal('role_missing', 25, 'Admin consent removed', ofApp({ exchangeRoles: [] })),
    rehearsal('token_is_delegated', 26, 'Delegated permission instead of application', {
      entra: { delegated: true },
    }),
    rehearsal('token_of_other_application', null, 'Token of another application', {
      entra: { appId: '5b0f6c1e-3a7d-4e29-9c48-d1e2f3a4b5c6' },
    }),
    rehearsal('token_already_ended', null, 'Token whose time is over', {
      entra: { tokenAgeSeconds: 7_200 },
    }),
    rehearsal('token_unreadable', null, 'Token that cannot be read', { entra: { opaque: true } }),
  ]
}
