import { parseInstant } from '../../platform/clock.ts'
import { type ApplicationModel, findEntry, type TenantModel } from '../model.ts'
import { findAssertionProblem } from './client-assertion.ts'
import type { ErrorContext } from './error-catalogue.ts'
import { findResource, type ResourceKind } from './resources.ts'
import { findTenantProblem } from './tenant-name.ts'

/** What arrived at the token endpoint. */
export interface TokenRequest {
  method: string
  /** `https://host:port` as the client addressed it. */
  origin: string
  /** {tenant} of the path, decoded. */
  tenant: string
  contentType: string
  /** The Authorization header. */
  authorization: string | undefined
  body: string
}

export interface Refusal {
  outcome: 'refused'
  code: number
  context: Partial<ErrorContext>
}

export interface Grant {
  outcome: 'granted'
  clientId: string
  app: ApplicationModel
  /** What proved the application's identity. */
  credential: 'secret' | 'certificate'
  resource: string
  resourceKind: ResourceKind
}

export type TokenOutcome = Refusal | { outcome: 'throttled' } | Grant

export interface Situation {
  model: TenantModel
  /** By the tenant's clock. */
  nowMs: number
  graphUrl: string
}

const DEFAULT_SUFFIX = '/.default'

/**
 * Decides a request of the client credentials grant. The order of the checks is the one that the codes' nature
 * suggests; Microsoft does not publish it.
 */
export function decide(request: TokenRequest, situation: Situation): TokenOutcome {
  const { model, nowMs } = situation
  const context: Partial<ErrorContext> = { tenant: request.tenant, method: request.method }
  const refuse = (code: number, more?: Partial<ErrorContext>): Refusal => ({
    outcome: 'refused',
    code,
    context: { ...context, ...more },
  })

  if (request.method !== 'POST') return refuse(900561)
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.contentType)
  const body = isForm ? request.body : ''
  if (body !== '' && !body.includes('=')) return refuse(9002313)
  const form = new URLSearchParams(body)
  const basic = readBasic(request.authorization)
  const clientId = form.get('client_id') ?? basic?.clientId ?? ''
  const scope = form.get('scope')?.trim() ?? ''
  const grantType = form.get('grant_type') ?? ''
  const app = findEntry(model.apps, clientId)
  Object.assign(context, { appId: clientId, appName: app?.displayName ?? '', scope, grantType })

  const tenantProblem = findTenantProblem(request.tenant, model)
  if (tenantProblem !== undefined) return refuse(tenantProblem)

  const given = { grant_type: grantType, client_id: clientId, scope }
  for (const [field, value] of Object.entries(given)) {
    if (value === '') return refuse(900144, { field })
  }
  if (grantType !== 'client_credentials') return refuse(70003)

  const scopeProblem = findScopeProblem(scope)
  if (scopeProblem !== undefined) return refuse(scopeProblem)

  if (app === undefined) return refuse(700016)
  if (!app.servicePrincipal.exists) return refuse(7000229)
  if (!app.servicePrincipal.enabled) return refuse(7000112)

  const assertion = form.get('client_assertion')
  const secret = form.get('client_secret') ?? basic?.clientSecret ?? ''
  if (assertion) {
    const audiences = [request.tenant, model.tenant.id].map(
      (name) => `${request.origin}/${name}/oauth2/v2.0/token`,
    )
    const problem = findAssertionProblem({ assertion, app, clientId, audiences, model, nowMs })
    if (problem !== undefined) return refuse(problem.code, problem.context)
  } else {
    if (secret === '') return refuse(7000216)
    const secretProblem = findSecretProblem(secret, app, nowMs)
    if (secretProblem !== undefined) return refuse(secretProblem)
  }

  const resource = scope.slice(0, -DEFAULT_SUFFIX.length)
  const resourceKind = findResource(resource, model, situation.graphUrl)
  if (resourceKind === undefined) return refuse(500011, { resource })
  if (app.blockedByPolicy !== null) return refuse(53003, { policyId: app.blockedByPolicy })
  if (model.entra.fault === 'throttled') return { outcome: 'throttled' }
  const credential = assertion ? 'certificate' : 'secret'
  const granted = { outcome: 'granted', clientId: clientId.toLowerCase(), app, credential } as const
  return { ...granted, resource, resourceKind }
}

function findScopeProblem(scope: string): number | undefined {
  const scopes = scope.split(/\s+/)
  if (scopes.length > 1) return scopes.every(isDefaultScope) ? 28000 : 1002012
  if (!isDefaultScope(scope)) return 1002012
  // A resource identifier is a URI or an application id.
  return /^[\w:/.~-]+$/.test(scope.slice(0, -DEFAULT_SUFFIX.length)) ? undefined : 70011
}

function isDefaultScope(scope: string): boolean {
  return scope.endsWith(DEFAULT_SUFFIX)
}

/** A secret that has not replicated or not begun is as unknown as a wrong one; an ended one is told apart. */
function findSecretProblem(
  value: string,
  app: ApplicationModel,
  nowMs: number,
): number | undefined {
  const matching = Object.values(app.secrets).filter(
    (secret) =>
      secret.value === value &&
      hasCome(secret.effectiveAt, nowMs) &&
      hasCome(secret.startDateTime, nowMs),
  )
  if (matching.length === 0) return 7000215
  return matching.every((secret) => hasCome(secret.endDateTime, nowMs)) ? 7000222 : undefined
}

function hasCome(instant: string, nowMs: number): boolean {
  return (parseInstant(instant) ?? Number.POSITIVE_INFINITY) <= nowMs
}

/** RFC 6749 §2.3.1: HTTP Basic with both parts form-encoded first. */
function readBasic(
  authorization: string | undefined,
): { clientId: string; clientSecret: string } | undefined {
  const encoded = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return {
    clientId: formDecode(text.slice(0, colon)),
    clientSecret: formDecode(text.slice(colon + 1)),
  }
}

function formDecode(text: string): string {
  return new URLSearchParams(`v=${text.replaceAll('&', '%26')}`).get('v') ?? ''
}
