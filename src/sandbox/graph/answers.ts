import { toIso, toRfc5322 } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'

export interface GraphAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

export interface GraphContext {
  nowMs: number
  requestId: string
  /** The client's client-request-id, or the request id. */
  clientRequestId: string
}

export function createGraphContext(
  nowMs: number,
  clientRequestId: string | undefined,
): GraphContext {
  const requestId = newId()
  return { nowMs, requestId, clientRequestId: clientRequestId ?? requestId }
}

/** `undefined`: 204 has no body. */
export function graphAnswer(
  status: number,
  body: object | undefined,
  context: GraphContext,
): GraphAnswer {
  return {
    status,
    headers: {
      'Content-Type':
        'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
      'Cache-Control': 'no-cache',
      Vary: 'Accept-Encoding',
      'Strict-Transport-Security': 'max-age=31536000',
      'OData-Version': '4.0',
      'request-id': context.requestId,
      'client-request-id': context.clientRequestId,
      'x-ms-ags-diagnostic': JSON.stringify({
        ServerInfo: { DataCenter: 'West Europe', Slice: 'E', Ring: '5', ScaleUnit: '002' },
      }),
      Date: toRfc5322(context.nowMs).replace('+0000', 'GMT'),
    },
    body: body === undefined ? '' : JSON.stringify(body),
  }
}

export function graphError(
  status: number,
  code: string,
  message: string,
  context: GraphContext,
): GraphAnswer {
  const innerError = {
    date: secondsOf(context.nowMs),
    'request-id': context.requestId,
    'client-request-id': context.clientRequestId,
  }
  return graphAnswer(status, { error: { code, message, innerError } }, context)
}

/** `2026-08-13T13:03:10` */
function secondsOf(at: number): string {
  return toIso(at).slice(0, 19)
}

export function unauthenticated(message: string, context: GraphContext): GraphAnswer {
  const answer = graphError(401, 'InvalidAuthenticationToken', message, context)
  const challenge =
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"'
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } }
}

export function forbidden(context: GraphContext): GraphAnswer {
  const message = 'Insufficient privileges to complete the operation.'
  return graphError(403, 'Authorization_RequestDenied', message, context)
}

export function badRequest(message: string, context: GraphContext): GraphAnswer {
  return graphError(400, 'Request_BadRequest', message, context)
}

export function resourceNotFound(id: string, context: GraphContext): GraphAnswer {
  const message = `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`
  return graphError(404, 'Request_ResourceNotFound', message, context)
}

/** https://learn.microsoft.com/graph/throttling: Retry-After may be fractional, such as 2.128. */
export function tooManyRequests(
  retryAfterSeconds: number | null,
  context: GraphContext,
): GraphAnswer {
  const answer = graphAnswer(
    429,
    {
      error: {
        code: 'TooManyRequests',
        innerError: {
          code: '429',
          date: secondsOf(context.nowMs),
          message: 'Please retry after',
          'request-id': context.requestId,
          status: '429',
        },
        message: 'Please retry again later.',
      },
    },
    context,
  )
  if (retryAfterSeconds === null) return answer
  return { ...answer, headers: { ...answer.headers, 'Retry-After': String(retryAfterSeconds) } }
}
