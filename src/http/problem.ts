import { type Static, Type } from 'typebox'
import type { ErrorKind, PosternError } from '../platform/errors.ts'

/** The body of every error answer (RFC 9457). Some codes carry further members, such as `diagnosis`. */
export const Problem = Type.Object(
  {
    type: Type.String({
      description: 'Names the kind of problem',
      examples: ['urn:postern:problem:input_invalid'],
    }),
    title: Type.String({ description: 'The kind of problem in words' }),
    status: Type.Integer({ description: 'The HTTP status' }),
    detail: Type.String({ description: 'What happened, who must act, and what to do' }),
    code: Type.String({ description: 'Stable name for programs', examples: ['input_invalid'] }),
    requestId: Type.String({ description: 'Finds the request in the log' }),
    problems: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), message: Type.String() }), {
        description: 'Every wrong field at once',
      }),
    ),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457)' },
)
export type Problem = Static<typeof Problem>

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

const ANSWERS = {
  invalid: { status: 400, title: 'The request is not valid' },
  unauthenticated: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token does not permit this' },
  not_found: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'In conflict with the present state' },
  precondition_failed: { status: 412, title: 'Changed by somebody else' },
  too_large: { status: 413, title: 'Too large' },
  rate_limited: { status: 429, title: 'Too many requests' },
  unavailable: { status: 503, title: 'Not possible now' },
  internal: { status: 500, title: 'An error of Postern’s own' },
} as const satisfies Record<ErrorKind, { status: number; title: string }>

/** HTTP says some things more finely than the kinds do. */
const FINER: Readonly<Record<string, { status: number; title: string }>> = {
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  request_timeout: { status: 408, title: 'The request came too slowly' },
  url_too_long: { status: 414, title: 'The address is too long' },
  media_type_unsupported: { status: 415, title: 'This content type is not accepted' },
  credential_refused: { status: 422, title: 'Microsoft refuses the new credential' },
  precondition_required: { status: 428, title: 'If-Match is needed' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
}

export function statusOf(error: PosternError): number {
  return (FINER[error.code] ?? ANSWERS[error.kind]).status
}

export function problemOf(error: PosternError, requestId: string): Problem {
  const { status, title } = FINER[error.code] ?? ANSWERS[error.kind]
  return {
    ...error.details,
    type: `urn:postern:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.problems.length > 0 && { problems: [...error.problems] }),
  }
}

/** Headers that belong to an error answer, beside its content type. */
export function problemHeaders(error: PosternError): Record<string, string> {
  return {
    // RFC 9110 §11.6.1: a 401 names the scheme that it expects.
    ...(error.kind === 'unauthenticated' && { 'www-authenticate': 'Bearer realm="Postern"' }),
    ...(error.retryAfterMs !== undefined && {
      'retry-after': String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))),
    }),
  }
}
