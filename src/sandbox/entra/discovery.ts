import { type Answer, type AnswerContext, errorAnswer, jsonAnswer } from './answers.ts'
import { findTenantProblem, isThisTenant } from './tenant-name.ts'

/** OpenID Connect Discovery 1.0 §4.2, as the v2.0 endpoint answers; `origin` is how the client came here. */
export function openIdConfiguration(
  tenant: string,
  origin: string,
  context: AnswerContext,
): Answer {
  const isCommon = ['common', 'organizations', 'consumers'].includes(tenant.toLowerCase())
  if (!isCommon && !isThisTenant(tenant, context.model)) {
    const code = findTenantProblem(tenant, context.model) ?? 90002
    return errorAnswer(code, { tenant }, context, { error: 'invalid_tenant' })
  }
  const name = isCommon ? tenant.toLowerCase() : context.model.tenant.id
  const issuerName = isCommon ? '{tenantid}' : context.model.tenant.id
  return jsonAnswer(
    200,
    {
      token_endpoint: `${origin}/${name}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: [
        'client_secret_post',
        'private_key_jwt',
        'client_secret_basic',
      ],
      jwks_uri: `${origin}/${name}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: `${origin}/${issuerName}/v2.0`,
      request_uri_parameter_supported: false,
      authorization_endpoint: `${origin}/${name}/oauth2/v2.0/authorize`,
      tenant_region_scope: 'EU',
      cloud_instance_name: 'microsoftonline.com',
    },
    context,
  )
}

/** `GET /common/discovery/instance`: which hosts are one cloud. Here this host alone. */
export function instanceDiscovery(
  origin: string,
  tenantId: string,
  context: AnswerContext,
): Answer {
  const host = new URL(origin).host
  return jsonAnswer(
    200,
    {
      tenant_discovery_endpoint: `${origin}/${tenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
    context,
  )
}
