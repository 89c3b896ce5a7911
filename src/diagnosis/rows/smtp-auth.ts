import type { Row } from '../row.ts'
import {
  ALLOW_SMTP_AUTH,
  CONNECT_EXCHANGE,
  NEW_SERVICE_PRINCIPAL,
  SHOW_MAILBOX,
  SHOW_SERVICE_PRINCIPAL,
  SHOW_SMTP_AUTH,
  TEST_AUTHORIZATION,
} from './commands.ts'

const MOVE_TO_OAUTH =
  'The operator of Postern changes the authentication to Microsoft Exchange Online (OAuth) and follows the setup guide.'

/**
 * Refusals at AUTH. `535 5.7.139` has many meanings and only its sentence tells them apart; it comes after
 * Exchange Online has found the mailbox (Microsoft: "Enable or disable authenticated client SMTP submission").
 */
export const SMTP_AUTH_ROWS: readonly Row[] = [
  {
    row: 28,
    code: 'smtp_tls_too_old',
    match: [{ source: 'smtp', enhanced: ['4.7.66', '5.7.67'] }],
    summary: 'Exchange Online refuses the TLS version of this connection.',
    causes: ['A mail gateway or firewall between uses an older version of TLS.'],
    note: 'Postern itself speaks TLS 1.2 or later.',
    responsible: 'networkTeam',
    remedy:
      'The network team updates what stands between to TLS 1.2 or later, or lets connections to {host} pass unchanged.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 29,
    code: 'auth_mechanism_refused',
    match: [{ source: 'smtp', codes: [504, 504] }],
    summary: 'The server {host} does not know the way to log in that Postern used.',
    causes: ['The host is not the right server.', 'The login came before TLS.'],
    responsible: 'operator',
    remedy:
      'The operator of Postern checks host, port and authentication, and sets the security to STARTTLS.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'starttls_required',
    match: [{ source: 'smtp', fragments: ['must issue a starttls command'] }],
    summary: 'The server {host} wants TLS before anything else.',
    causes: ['The security “none” is set for a server that requires STARTTLS.'],
    responsible: 'operator',
    remedy: 'The operator of Postern sets the security to STARTTLS in the server details.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 30,
    code: 'smtp_auth_disabled_for_mailbox',
    match: [{ source: 'smtp', enhanced: ['5.7.139'], fragments: ['disabled for the mailbox'] }],
    summary: 'SMTP AUTH is switched off for the mailbox {mailbox}.',
    causes: ['The mailbox has its own switch, and it is set to off.'],
    note: 'Token and mailbox are fine.',
    responsible: 'exchangeAdministrator',
    remedy: 'The Exchange administrator allows SMTP AUTH for the mailbox {mailbox}.',
    commands: [CONNECT_EXCHANGE, ALLOW_SMTP_AUTH, SHOW_SMTP_AUTH],
    retry: 'never',
    propagationMinutes: 60,
    guideStep: 'smtp-auth',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'SMTP AUTH was switched off for the mailbox {mailbox}; it was on until {workedUntil}.',
        causes: ['An administrator or a script switched SMTP AUTH off for this mailbox.'],
      },
    ],
  },
  {
    row: 31,
    code: 'smtp_auth_disabled_for_tenant',
    match: [{ source: 'smtp', enhanced: ['5.7.139'], fragments: ['disabled for the tenant'] }],
    summary: 'SMTP AUTH is switched off for the whole organisation.',
    causes: [
      'The switch of the organisation is off, as Microsoft sets it for new tenants, and the mailbox {mailbox} has no setting of its own.',
    ],
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator allows SMTP AUTH for the mailbox {mailbox} alone: the mailbox’s setting wins over the organisation’s.',
    commands: [CONNECT_EXCHANGE, ALLOW_SMTP_AUTH, SHOW_SMTP_AUTH],
    retry: 'never',
    propagationMinutes: 60,
    guideStep: 'smtp-auth',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'SMTP AUTH was switched off for the whole organisation; it was on until {workedUntil}.',
        causes: [
          'An administrator, a script or Microsoft switched SMTP AUTH off for the organisation, and the mailbox {mailbox} has no setting of its own.',
          'The setting of the mailbox {mailbox} was removed, so that the organisation’s counts.',
        ],
      },
    ],
  },
  {
    row: 32,
    code: 'basic_blocked_by_security_defaults',
    match: [{ source: 'smtp', enhanced: ['5.7.139'], fragments: ['security defaults'] }],
    summary: 'The organisation’s security defaults do not allow a user name and password.',
    causes: ['Security defaults are on in Microsoft Entra; they block basic authentication.'],
    responsible: 'operator',
    remedy: MOVE_TO_OAUTH,
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: 33,
    code: 'basic_authentication_disabled',
    match: [
      { source: 'smtp', enhanced: ['5.7.30'] },
      {
        source: 'smtp',
        enhanced: ['5.7.139'],
        fragments: [
          'basic authentication is disabled',
          'organization configuration does not allow',
        ],
      },
    ],
    summary:
      'Exchange Online does not take a user name and password (basic authentication) any more.',
    causes: [
      'Basic authentication is off in this organisation.',
      'Microsoft has retired it; at the end of December 2026 it is switched off by default for all.',
    ],
    responsible: 'operator',
    remedy: MOVE_TO_OAUTH,
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: 34,
    code: 'login_criteria_not_met',
    match: [{ source: 'smtp', enhanced: ['5.7.139'], fragments: ['did not meet the criteria'] }],
    summary: 'A policy of the organisation refuses this login.',
    causes: [
      'A Conditional Access policy applies to the user that logs in.',
      'Multi-factor authentication is asked of the user that logs in.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator looks for the login in the sign-in logs; an application login (Microsoft Exchange Online with client ID and secret) needs no user and avoids this.',
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
    variants: [
      {
        when: { workedBefore: true },
        causes: [
          'A Conditional Access policy was made or changed.',
          'Multi-factor authentication was switched on for the user that logs in.',
        ],
      },
    ],
  },
  {
    row: null,
    code: 'federation_unreachable',
    match: [{ source: 'smtp', enhanced: ['5.7.139'], fragments: ['federated sts'] }],
    summary: 'Exchange Online could not reach the organisation’s own sign-in service (federation).',
    causes: ['The organisation’s own sign-in server does not answer.', 'It has no HTTPS.'],
    note: 'The password is checked by a server of the organisation.',
    responsible: 'entraAdministrator',
    remedy: 'The Entra administrator checks the federation server; with OAuth it is not needed.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 35,
    code: 'mailbox_outside_rbac_scope',
    match: [
      {
        source: 'smtp',
        codes: [535, 535],
        enhanced: ['5.7.3'],
        given: { authentication: ['exchangeOnline'], applicationRbac: true },
      },
    ],
    summary:
      'Exchange Online refuses the application for the mailbox {mailbox}, although the token is fine.',
    causes: [
      'The application role in Exchange does not cover this mailbox: it is no direct member of the group in the scope.',
      'The service account is missing in Exchange Online.',
      'The service account has a wrong Object ID.',
      '{mailbox} is not a mailbox of this tenant.',
    ],
    note: 'Such changes take up to 2 hours.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator checks with Test-ServicePrincipalAuthorization that the mailbox is in scope, and that the service account has the Object ID {objectId}.',
    commands: [CONNECT_EXCHANGE, TEST_AUTHORIZATION, SHOW_SERVICE_PRINCIPAL, SHOW_MAILBOX],
    retry: 'never',
    propagationMinutes: 120,
    guideStep: 'application-role',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'Exchange Online no longer takes the application for the mailbox {mailbox}, although the token is fine; it worked until {workedUntil}.',
        causes: [
          'The mailbox was taken out of the scope of the application role, or of its group.',
          'The role assignment or the management scope was removed.',
          'The service account was removed, or the enterprise application was made again with a new Object ID.',
          'The mailbox {mailbox} was removed or has another address now.',
        ],
      },
    ],
  },
  {
    row: 35,
    code: 'service_principal_not_accepted',
    match: [
      {
        source: 'smtp',
        codes: [535, 535],
        enhanced: ['5.7.3'],
        given: { authentication: ['exchangeOnline'] },
      },
    ],
    summary: 'Exchange Online refuses the login for {mailbox}, although the token is fine.',
    causes: [
      'The service account (service principal) is missing in Exchange Online.',
      'The service account was created with the Object ID of the app registration instead of that of the enterprise application.',
      '{mailbox} is not a mailbox of this tenant, or is only an alias.',
      'The token’s right was granted a short time ago and Exchange Online does not know it yet.',
    ],
    note: 'Such changes take up to 2 hours.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator adds the service account with the Object ID {objectId}. If Get-ServicePrincipal shows another ObjectId for it, remove it with Remove-ServicePrincipal first: it cannot be changed.',
    commands: [CONNECT_EXCHANGE, SHOW_SERVICE_PRINCIPAL, NEW_SERVICE_PRINCIPAL, SHOW_MAILBOX],
    retry: 'never',
    propagationMinutes: 120,
    guideStep: 'service-principal',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'Exchange Online no longer takes the login for {mailbox}, although the token is fine; it worked until {workedUntil}.',
        causes: [
          'The service account was removed in Exchange Online, or made again with another Object ID.',
          'The enterprise application was deleted and made again: its Object ID is {objectId} now, and the service account still has the old one.',
          'The mailbox {mailbox} was removed or has another address now.',
        ],
        remedy:
          'The Exchange administrator compares the ObjectId that Get-ServicePrincipal shows with {objectId}. If it differs or nothing is shown, remove it with Remove-ServicePrincipal and add the service account again; then give it FullAccess again, too.',
      },
      {
        when: { registrationKnown: true },
        causes: [
          'The service account (service principal) is missing in Exchange Online.',
          'The service account was created with {registrationObjectId}, the Object ID of the app registration, instead of {objectId}, that of the enterprise application.',
          '{mailbox} is not a mailbox of this tenant, or is only an alias.',
          'The token’s right was granted a short time ago and Exchange Online does not know it yet.',
        ],
        remedy:
          'The Exchange administrator adds the service account with the Object ID {objectId}. If Get-ServicePrincipal shows {registrationObjectId} or any other ObjectId for it, remove it with Remove-ServicePrincipal first: it cannot be changed.',
      },
    ],
  },
  {
    row: null,
    code: 'password_wrong',
    match: [
      { source: 'smtp', enhanced: ['5.7.139'], fragments: ['user credentials were incorrect'] },
      {
        source: 'smtp',
        codes: [535, 535],
        // RFC 4954 §6: 535 says that the credentials are invalid; 5.7.139 says more and is not meant here.
        enhanced: [null, '5.7.0', '5.7.1', '5.7.3', '5.7.8'],
        given: { authentication: ['basic'] },
      },
    ],
    summary: 'The server {host} does not accept the user name or password.',
    causes: [
      'The password was changed or has ended.',
      'The user name or the password is mistyped.',
    ],
    responsible: 'operator',
    remedy:
      'The operator of Postern enters the right user name and password in the email settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
    variants: [
      {
        when: { workedBefore: true },
        causes: ['The password was changed or has ended.', 'The user was disabled or removed.'],
      },
    ],
  },
  {
    row: 36,
    code: 'not_authenticated',
    match: [
      { source: 'smtp', enhanced: ['5.7.57'] },
      {
        source: 'smtp',
        codes: [530, 530],
        fragments: ['not authenticated', 'authentication required'],
      },
      {
        source: 'smtp',
        codes: [550, 554],
        steps: ['mail', 'rcpt'],
        fragments: ['client was not authenticated', 'authentication required'],
      },
    ],
    summary: 'The server {host} takes mail only after a login.',
    causes: ['The authentication “none” is set.', 'The server forgot the login.'],
    note: 'No login was made on this connection.',
    responsible: 'operator',
    remedy:
      'The operator of Postern sets the authentication to Microsoft Exchange Online in the email settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
]
