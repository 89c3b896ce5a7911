import { REPLY } from '../exchange/index.ts'
import { type Rehearsal, rehearsal, type Scene } from './scene.ts'

/** How front doors ended their errors before they named time and session. */
const FRONT_DOOR = '[AM0PR06CA0126.eurprd06.prod.outlook.com]'
const refusedAuth = (text: string) => ({
  smtp: { forcedReplies: { auth: `${text} ${FRONT_DOOR}` } },
})

/** What the SMTP server says up to the login. */
export function smtpRehearsals(scene: Scene): Rehearsal[] {
  const { clientId, app, mailbox } = scene
  const basic = { needs: 'basic' } as const
  return [
    rehearsal('smtp_service_busy', 27, 'Exchange Online is busy', { smtp: { fault: 'busy' } }),
    rehearsal('xoauth2_not_offered', null, 'The server offers no XOAUTH2', {
      smtp: { authMechanisms: ['LOGIN'] },
    }),
    rehearsal(
      'login_not_offered',
      null,
      'The server offers no login with a password',
      { smtp: { authMechanisms: ['XOAUTH2'] } },
      basic,
    ),
    rehearsal('smtp_tls_too_old', 28, 'Old TLS towards Exchange Online', {
      smtp: { fault: 'tls10' },
    }),
    rehearsal(
      'auth_mechanism_refused',
      29,
      'The way to log in is refused',
      refusedAuth(REPLY.authUnrecognized),
    ),
    rehearsal(
      'starttls_required',
      null,
      'The server wants TLS first',
      refusedAuth(REPLY.startTlsFirst),
    ),
    rehearsal('smtp_auth_disabled_for_mailbox', 30, 'SMTP AUTH off for the mailbox', {
      mailboxes: { [mailbox]: { smtpAuthDisabled: true } },
    }),
    rehearsal('smtp_auth_disabled_for_tenant', 31, 'SMTP AUTH off for the organisation', {
      tenant: { smtpAuthDisabled: true },
      mailboxes: { [mailbox]: { smtpAuthDisabled: null } },
    }),
    rehearsal(
      'basic_blocked_by_security_defaults',
      32,
      'Security defaults block passwords',
      { tenant: { securityDefaults: true } },
      basic,
    ),
    rehearsal(
      'basic_authentication_disabled',
      33,
      'Basic authentication switched off',
      { tenant: { basicAuth: 'disabled' } },
      basic,
    ),
    rehearsal(
      'login_criteria_not_met',
      34,
      'A policy refuses the login',
      refusedAuth(
        '535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.',
      ),
    ),
    rehearsal(
      'federation_unreachable',
      null,
      'Federation server not reachable',
      refusedAuth(
        '535 5.7.139 Authentication unsuccessful, federated STS service was unreachable.',
      ),
    ),
    rehearsal('service_principal_not_accepted', 35, 'Service principal with the wrong Object ID', {
      exchange: { servicePrincipals: { [clientId]: { objectId: app.objectId } } },
    }),
    rehearsal(
      'mailbox_outside_rbac_scope',
      35,
      'Mailbox outside the scope of application RBAC',
      {
        apps: { [clientId]: { exchangeRoles: [] } },
        exchange: { rbac: { [clientId]: { members: [] } } },
      },
      { needs: 'applicationRbac' },
    ),
    rehearsal(
      'password_wrong',
      null,
      'Password of the mailbox changed',
      { mailboxes: { [mailbox]: { password: null } } },
      basic,
    ),
    rehearsal('smtp_session_ended', 46, 'The server ends the session', refusedAuth(REPLY.timedOut)),
    rehearsal(
      'smtp_answer_unknown',
      null,
      'A refusal that nobody knows',
      refusedAuth('554 5.9.1 Refused for a reason of its own'),
    ),
    rehearsal(
      'smtp_answer_unknown_temporary',
      null,
      'A delay that nobody knows',
      refusedAuth('450 4.9.1 Delayed for a reason of its own'),
    ),
  ]
}
