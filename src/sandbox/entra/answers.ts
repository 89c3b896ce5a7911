import { toIso, toRfc5322 } from '../../platform/clock.ts'
import { newId, randomToken } from '../../platform/ids.ts'
import type { TenantModel } from '../model.ts'
import { type ErrorContext, findErrorEntry } from './error-catalogue.ts'

/** A whole HTTP answer. */
export interface Answer {
  status: number
  headers: Record<string, string | string[]>
  body: string
}

/** What every answer of one request shares. */
export interface AnswerContext {
  model: TenantModel
  /** By the tenant's clock. */
  nowMs: number
  /** The same GUID in x-ms-request-id and Trace ID. */
  traceId: string
  /** The client's client-request-id, or a new GUID. */
  correlationId: string
}

const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

export function createAnswerContext(
  model: TenantModel,
  nowMs: number,
  clientRequestId: string | undefined,
): AnswerContext {
  const correlationId = GUID.test(clientRequestId ?? '') ? (clientRequestId ?? '') : newId()
  return { model, nowMs, traceId: newId(), correlationId }
}

/** The headers of the live token endpoint. */
function entraHeaders(context: AnswerContext): Record<string, string | string[]> {
  return {
    'Cache-Control': 'no-store, no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    P3P: 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
    'client-request-id': context.correlationId,
    'x-ms-request-id': context.traceId,
    'x-ms-ests-server': '2.1.22414.6 - WEULR1 ProdSlices',
    'Set-Cookie': [
      `fpc=${randomToken(18)}; path=/; secure; HttpOnly; SameSite=None`,
      'x-ms-gateway-slice=estsfd; path=/; secure; httponly',
      'stsservicecookie=estsfd; path=/; secure; httponly',
    ],
    // RFC 9110 §5.6.7; from the tenant's clock, so that a client can see how far its own is off.
    Date: toRfc5322(context.nowMs).replace('+0000', 'GMT'),
  }
}

export function jsonAnswer(status: number, body: object, context: AnswerContext): Answer {
  return {
    status,
    headers: { ...entraHeaders(context), 'Content-Type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  }
}

export function htmlAnswer(status: number, body: string, context: AnswerContext): Answer {
  return {
    status,
    headers: { ...entraHeaders(context), 'Content-Type': 'text/html; charset=utf-8' },
    body,
  }
}

/** The error answer of an AADSTS code; 429 and 5xx carry Retry-After when the model has one. */
export function errorAnswer(
  code: number,
  details: Partial<ErrorContext>,
  context: AnswerContext,
  override: { status?: number; error?: string } = {},
): Answer {
  const { model } = context
  const entry = findErrorEntry(code)
  const now = toIso(context.nowMs).replace('Z', '0000Z')
  const words: ErrorContext = {
    tenant: model.tenant.id,
    tenantId: model.tenant.id,
    tenantName: model.tenant.displayName,
    appId: '',
    appName: '',
    scope: '',
    resource: '',
    grantType: '',
    field: '',
    method: '',
    thumbprint: '',
    reason: '',
    start: now,
    end: now,
    policyId: '',
    now,
    ...details,
  }
  const status = override.status ?? entry.status
  const answer = jsonAnswer(
    status,
    {
      error: override.error ?? entry.error,
      ...describe(`AADSTS${code}: ${entry.text(words)}`, context),
      ...errorFields([code], context),
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
      ...(entry.suberror !== undefined && { suberror: entry.suberror }),
      ...(entry.claims !== undefined && { claims: entry.claims(words) }),
    },
    context,
  )
  return status === 429 || status >= 500 ? withRetryAfter(answer, model) : answer
}

/** Too many requests of one client: the documented status and header; no AADSTS code is known for it. */
export function throttledAnswer(context: AnswerContext): Answer {
  const answer = jsonAnswer(
    429,
    {
      error: 'temporarily_unavailable',
      ...describe('The service is temporarily unavailable. Please retry later.', context),
      ...errorFields([], context),
    },
    context,
  )
  return withRetryAfter(answer, context.model)
}

function withRetryAfter(answer: Answer, model: TenantModel): Answer {
  const { retryAfterSeconds } = model.entra
  if (retryAfterSeconds === null) return answer
  return { ...answer, headers: { ...answer.headers, 'Retry-After': String(retryAfterSeconds) } }
}

function describe(text: string, context: AnswerContext): { error_description: string } {
  const trailer = [
    `Trace ID: ${context.traceId}`,
    `Correlation ID: ${context.correlationId}`,
    `Timestamp: ${timestamp(context)}`,
  ]
  const separator = context.model.entra.separator === 'crlf' ? '\r\n' : ' '
  return { error_description: [text, ...trailer].join(separator) }
}

function errorFields(codes: number[], context: AnswerContext): object {
  return {
    error_codes: codes,
    timestamp: timestamp(context),
    trace_id: context.traceId,
    correlation_id: context.correlationId,
  }
}

/** `2026-01-31 10:11:12Z` */
function timestamp(context: AnswerContext): string {
  return `${toIso(context.nowMs).slice(0, 19).replace('T', ' ')}Z`
}
