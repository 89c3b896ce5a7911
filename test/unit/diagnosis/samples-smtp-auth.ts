import { CLIENT_ID, OBJECT_ID, type Sample, SUFFIX, smtp } from './samples.ts'

const exchange = { responsible: 'exchangeAdministrator', retry: 'never' } as const
const operator = { responsible: 'operator', retry: 'never' } as const
const network = { responsible: 'networkTeam', retry: 'never' } as const
const basic = { authenticationType: 'basic' } as const
const FAILED = '535 5.7.139 Authentication unsuccessful,'
const SWITCH = 'Visit https://aka.ms/smtp_auth_disabled for more information.'

export const SMTP_AUTH_SAMPLES: readonly Sample[] = [
  // AUTH
  {
    failure: smtp(
      '421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls. [HOST]',
    ),
    code: 'smtp_tls_too_old',
    row: 28,
    ...network,
  },
  {
    failure: smtp(`504 5.7.4 Unrecognized authentication type ${SUFFIX}`),
    code: 'auth_mechanism_refused',
    row: 29,
    ...operator,
  },
  {
    failure: smtp('530 5.7.0 Must issue a STARTTLS command first', 'mail'),
    code: 'starttls_required',
    row: null,
    ...operator,
  },
  {
    failure: smtp(
      `${FAILED} SmtpClientAuthentication is disabled for the Mailbox. ${SWITCH} ${SUFFIX}`,
    ),
    code: 'smtp_auth_disabled_for_mailbox',
    row: 30,
    ...exchange,
    commands: [
      "Connect-ExchangeOnline -Organization 'contoso.onmicrosoft.com'",
      "Set-CASMailbox -Identity 'alerts@contoso.com' -SmtpClientAuthenticationDisabled $false",
    ],
  },
  {
    failure: smtp(
      `535-5.7.139 Authentication unsuccessful, SmtpClientAuthentication is\r\n535 5.7.139 disabled  for the mailbox. ${SUFFIX}`,
    ),
    code: 'smtp_auth_disabled_for_mailbox',
    row: 30,
    ...exchange,
  },
  {
    failure: smtp(
      `${FAILED} SmtpClientAuthentication is disabled for the Tenant. ${SWITCH} ${SUFFIX}`,
    ),
    code: 'smtp_auth_disabled_for_tenant',
    row: 31,
    ...exchange,
    commands: ['Set-CASMailbox'],
  },
  {
    failure: smtp(
      `530 5.7.57 Client not authenticated to send mail. Error: ${FAILED} SmtpClientAuthentication is disabled for the Tenant. ${SWITCH} [BN9PR03CA0716.namprd03.prod.outlook.com 2026-07-01T01:57:31.695Z 08DED6A3FAA75B29]`,
      'mail',
    ),
    code: 'smtp_auth_disabled_for_tenant',
    row: 31,
    ...exchange,
  },
  {
    failure: smtp(
      `${FAILED} user is locked by your organization's security defaults policy. Contact your administrator.`,
    ),
    context: basic,
    code: 'basic_blocked_by_security_defaults',
    row: 32,
    ...operator,
  },
  {
    failure: smtp(`${FAILED} basic authentication is disabled. ${SUFFIX}`),
    context: basic,
    code: 'basic_authentication_disabled',
    row: 33,
    ...operator,
  },
  {
    failure: smtp('550 5.7.30 Basic authentication is not supported for Client Submission.'),
    context: basic,
    code: 'basic_authentication_disabled',
    row: 33,
    ...operator,
  },
  {
    failure: smtp('535 5.7.30 Basic authentication is not supported.'),
    context: basic,
    code: 'basic_authentication_disabled',
    row: 33,
    ...operator,
  },
  {
    failure: smtp(
      `${FAILED} the request did not meet the criteria to be authenticated successfully. Contact your administrator. ${SUFFIX}`,
    ),
    code: 'login_criteria_not_met',
    row: 34,
    responsible: 'entraAdministrator',
    retry: 'never',
  },
  {
    failure: smtp(`${FAILED} federated STS service was unreachable.`),
    code: 'federation_unreachable',
    row: null,
    responsible: 'entraAdministrator',
    retry: 'transient',
  },
  {
    failure: smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`),
    code: 'service_principal_not_accepted',
    row: 35,
    ...exchange,
    says: [OBJECT_ID],
    commands: [
      'Get-ServicePrincipal',
      `New-ServicePrincipal -AppId '${CLIENT_ID}' -ObjectId '${OBJECT_ID}'`,
    ],
  },
  {
    failure: { ...smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`), enhancedCode: null },
    code: 'service_principal_not_accepted',
    row: 35,
    ...exchange,
  },
  {
    failure: smtp(
      `530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.3 Authentication unsuccessful ${SUFFIX}`,
      'mail',
    ),
    code: 'service_principal_not_accepted',
    row: 35,
    ...exchange,
  },
  {
    failure: smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`),
    context: { applicationRbac: true },
    code: 'mailbox_outside_rbac_scope',
    row: 35,
    ...exchange,
    commands: [
      `Test-ServicePrincipalAuthorization -Identity '${CLIENT_ID}' -Resource 'alerts@contoso.com'`,
    ],
  },
  {
    failure: smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`),
    context: basic,
    code: 'password_wrong',
    row: null,
    ...operator,
  },
  {
    failure: smtp(`${FAILED} the user credentials were incorrect. ${SUFFIX}`),
    context: basic,
    code: 'password_wrong',
    row: null,
    ...operator,
  },
  {
    failure: smtp('535 Authentication failed'),
    context: basic,
    code: 'password_wrong',
    row: null,
    ...operator,
  },
  {
    failure: smtp(`530 5.7.57 Client not authenticated to send mail. ${SUFFIX}`, 'mail'),
    code: 'not_authenticated',
    row: 36,
    ...operator,
  },
  {
    failure: smtp(
      '530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM [HOST]',
      'mail',
    ),
    code: 'not_authenticated',
    row: 36,
    ...operator,
  },
  {
    failure: smtp('530 5.7.1 Client was not authenticated', 'mail'),
    code: 'not_authenticated',
    row: 36,
    ...operator,
  },
]
