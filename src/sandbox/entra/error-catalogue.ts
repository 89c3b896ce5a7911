/** What a text of the catalogue may name. */
export interface ErrorContext {
  /** {tenant} of the path as it was asked for. */
  tenant: string
  tenantId: string
  tenantName: string
  appId: string
  appName: string
  scope: string
  resource: string
  grantType: string
  /** The form field that is missing. */
  field: string
  method: string
  /** Upper-case hex, from the header of a client assertion. */
  thumbprint: string
  /** What is wrong with a certificate that was found; empty when none was. */
  reason: string
  /** When the certificate (700027) or the assertion (700024) begins and ends. */
  start: string
  end: string
  policyId: string
  /** The tenant's clock, ISO 8601 with seven decimals. */
  now: string
}

export interface ErrorEntry {
  status: number
  /** RFC 6749 §5.2, and Entra's own values. */
  error: string
  /** Without the `AADSTSn: ` in front and the trailer behind. */
  text(context: ErrorContext): string
  suberror?: string
  claims?(context: ErrorContext): string
}

/**
 * Texts, statuses and `error` values as the live service was seen to send them; where only Microsoft's page
 * "Microsoft Entra authentication and authorization error codes" knows a code, its text and the class of its
 * neighbours.
 */
export const ERROR_CATALOGUE: Readonly<Record<number, ErrorEntry>> = {
  // Secret and certificate
  7000215: clientError(
    (c) =>
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${c.appId}'.`,
  ),
  7000222: clientError(
    (c) =>
      `The provided client secret keys for app '${c.appId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
  ),
  7000216: clientError(
    () =>
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  ),
  7000218: clientError(
    () =>
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ),
  700027: clientError((c) =>
    c.reason !== ''
      ? `Client assertion contains an invalid signature. [Reason - ${c.reason}, Thumbprint of key used by client: '${c.thumbprint}', Found key 'Start=${c.start}, End=${c.end}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${c.appId}'.]`
      : `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '${c.thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${c.appId}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/${c.appId}'].`,
  ),
  700024: clientError(
    (c) =>
      `Client assertion is not within its valid time range. Current time: ${c.now}, assertion valid from ${c.start}, expiry time of assertion ${c.end}. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .`,
  ),
  50027: clientError(
    () => 'Invalid JWT token. No certificate thumbprint specified in token header.',
  ),
  700030: clientError(
    () =>
      "Invalid certificate - subject name in certificate isn't authorized for this application.",
  ),
  50012: clientError(
    () => 'Authentication failed. Client assertion contains an invalid signature.',
  ),
  700025: clientError(
    () => "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  ),
  700213: clientError(
    () =>
      'No matching federated identity record found for presented assertion subject. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.',
  ),
  70021: clientError(() => 'No matching federated identity record found for presented assertion.'),

  // Application and service principal
  700016: badRequest(
    'unauthorized_client',
    (c) =>
      `Application with identifier '${c.appId}' was not found in the directory '${c.tenantName}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  ),
  700038: badRequest(
    'unauthorized_client',
    (c) => `${c.appId} is not a valid application identifier.`,
  ),
  7000112: badRequest(
    'unauthorized_client',
    (c) => `Application '${c.appId}'(${c.appName}) is disabled.`,
  ),
  7000229: clientError(
    (c) =>
      `The client application ${c.appId} is missing service principal in the tenant ${c.tenantId}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119`,
  ),
  500011: badRequest(
    'invalid_resource',
    (c) =>
      `The resource principal named ${c.resource} was not found in the tenant named ${c.tenantName}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
  ),
  501051: badRequest(
    'invalid_grant',
    (c) =>
      `Application '${c.appId}'(${c.appName}) is not assigned to a role for the application '${c.resource}'.`,
  ),
  650052: badRequest(
    'invalid_client',
    (c) =>
      `The app needs access to a service ('${c.resource}') that your organization '${c.tenantName}' has not subscribed to or enabled. Contact your IT Admin to review the configuration of your service subscriptions.`,
  ),
  650056: badRequest(
    'invalid_client',
    (c) =>
      `Misconfigured application. This could be due to one of the following: the client has not listed any permissions for '${c.resource}' in the requested permissions in the client's application registration. Or, the admin has not consented in the tenant. Or, check the application identifier in the request to ensure it matches the configured client application identifier. Please contact your admin to fix the configuration or consent on behalf of the tenant. Client app ID: ${c.appId}.`,
  ),
  650057: badRequest(
    'invalid_resource',
    (c) =>
      `Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration. Client app ID: ${c.appId}(${c.appName}). Resource value from request: ${c.resource}.`,
  ),
  65001: badRequest(
    'invalid_grant',
    (c) =>
      `The user or administrator has not consented to use the application with ID '${c.appId}' named '${c.appName}'. Send an interactive authorization request for this user and resource.`,
  ),

  // Tenant, cloud and form of the request
  90002: badRequest(
    'invalid_request',
    (c) =>
      `Tenant '${c.tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  ),
  900023: badRequest(
    'invalid_request',
    (c) =>
      `Specified tenant identifier '${c.tenant}' is neither a valid DNS name, nor a valid external domain.`,
  ),
  900021: badRequest(
    'invalid_request',
    (c) =>
      `Requested tenant identifier '${c.tenant}' is not valid. Tenant identifiers may not be an empty GUID.`,
  ),
  9001023: badRequest(
    'invalid_request',
    () =>
      "The grant type isn't supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
  ),
  50194: badRequest(
    'unauthorized_client',
    (c) =>
      `Application '${c.appId}'(${c.appName}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.`,
  ),
  90038: badRequest(
    'invalid_request',
    (c) =>
      `The specified tenant '${c.tenant}' belongs to a National Cloud. Current cloud instance does not federate with it. A cloud redirect error is returned.`,
  ),
  900382: badRequest(
    'invalid_request',
    () => 'Confidential Client is not supported in Cross Cloud request.',
  ),
  900432: badRequest(
    'invalid_request',
    () => 'Confidential Client is not supported in Cross Cloud request.',
  ),
  70011: badRequest(
    'invalid_scope',
    (c) =>
      `The provided value for the input parameter 'scope' is not valid. The scope ${c.scope} is not valid.`,
  ),
  1002012: badRequest(
    'invalid_scope',
    (c) =>
      `The provided value for scope ${c.scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  ),
  28000: badRequest(
    'invalid_request',
    (c) =>
      `Provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${c.scope} is not valid.`,
  ),
  28002: badRequest(
    'invalid_scope',
    (c) =>
      `Provided value for the input parameter scope '${c.scope}' is not valid when requesting an access token. Please specify a valid scope.`,
  ),
  700022: badRequest(
    'invalid_scope',
    (c) =>
      `The provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${c.scope} is not valid.`,
  ),
  700023: badRequest(
    'invalid_scope',
    (c) =>
      `The provided value for the input parameter scope is not valid when requesting an access token. Scope ${c.scope} has no resource.`,
  ),
  900144: badRequest(
    'invalid_request',
    (c) => `The request body must contain the following parameter: '${c.field}'.`,
  ),
  90014: badRequest(
    'invalid_request',
    (c) =>
      `The required field '${c.field}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.`,
  ),
  9002313: badRequest('invalid_grant', () => 'Invalid request. Request is malformed or invalid.'),
  900561: {
    status: 405,
    error: 'invalid_request',
    text: (c) => `The endpoint only accepts POST requests. Received a ${c.method} request.`,
  },
  70003: badRequest(
    'unsupported_grant_type',
    (c) => `The app requested an unsupported grant type '${c.grantType}'.`,
  ),
  1002016: badRequest(
    'invalid_request',
    (c) =>
      `You are using TLS version 1.0, 1.1 and/or 3DES cipher which are deprecated to improve the security posture of Azure AD. Your TenantID is: ${c.tenantId}. Please refer to https://go.microsoft.com/fwlink/?linkid=2161187 and conduct needed actions to remediate the issue. For further questions, please contact your administrator.`,
  ),

  // Policy, throttling and service
  53003: {
    ...badRequest(
      'invalid_grant',
      () =>
        'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    ),
    suberror: 'message_only',
    claims: (c) =>
      JSON.stringify({
        access_token: { capolids: { essential: true, values: [c.policyId] } },
      }),
  },
  500021: badRequest('invalid_request', (c) => `Access to '${c.tenantName}' tenant is denied.`),
  50196: badRequest(
    'invalid_grant',
    () =>
      'The server terminated an operation because it encountered a client request loop. Please contact your app vendor.',
  ),
  90055: {
    status: 429,
    error: 'temporarily_unavailable',
    text: () => 'There are too many incoming requests. Please retry later.',
  },
  90033: unavailable('A transient error has occurred. Please try again.'),
  50033: unavailable('A transient error has occurred. Please try again.'),
  90006: unavailable('The service is temporarily unavailable. Please retry later.'),
  90012: unavailable('The request has timed out. Please retry later.'),
  90024: unavailable('A transient error has occurred. Please try again.'),
  90090: unavailable('The service is temporarily unavailable. Please retry later.'),
  90036: {
    status: 500,
    error: 'server_error',
    text: () =>
      'An unexpected, non-retryable error stemming from the directory service has occurred.',
  },
}

type Text = (context: ErrorContext) => string

function clientError(text: Text): ErrorEntry {
  return { status: 401, error: 'invalid_client', text }
}

function badRequest(error: string, text: Text): ErrorEntry {
  return { status: 400, error, text }
}

function unavailable(text: string): ErrorEntry {
  return { status: 503, error: 'temporarily_unavailable', text: () => text }
}

/** The entry of a code; a code that the catalogue lacks is a bad request without further words. */
export function findErrorEntry(code: number): ErrorEntry {
  const entry = Object.hasOwn(ERROR_CATALOGUE, code) ? ERROR_CATALOGUE[code] : undefined
  return entry ?? badRequest('invalid_request', () => 'The request could not be completed.')
}
