import { randomToken } from '../../platform/ids.ts'
import { findEntry } from '../model.ts'
import type { Tenant } from '../tenant.ts'
import { adminConsent } from './admin-consent.ts'
import {
  type Answer,
  type AnswerContext,
  errorAnswer,
  htmlAnswer,
  jsonAnswer,
  throttledAnswer,
} from './answers.ts'
import { instanceDiscovery, openIdConfiguration } from './discovery.ts'
import { buildClaims, chooseLifetimeSeconds } from './token-claims.ts'
import { decide } from './token-request.ts'

export interface EntraRequest {
  method: string
  url: URL
  /** `https://host:port` as the client addressed it. */
  origin: string
  contentType: string
  authorization: string | undefined
  body: string
}

export interface EntraSurroundings {
  tenant: Tenant
  graphUrl: string
  context: AnswerContext
}

export const TOKEN_PATH = /^\/([^/]+)\/oauth2\/v2\.0\/token$/
const CONFIGURATION_PATH = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/
const INSTANCE_PATH = '/common/discovery/instance'
const KEYS_PATH = /^\/[^/]+\/discovery\/(v2\.0\/)?keys$/
const CONSENT_PATH = /^\/([^/]+)\/(v2\.0\/)?adminconsent$/

/** What the healthy service answers. */
export async function answerEntra(
  request: EntraRequest,
  surroundings: EntraSurroundings,
): Promise<Answer> {
  const { tenant, context } = surroundings
  const { pathname, searchParams } = request.url
  const token = TOKEN_PATH.exec(pathname)?.[1]
  if (token !== undefined) return answerToken(request, decodeSegment(token), surroundings)
  const consent = CONSENT_PATH.exec(pathname)?.[1]
  if (consent !== undefined) {
    const clientId = searchParams.get('client_id') ?? ''
    const { method } = request
    return adminConsent({ method, tenant: decodeSegment(consent), clientId }, tenant, context)
  }
  if (request.method !== 'GET') return notFound(context)
  if (pathname === INSTANCE_PATH) {
    return instanceDiscovery(request.origin, context.model.tenant.id, context)
  }
  const configuration = CONFIGURATION_PATH.exec(pathname)?.[1]
  if (configuration !== undefined) {
    return openIdConfiguration(decodeSegment(configuration), request.origin, context)
  }
  if (KEYS_PATH.test(pathname)) return jsonAnswer(200, tenant.publicKeys(), context)
  return notFound(context)
}

async function answerToken(
  request: EntraRequest,
  tenantName: string,
  surroundings: EntraSurroundings,
): Promise<Answer> {
  const { tenant, graphUrl, context } = surroundings
  const { model, nowMs } = context
  if (model.entra.fault === 'transient') return errorAnswer(90033, {}, context)
  if (model.entra.forcedCode !== null) {
    const { forcedCode, forcedStatus } = model.entra
    const status = forcedStatus === null ? {} : { status: forcedStatus }
    return errorAnswer(forcedCode, namesIn(request, tenantName, context), context, status)
  }
  const outcome = decide({ ...request, tenant: tenantName }, { model, nowMs, graphUrl })
  if (outcome.outcome === 'throttled') return throttledAnswer(context)
  if (outcome.outcome === 'refused') return errorAnswer(outcome.code, outcome.context, context)

  const lifetimeSeconds = chooseLifetimeSeconds(model)
  const claims = buildClaims({ model, grant: outcome, nowMs, lifetimeSeconds })
  const isOpaque = model.entra.opaque && outcome.resourceKind === 'exchange'
  const accessToken = isOpaque ? randomToken(900) : await tenant.issueToken(claims)
  tenant.counters.tokensIssued++
  return jsonAnswer(
    200,
    {
      token_type: 'Bearer',
      expires_in: lifetimeSeconds,
      ext_expires_in: lifetimeSeconds,
      access_token: accessToken,
    },
    context,
  )
}

/** What the text of a forced code names; the rest stays plausible. */
function namesIn(request: EntraRequest, tenant: string, context: AnswerContext) {
  const form = new URLSearchParams(request.body)
  const appId = form.get('client_id') ?? ''
  const app = findEntry(context.model.apps, appId)
  const scope = form.get('scope') ?? ''
  return {
    tenant,
    appId,
    appName: app?.displayName ?? '',
    scope,
    resource: scope.replace(/\/\.default$/, ''),
    grantType: form.get('grant_type') ?? '',
    field: 'scope',
    method: request.method,
    policyId: app?.blockedByPolicy ?? 'b4c1a6de-7d35-4d1f-9d0c-2f5c0a8f6e11',
    thumbprint: '9F2B6C0D4E8A1735B6C7D8E9F0A1B2C3D4E5F607',
  }
}

function notFound(context: AnswerContext): Answer {
  return htmlAnswer(404, '<html><head><title>Not Found</title></head></html>', context)
}

/** A broken percent escape stays as it was sent and then names no tenant. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
