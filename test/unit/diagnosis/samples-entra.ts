import { CLIENT_ID, entra, entraText, type Sample } from './samples.ts'

const refused = { status: 401, error: 'invalid_client' }
const SECRET_TEXT = `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${CLIENT_ID}'.`
const operator = { responsible: 'operator', retry: 'never' } as const
const admin = { responsible: 'entraAdministrator', retry: 'never' } as const
const network = { responsible: 'networkTeam', retry: 'never' } as const
const wait = { responsible: 'nobody', retry: 'transient' } as const

export const ENTRA_SAMPLES: readonly Sample[] = [
  {
    failure: entra(7000215, SECRET_TEXT, refused),
    code: 'secret_wrong',
    row: 4,
    ...admin,
    says: ['secret’s ID', 'Value'],
    commands: [`Credentials/appId/${CLIENT_ID}`, `az ad app credential reset --id '${CLIENT_ID}'`],
  },
  {
    failure: entra(7000215, 'Invalid client secret is provided.', refused),
    code: 'secret_wrong',
    row: 4,
    ...admin,
  },
  {
    failure: entra(null, entraText(7000215, SECRET_TEXT, ' '), { ...refused, status: 0 }),
    code: 'secret_wrong',
    row: 4,
    ...admin,
  },
  {
    failure: entra(
      7000222,
      `The provided client secret keys for app '${CLIENT_ID}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
      refused,
    ),
    code: 'secret_expired',
    row: 5,
    ...admin,
    commands: ['Credentials'],
  },
  {
    failure: entra(
      7000216,
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
      refused,
    ),
    code: 'credential_missing',
    row: 6,
    ...operator,
  },
  {
    failure: entra(
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    code: 'credential_missing',
    row: 6,
    ...operator,
  },
  {
    failure: entra(900144, "The request body must contain the following parameter: 'scope'."),
    code: 'credential_missing',
    row: 6,
    ...operator,
  },
  {
    failure: entra(
      700027,
      "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: 'A1B2C3D4E5F60718293A4B5C6D7E8F9012345678', Please visit the Azure Portal]",
      refused,
    ),
    code: 'certificate_not_registered',
    row: 7,
    ...admin,
    says: ['A1B2C3D4E5F60718293A4B5C6D7E8F9012345678', CLIENT_ID],
  },
  {
    failure: entra(
      700027,
      "Client assertion contains an invalid signature. [Reason - The key used is expired., Thumbprint of key used by client: 'A1B2', Found key 'Start=01/01/2024, End=01/01/2025']",
      refused,
    ),
    code: 'certificate_ended_in_entra',
    row: 8,
    ...admin,
  },
  {
    failure: entra(
      700024,
      'Client assertion is not within its valid time range. Current time: 2026-01-31T10:11:12.1234567Z, assertion valid from 2026-01-31T12:11:12.0000000Z.',
      refused,
    ),
    code: 'clock_wrong',
    row: 9,
    responsible: 'operator',
    retry: 'transient',
  },
  {
    failure: entra(
      50027,
      'Invalid JWT token. No certificate thumbprint specified in token header.',
    ),
    code: 'certificate_signature_refused',
    row: null,
    ...operator,
  },
  {
    failure: entra(700027, 'Client assertion failed signature validation.'),
    code: 'certificate_signature_refused',
    row: null,
    ...operator,
  },
  {
    failure: entra(700025, 'Client is public so neither assertion nor secret should be presented.'),
    code: 'application_is_public_client',
    row: null,
    ...admin,
  },

  {
    failure: entra(
      700016,
      `Application with identifier '${CLIENT_ID}' was not found in the directory 'Contoso'.`,
      { error: 'unauthorized_client' },
    ),
    code: 'application_not_found',
    row: 10,
    ...operator,
    says: [CLIENT_ID, 'contoso.onmicrosoft.com'],
  },
  {
    failure: entra(
      700038,
      '00000000-0000-0000-0000-000000000000 is not a valid application identifier.',
    ),
    code: 'application_not_found',
    row: 10,
    ...operator,
  },
  {
    failure: entra(
      7000229,
      `The client application ${CLIENT_ID} is missing service principal in the tenant x.`,
      refused,
    ),
    code: 'enterprise_application_missing',
    row: 11,
    ...admin,
    commands: [
      `az ad sp create --id '${CLIENT_ID}'`,
      `https://login.microsoftonline.com/contoso.onmicrosoft.com/adminconsent?client_id=${CLIENT_ID}`,
    ],
  },
  {
    failure: entra(7000112, `Application '${CLIENT_ID}'(postern) is disabled.`, {
      error: 'unauthorized_client',
    }),
    code: 'enterprise_application_disabled',
    row: 12,
    ...admin,
    commands: ['accountEnabled=true', 'Update-MgServicePrincipal'],
  },
  {
    failure: entra(
      90002,
      "Tenant 'contoso' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
    ),
    code: 'tenant_not_found',
    row: 13,
    ...operator,
  },
  {
    failure: entra(
      900023,
      "Specified tenant identifier 'Contoso Ltd' is neither a valid DNS name, nor a valid external domain.",
    ),
    context: { tenantId: 'Contoso Ltd' },
    code: 'tenant_malformed',
    row: 14,
    ...operator,
    says: ['Contoso Ltd'],
  },
  { failure: entra(900021, 'x'), code: 'tenant_malformed', row: 14, ...operator },
  {
    failure: entra(
      9001023,
      "The grant type isn't supported over the /common or /consumers endpoints.",
    ),
    code: 'tenant_is_common',
    row: 15,
    ...operator,
  },
  { failure: entra(50194, 'x'), code: 'tenant_is_common', row: 15, ...operator },
  {
    failure: entra(900382, 'Confidential Client is not supported in Cross Cloud request.'),
    code: 'wrong_cloud',
    row: 16,
    ...operator,
  },
  {
    failure: entra(70011, "The provided value for the input parameter 'scope' is not valid.", {
      error: 'invalid_scope',
    }),
    code: 'scope_wrong',
    row: 17,
    ...operator,
  },
  {
    failure: entra(1002012, 'The provided value for scope x is not valid.', {
      error: 'invalid_scope',
    }),
    code: 'scope_wrong',
    row: 17,
    ...operator,
  },
  {
    failure: entra(500011, 'The resource principal named x was not found in the tenant named y.', {
      error: 'invalid_resource',
    }),
    code: 'exchange_online_missing',
    row: 18,
    ...admin,
  },
  {
    failure: entra(501051, 'Application is not assigned to a role for the application.'),
    code: 'assignment_required',
    row: 19,
    ...admin,
  },
  {
    failure: entra(700213, 'No matching federated identity record found for presented assertion.'),
    code: 'federated_identity_unknown',
    row: null,
    ...admin,
  },
  {
    failure: entra(65001, 'The user or administrator has not consented to use the application.'),
    code: 'consent_missing',
    row: null,
    ...admin,
  },
  {
    failure: entra(9002313, 'Invalid request. Request is malformed or invalid.'),
    code: 'token_request_malformed',
    row: null,
    ...network,
  },

  {
    failure: entra(
      53003,
      'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
      { policyIds: ['policy-1', 'policy-2'] },
    ),
    code: 'conditional_access_blocked',
    row: 20,
    ...admin,
    says: ['policy-1, policy-2', CLIENT_ID],
  },
  {
    failure: entra(500021, 'Access to tenant is denied.'),
    code: 'tenant_restricted_by_proxy',
    row: null,
    ...network,
  },
  {
    failure: entra(
      1002016,
      'You are using TLS version 1.0, 1.1 and/or 3DES cipher which are deprecated.',
    ),
    code: 'entra_tls_too_old',
    row: 21,
    ...network,
  },
  {
    failure: entra(null, 'Too many requests', { status: 429, error: 'temporarily_unavailable' }),
    code: 'entra_throttled',
    row: 22,
    ...wait,
  },
  {
    failure: entra(
      50196,
      'The server terminated an operation because it encountered a client request loop.',
      { error: 'invalid_grant' },
    ),
    code: 'entra_throttled',
    row: 22,
    ...wait,
  },
  {
    failure: entra(90055, 'TenantThrottlingError', { status: 429 }),
    code: 'entra_throttled',
    row: 22,
    ...wait,
  },
  {
    failure: entra(90033, 'A transient error has occurred. Please try again.', { status: 503 }),
    code: 'entra_fault',
    row: 23,
    ...wait,
  },
  { failure: entra(90006, 'x', { status: 400 }), code: 'entra_fault', row: 23, ...wait },
  { failure: entra(null, '', { status: 502, error: '' }), code: 'entra_fault', row: 23, ...wait },
  {
    failure: entra(null, 'x', { status: 0, error: 'server_error' }),
    code: 'entra_fault',
    row: 23,
    ...wait,
  },

  {
    failure: entra(null, 'Access denied by policy', { status: 403, error: 'unreadable_answer' }),
    code: 'entra_unreadable_answer',
    row: 23,
    responsible: 'networkTeam',
    retry: 'transient',
    says: ['login.microsoftonline.com', 'Access denied by policy'],
  },
  {
    failure: entra(null, 'Bad Gateway', { status: 502, error: 'unreadable_answer' }),
    code: 'entra_fault',
    row: 23,
    ...wait,
  },
  {
    failure: entra(null, 'Slow down', { status: 429, error: 'unreadable_answer' }),
    code: 'entra_throttled',
    row: 22,
    ...wait,
  },
  {
    failure: entra(4711, 'Something new.', { status: 400 }),
    code: 'entra_answer_unknown',
    row: null,
    ...operator,
    says: ['does not know this answer', 'Something new.'],
  },
  {
    failure: entra(4711, 'Something new.', { status: 0 }),
    code: 'entra_answer_unknown',
    row: null,
    ...operator,
  },
  {
    failure: entra(null, 'Something new.', { status: 403 }),
    code: 'entra_answer_unknown',
    row: null,
    ...operator,
  },
  {
    failure: entra(null, 'Something new.', { status: 0 }),
    code: 'entra_answer_unknown_temporary',
    row: null,
    responsible: 'operator',
    retry: 'transient',
  },
  {
    failure: entra(null, 'Request timeout', { status: 408 }),
    code: 'entra_answer_unknown_temporary',
    row: null,
    responsible: 'operator',
    retry: 'transient',
  },
]
