import type { Row } from '../row.ts'
import { OPEN_ADMIN_CONSENT, OPEN_API_PERMISSIONS, OPEN_OVERVIEW } from './commands.ts'

/** Entra does not find or accept the application, the tenant, the cloud or what is asked for. */
export const TOKEN_APPLICATION_ROWS: readonly Row[] = [
  {
    row: 10,
    code: 'application_not_found',
    match: [{ source: 'entra', codes: [700016, 700038] }],
    summary: 'Microsoft Entra does not find the application {clientId} in the tenant {tenantId}.',
    causes: [
      'The Application (client) ID is mistyped, or the Object ID was entered instead of it.',
      'The Directory (tenant) ID is that of another tenant.',
      'The app registration was deleted.',
      'The application is of another tenant and was never accepted in this one.',
    ],
    responsible: 'operator',
    remedy:
      'The operator of Postern compares the Application (client) ID and the Directory (tenant) ID with the Overview page of the app registration.',
    commands: [OPEN_OVERVIEW],
    retry: 'never',
    guideStep: 'app-registration',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'Microsoft Entra no longer finds the application {clientId} in the tenant {tenantId}; it worked until {workedUntil}.',
        causes: [
          'The app registration was deleted.',
          'The enterprise application was deleted in this tenant.',
        ],
        responsible: 'entraAdministrator',
        remedy:
          'The Entra administrator restores the app registration under App registrations, Deleted applications (for 30 days after it was deleted), or makes a new one by the setup guide.',
      },
    ],
  },
  {
    row: 11,
    code: 'enterprise_application_missing',
    match: [{ source: 'entra', codes: [7000229] }],
    summary: 'The app registration has no enterprise application in the tenant {tenantId}.',
    causes: [
      'The enterprise application was deleted.',
      'It was never created: the app registration was made by a script, or nobody granted admin consent.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator creates the enterprise application or grants admin consent, which creates it.',
    commands: [{ shell: 'bash', text: 'az ad sp create --id {clientId}' }, OPEN_ADMIN_CONSENT],
    retry: 'never',
    guideStep: 'admin-consent',
    variants: [
      {
        when: { workedBefore: true },
        causes: ['The enterprise application was deleted.'],
        remedy:
          'The Entra administrator restores or creates the enterprise application. A new one has a new Object ID, so the Exchange administrator then removes the service account and adds it again.',
      },
    ],
  },
  {
    row: 12,
    code: 'enterprise_application_disabled',
    match: [{ source: 'entra', codes: [7000112] }],
    summary: 'The application {clientId} is disabled in Microsoft Entra.',
    causes: ['In the enterprise application, “Enabled for users to sign in” is set to No.'],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator opens Enterprise applications, the application, Properties, and sets “Enabled for users to sign in” to Yes.',
    commands: [
      { shell: 'bash', text: 'az ad sp update --id {clientId} --set accountEnabled=true' },
      {
        shell: 'powershell',
        text: 'Update-MgServicePrincipal -ServicePrincipalId {objectId} -AccountEnabled:$true',
      },
    ],
    retry: 'never',
    guideStep: 'enterprise-application',
  },
  {
    row: 13,
    code: 'tenant_not_found',
    match: [{ source: 'entra', codes: [90002] }],
    summary: 'Microsoft Entra does not know the tenant {tenantId} in this cloud.',
    causes: ['The Directory (tenant) ID is wrong.', 'The tenant lives in another national cloud.'],
    responsible: 'operator',
    remedy:
      'The operator of Postern corrects the Directory (tenant) ID, or chooses the cloud in which the tenant lives.',
    commands: [OPEN_OVERVIEW],
    retry: 'never',
    guideStep: 'app-registration',
    variants: [
      {
        when: { workedBefore: true },
        causes: [
          'The tenant was deleted, or all its subscriptions have ended.',
          'A custom domain that was entered as the tenant was removed from it.',
        ],
        responsible: 'entraAdministrator',
        remedy:
          'The Entra administrator checks whether the tenant and its subscriptions still exist; the operator of Postern enters the Directory (tenant) ID instead of a domain.',
      },
    ],
  },
  {
    row: 14,
    code: 'tenant_malformed',
    match: [{ source: 'entra', codes: [900023, 900021] }],
    summary: '“{tenantId}” is not a form that a tenant can have.',
    causes: [
      'The display name of the organisation was entered.',
      'The value was copied incompletely.',
    ],
    responsible: 'operator',
    remedy:
      'The operator of Postern enters the Directory (tenant) ID from the Overview page, or a domain such as contoso.onmicrosoft.com.',
    commands: [OPEN_OVERVIEW],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: 15,
    code: 'tenant_is_common',
    match: [{ source: 'entra', codes: [9001023, 50194] }],
    summary: 'The tenant must be named; “{tenantId}” does not name one.',
    causes: [
      'common, organizations or consumers was entered; such values do not work for an application that acts by itself.',
    ],
    responsible: 'operator',
    remedy: 'The operator of Postern enters the Directory (tenant) ID from the Overview page.',
    commands: [OPEN_OVERVIEW],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: 16,
    code: 'wrong_cloud',
    match: [{ source: 'entra', codes: [90038, 900382, 900432] }],
    summary: 'The tenant {tenantId} lives in another national cloud.',
    causes: ['The cloud in the settings is not the cloud of the tenant.'],
    responsible: 'operator',
    remedy:
      'The operator of Postern chooses the cloud of the tenant and its SMTP host in the email settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 17,
    code: 'scope_wrong',
    match: [{ source: 'entra', codes: [1002012, 70011, 28000, 28002, 700022, 700023] }],
    summary: 'Microsoft Entra does not accept the scope of the token request.',
    causes: ['The scope of the chosen cloud is wrong.'],
    note: 'Outside a custom cloud Postern sets it by itself.',
    responsible: 'operator',
    remedy:
      'The operator of Postern corrects the cloud or the custom scope. For the worldwide cloud it is https://outlook.office365.com/.default.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 18,
    code: 'exchange_online_missing',
    match: [{ source: 'entra', codes: [500011, 650052, 650056, 650057] }],
    summary: 'Microsoft Entra does not find Exchange Online in the tenant {tenantId}.',
    causes: [
      'The tenant has no Exchange Online subscription.',
      'The cloud in the settings is wrong.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator checks that the tenant has Exchange Online; the operator of Postern checks cloud and tenant in the settings.',
    commands: [OPEN_API_PERMISSIONS],
    retry: 'never',
    guideStep: 'api-permissions',
  },
  {
    row: 19,
    code: 'assignment_required',
    match: [{ source: 'entra', codes: [501051] }],
    summary: 'The application {clientId} is not assigned to a role of Exchange Online.',
    causes: ['The application permission SMTP.SendAsApp is not assigned or not consented.'],
    note: 'This tenant gives tokens only to applications that have an assigned and consented role.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator adds the application permission SMTP.SendAsApp and grants admin consent.',
    commands: [OPEN_API_PERMISSIONS],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'admin-consent',
  },
  {
    row: null,
    code: 'federated_identity_unknown',
    match: [{ source: 'entra', codes: [700213, 70021] }],
    summary: 'Microsoft Entra has no federated credential for this request.',
    causes: ['Issuer or subject of the federated credential in the app registration do not match.'],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator corrects the federated credential, or a client secret or certificate is used instead.',
    commands: [],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: null,
    code: 'consent_missing',
    match: [{ source: 'entra', codes: [65001] }],
    summary: 'Nobody has granted consent for the application {clientId}.',
    causes: ['The admin consent is missing.'],
    responsible: 'entraAdministrator',
    remedy: 'The Entra administrator grants admin consent under API permissions.',
    commands: [OPEN_API_PERMISSIONS],
    retry: 'never',
    guideStep: 'admin-consent',
  },
  {
    row: null,
    code: 'token_request_malformed',
    match: [{ source: 'entra', codes: [9002313, 900561, 70003] }],
    summary: 'The token request came to Microsoft Entra in a form that it does not understand.',
    causes: ['A proxy changed the request on its way.'],
    responsible: 'networkTeam',
    remedy: 'The network team lets requests to {authorityHost} pass unchanged.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
]
