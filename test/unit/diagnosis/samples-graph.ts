import { CLIENT_ID, graph, type Sample } from './samples.ts'

const POLICY = "as per assigned policy '1c3b5d2e-0000-4000-8000-00000000cafe'."

/** Texts as Microsoft Graph answers. */
export const GRAPH_SAMPLES: readonly Sample[] = [
  {
    failure: graph(
      403,
      'Authorization_RequestDenied',
      'Insufficient privileges to complete the operation.',
    ),
    code: 'graph_permission_missing',
    row: 47,
    retry: 'never',
    responsible: 'entraAdministrator',
    says: ['Application.Read.All', 'end date', 'read the application’s credentials'],
    commands: [`--id '${CLIENT_ID}' --api 00000003-0000-0000-c000-000000000000`],
  },
  {
    failure: graph(403, '', ''),
    code: 'graph_permission_missing',
    row: 47,
    retry: 'never',
    responsible: 'entraAdministrator',
  },
  {
    failure: graph(
      404,
      'Request_ResourceNotFound',
      `Resource '${CLIENT_ID}' does not exist or one of its queried reference-property objects are not present.`,
    ),
    code: 'graph_application_not_found',
    row: 48,
    retry: 'never',
    responsible: 'operator',
    says: [CLIENT_ID],
  },
  {
    failure: graph(
      400,
      'CredentialInvalidLifetimeAsPerAppPolicy',
      `Credential lifetime exceeds the max value allowed ${POLICY}`,
    ),
    code: 'graph_secret_lifetime_refused',
    row: 49,
    retry: 'never',
    responsible: 'operator',
    says: ['shorter lifetime', '1c3b5d2e-0000-4000-8000-00000000cafe'],
  },
  {
    failure: graph(
      400,
      'CredentialTypeNotAllowedAsPerAppPolicy',
      `Credential type not allowed ${POLICY}`,
    ),
    code: 'graph_secret_type_refused',
    row: 49,
    retry: 'never',
    responsible: 'entraAdministrator',
    says: ['certificate'],
  },
  {
    failure: graph(429, 'TooManyRequests', 'Please retry again later.', { retryAfterMs: 2_128 }),
    code: 'graph_throttled',
    row: 50,
    retry: 'transient',
    responsible: 'nobody',
  },
  {
    failure: graph(400, 'Request_BadRequest', 'No credentials found to be removed.'),
    code: 'graph_credential_gone',
    row: null,
    retry: 'never',
    responsible: 'nobody',
  },
  {
    failure: graph(
      400,
      'Request_BadRequest',
      'Invalid credential value. Error: Cannot find the requested object.\r\n',
    ),
    code: 'graph_certificate_refused',
    row: null,
    retry: 'never',
    responsible: 'entraAdministrator',
  },
  {
    failure: graph(401, 'Authentication_MissingOrMalformed', 'Access Token missing or malformed.'),
    code: 'graph_certificate_refused',
    row: null,
    retry: 'never',
    responsible: 'entraAdministrator',
  },
  {
    failure: graph(
      401,
      'InvalidAuthenticationToken',
      'CompactToken parsing failed with error code: 80049217',
    ),
    code: 'graph_token_refused',
    row: null,
    retry: 'transient',
    responsible: 'operator',
  },
  {
    failure: graph(503, 'serviceNotAvailable', 'The service is temporarily unavailable.'),
    code: 'graph_fault',
    row: null,
    retry: 'transient',
    responsible: 'nobody',
  },
  {
    failure: graph(400, 'Request_UnsupportedQuery', 'Nobody has seen this before.'),
    code: 'graph_answer_unknown',
    row: null,
    retry: 'never',
    responsible: 'operator',
    says: ['Nobody has seen this before.'],
  },
  {
    failure: graph(408, '', 'Too slow.'),
    code: 'graph_answer_unknown_temporary',
    row: null,
    retry: 'transient',
    responsible: 'operator',
    says: ['Too slow.'],
  },
]
