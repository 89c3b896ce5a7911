import type { Row } from '../row.ts'
import { GRANT_ADMIN_CONSENT, OPEN_API_PERMISSIONS, OPEN_CREDENTIALS } from './commands.ts'

/**
 * Microsoft Graph tells the end of a secret and makes new ones: a help that no profile needs for sending mail. Codes:
 * Microsoft, "Microsoft Graph error responses and resource types", and the application resource.
 */
export const GRAPH_ROWS: readonly Row[] = [
  {
    row: 47,
    code: 'graph_permission_missing',
    match: [
      { source: 'graph', codes: ['Authorization_RequestDenied'] },
      { source: 'graph', status: [403, 403] },
    ],
    summary: 'Microsoft Graph does not allow the application {clientId} to do this: {operation}.',
    causes: [
      'The application permission for Microsoft Graph was not added: Application.Read.All to read end dates, Application.ReadWrite.OwnedBy to renew a secret.',
      'The admin consent for it is missing.',
      'With Application.ReadWrite.OwnedBy: the enterprise application is not an owner of the app registration.',
    ],
    note: 'Mail does not need this permission. Without it Postern goes by the end date that was entered.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator adds the application permission of Microsoft Graph and grants admin consent; or the operator of Postern enters the end date by hand and renews by hand.',
    commands: [
      OPEN_API_PERMISSIONS,
      {
        shell: 'bash',
        // Microsoft Graph and its role Application.Read.All.
        text: 'az ad app permission add --id {clientId} --api 00000003-0000-0000-c000-000000000000 --api-permissions 9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30=Role',
      },
      GRANT_ADMIN_CONSENT,
    ],
    retry: 'never',
    guideStep: 'api-permissions',
    variants: [
      {
        when: { workedBefore: true },
        causes: [
          'The permission for Microsoft Graph or its admin consent was withdrawn.',
          'The enterprise application is not an owner of the app registration any more.',
        ],
      },
    ],
  },
  {
    row: 49,
    code: 'graph_secret_lifetime_refused',
    match: [{ source: 'graph', fragments: ['CredentialInvalidLifetimeAsPerAppPolicy'] }],
    summary:
      'A policy of the organisation does not allow a secret or certificate that lives so long.',
    causes: [
      'An app management policy sets a longest lifetime, and the new one would live longer.',
    ],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern sets a shorter lifetime for new secrets, or the Entra administrator changes the policy for this application.',
    commands: [],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: 49,
    code: 'graph_secret_type_refused',
    match: [{ source: 'graph', fragments: ['AsPerAppPolicy'] }],
    summary: 'A policy of the organisation does not allow new secrets for this application.',
    causes: ['An app management policy forbids client secrets, or this kind of credential.'],
    note: 'Detail: {detail}',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator makes an exception in the app management policy; or the operator of Postern changes the profile to a certificate.',
    commands: [],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: null,
    code: 'graph_credential_gone',
    match: [{ source: 'graph', fragments: ['No credentials found to be removed'] }],
    summary: 'The secret or certificate that was to be removed is not there any more.',
    causes: ['Somebody removed it before.'],
    responsible: 'nobody',
    remedy: 'Nobody has to act: what Postern wanted has been done already.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'graph_certificate_refused',
    match: [
      {
        source: 'graph',
        fragments: ['Invalid credential value', 'Authentication_MissingOrMalformed'],
      },
    ],
    summary: 'Microsoft Graph does not accept the new certificate or the proof that belongs to it.',
    causes: [
      'The certificate that signs the proof has ended or is not registered.',
      'The new certificate is damaged or of a wrong kind.',
    ],
    note: 'Detail: {detail}',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator uploads the new certificate to the app registration by hand, under Certificates & secrets.',
    commands: [OPEN_CREDENTIALS],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: 48,
    code: 'graph_application_not_found',
    match: [
      { source: 'graph', codes: ['Request_ResourceNotFound'] },
      { source: 'graph', status: [404, 404] },
    ],
    summary: 'Microsoft Graph does not find the app registration {clientId} in this tenant.',
    causes: [
      'The app registration lives in another tenant (a multi-tenant application), where alone it can be read.',
      'The app registration was deleted.',
    ],
    note: 'Mail does not need this: Postern goes by the end date that was entered.',
    responsible: 'operator',
    remedy:
      'The operator of Postern enters the end date by hand and renews the secret by hand, in the tenant that owns the app registration.',
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: null,
    code: 'graph_token_refused',
    match: [{ source: 'graph', status: [401, 401] }],
    summary: 'Microsoft Graph does not accept the token of the application {clientId}.',
    causes: [
      'The address of Graph does not belong to the cloud of the tenant.',
      'The token ended on its way because a clock is wrong.',
    ],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern checks the cloud in the settings and the clock of this machine.',
    commands: [{ shell: 'bash', text: 'date -u' }],
    retry: 'transient',
    guideStep: 'email-settings',
  },
  {
    row: 50,
    code: 'graph_throttled',
    match: [
      { source: 'graph', status: [429, 429] },
      { source: 'graph', codes: ['TooManyRequests'] },
    ],
    summary: 'Microsoft Graph asks Postern to wait: too many requests.',
    causes: ['Other programs of the organisation use Graph a lot at the moment.'],
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern waits as long as Microsoft asks and tries again.',
    commands: [],
    retry: 'transient',
    retryAfterMs: 60_000,
    guideStep: null,
  },
  {
    row: null,
    code: 'graph_fault',
    match: [{ source: 'graph', status: [500, 599] }],
    summary: 'Microsoft Graph has a fault of its own.',
    causes: ['Microsoft Graph, or a gateway before it, could not answer the request.'],
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern tries again by itself.',
    commands: [{ shell: 'url', text: 'https://status.cloud.microsoft' }],
    retry: 'transient',
    guideStep: null,
  },
]
