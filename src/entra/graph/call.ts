import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { GraphFailure, Outcome, TransportFailure } from '../../diagnosis/index.ts'
import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { ClientCredential } from '../client-credential.ts'
import type { Cloud } from '../clouds.ts'
import { excerpt, hideAll, parseJson } from '../error-answer.ts'
import { readRetryAfter } from '../retry-after.ts'
import type { AccessToken, TokenSource } from '../token-source.ts'
import type { EntraTransport, HttpsAnswer } from '../transport.ts'

/** As which application Graph is asked. */
export interface GraphAccess {
  readonly cloud: Cloud
  readonly tenantId: string
  readonly clientId: string
  readonly credential: ClientCredential
}

export interface GraphCallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface GraphRequest extends GraphCallOptions {
  /** In plain words, for the failure: `read the application`. */
  operation: string
  method: 'GET' | 'POST'
  /** Behind `/v1.0`, with its query. */
  path: string
  body?: object | undefined
  /** Values of the body that no failure may repeat. */
  hide?: readonly string[] | undefined
}

export interface GraphClientDeps {
  transport: EntraTransport
  tokens: TokenSource
  clock: Clock
  log: Logger
}

/**
 * One call of Graph. `read` gets the body of a 2xx answer, parsed, and gives undefined for what is not documented.
 * Rejects only when the signal is aborted.
 */
export type GraphCall = <T>(
  access: GraphAccess,
  request: GraphRequest,
  read: (body: unknown) => T | undefined,
) => Promise<Outcome<T>>

/** https://learn.microsoft.com/graph/errors; the property is `innerError` in practice. */
const ErrorBody = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.Optional(Type.String()),
    innerError: Type.Optional(Type.Object({ 'request-id': Type.Optional(Type.String()) })),
  }),
})
type ErrorBody = Static<typeof ErrorBody>

/** A token older than this may lack a permission that was granted since; a younger one has what Entra knows. */
const RECENT_MS = 5 * MINUTE_MS
/** For 429 without Retry-After. */
const THROTTLED_MS = MINUTE_MS

interface CoolDown {
  failure: GraphFailure
  since: number
  forMs: number
}

export function createGraphCall(deps: GraphClientDeps): GraphCall {
  const { transport, tokens, clock, log } = deps
  /** By application: Graph counts refused requests too (https://learn.microsoft.com/graph/throttling). */
  const coolDowns = new Map<string, CoolDown>()

  function coolDownOf(application: string): GraphFailure | undefined {
    const known = coolDowns.get(application)
    if (known === undefined) return undefined
    // Not longer than what was asked for, also when the clock was set back.
    const rest = Math.min(known.forMs, known.since + known.forMs - clock.now())
    if (rest > 0) return { ...known.failure, retryAfterMs: Math.ceil(rest) }
    coolDowns.delete(application)
    return undefined
  }

  async function send(
    access: GraphAccess,
    request: GraphRequest,
    token: AccessToken,
  ): Promise<Outcome<unknown>> {
    const { operation, method, path, body, signal } = request
    const url = new URL(`/v1.0${path}`, access.cloud.graphUrl)
    const { outcome } = await transport.send({
      peer: 'graph',
      step: operation,
      method,
      url,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token.value.reveal()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      repeatable: method === 'GET',
      signal,
    })
    if (!outcome.ok) return outcome
    const { status } = outcome.value
    if (status === 204) return { ok: true, value: undefined }
    if (status >= 200 && status < 300) {
      const value = parseJson(outcome.value.body)
      if (value === undefined) return { ok: false, failure: unreadable(access, operation) }
      return { ok: true, value }
    }
    const hide = [token.value.reveal(), ...(request.hide ?? [])]
    const failure = readFailure(outcome.value, { operation, hide, now: clock.now() })
    log.debug({ operation, status, code: failure.code }, 'graph request refused')
    return { ok: false, failure }
  }

  async function call(access: GraphAccess, request: GraphRequest): Promise<Outcome<unknown>> {
    const { cloud, tenantId, clientId, credential } = access
    const { signal } = request
    const application = [cloud.graphUrl, tenantId, clientId].join(' ').toLowerCase()
    const cooling = coolDownOf(application)
    if (cooling !== undefined) {
      return { ok: false, failure: { ...cooling, operation: request.operation } }
    }
    const wanted = { cloud, tenantId, clientId, credential, resource: 'graph' } as const
    const token = await tokens.acquire(wanted, { signal })
    if (!token.ok) return { ok: false, failure: token.failure }
    let outcome = await send(access, request, token.value)
    const age = clock.now() - token.value.obtainedAt
    if (isTokenRefused(outcome) && token.trace.fromCache && (age < 0 || age > RECENT_MS)) {
      const fresh = await tokens.acquire(wanted, { fresh: true, signal })
      if (fresh.ok) outcome = await send(access, request, fresh.value)
    }
    if (!outcome.ok && outcome.failure.source === 'graph') {
      const { failure } = outcome
      const forMs = failure.retryAfterMs ?? (failure.status === 429 ? THROTTLED_MS : 0)
      if (forMs > 0) coolDowns.set(application, { failure, since: clock.now(), forMs })
    }
    return outcome
  }

  return async (access, request, read) => {
    const outcome = await call(access, request)
    if (!outcome.ok) return outcome
    const value = read(outcome.value)
    if (value !== undefined) return { ok: true, value }
    return { ok: false, failure: unreadable(access, request.operation) }
  }
}

/** The key of an object's path. OData 4.01 URL conventions §5.1.1.6.1: quotes are doubled. */
export function byAppId(appId: string): string {
  return `(appId='${encodeURIComponent(appId.replaceAll("'", "''"))}')`
}

/** The answer to a proof of possession that is refused has a code of its own. */
function isTokenRefused(outcome: Outcome<unknown>): boolean {
  if (outcome.ok || outcome.failure.source !== 'graph') return false
  const { status, code } = outcome.failure
  return status === 403 || (status === 401 && !code.startsWith('Authentication_'))
}

function readFailure(
  answer: HttpsAnswer,
  options: { operation: string; hide: readonly string[]; now: number },
): GraphFailure {
  const { operation, hide, now } = options
  const { status, headers, body } = answer
  const parsed = parseJson(body)
  const error: ErrorBody['error'] | undefined = Value.Check(ErrorBody, parsed)
    ? parsed.error
    : undefined
  return {
    source: 'graph',
    operation,
    status,
    code: hideAll(error?.code ?? '', hide),
    message: hideAll(error === undefined ? excerpt(body) : (error.message ?? ''), hide).trim(),
    requestId: headers['request-id'] ?? error?.innerError?.['request-id'] ?? null,
    retryAfterMs: readRetryAfter(headers, now),
  }
}

/** A 2xx answer that is not what Graph documents. Nothing of it is shown: it may hold a secret. */
function unreadable(access: GraphAccess, operation: string): TransportFailure {
  const { hostname, port, host } = new URL(access.cloud.graphUrl)
  return {
    source: 'transport',
    peer: 'graph',
    phase: 'protocol',
    step: operation,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 443),
    code: 'INVALID_ANSWER',
    message: `${host} answered with something other than what Microsoft Graph documents.`,
  }
}
