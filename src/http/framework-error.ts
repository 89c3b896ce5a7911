import { type ErrorKind, PosternError } from '../platform/errors.ts'

interface Meaning {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
}

/** What the refusals of Fastify and of Node's HTTP parser mean, by their code. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: {
    kind: 'invalid',
    code: 'json_invalid',
    message: 'The body is not valid JSON.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    kind: 'invalid',
    code: 'body_missing',
    message: 'The body is empty. Send a JSON object, or leave the Content-Type header out.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    kind: 'too_large',
    code: 'body_too_large',
    message: 'The body is larger than this server accepts.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    kind: 'invalid',
    code: 'media_type_unsupported',
    message:
      'This content type is not accepted here. Send JSON with Content-Type: application/json.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    kind: 'invalid',
    code: 'request_malformed',
    message: 'The body is not as long as the Content-Length header says.',
  },
  FST_ERR_BAD_URL: {
    kind: 'invalid',
    code: 'request_malformed',
    message: 'The address of the request is not a valid URL.',
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    kind: 'invalid',
    code: 'url_too_long',
    message: 'A part of the request’s address is too long.',
  },
  HPE_HEADER_OVERFLOW: {
    kind: 'too_large',
    code: 'headers_too_large',
    message: 'The headers of the request are too large.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    kind: 'invalid',
    code: 'request_timeout',
    message: 'The request took too long to arrive.',
  },
}

const MALFORMED: Meaning = {
  kind: 'invalid',
  code: 'request_malformed',
  message: 'The request is malformed.',
}

/** The refusal of a request that could not even be parsed. */
export function malformedRequest(code: string | undefined): PosternError {
  const { message, ...options } = MEANINGS[code ?? ''] ?? MALFORMED
  return new PosternError(message, options)
}

/**
 * Turns whatever a request ended with into a PosternError. The text of a foreign error never reaches the peer:
 * it can quote the body, and with it a secret.
 */
export function toPosternError(error: unknown): PosternError {
  if (error instanceof PosternError) return error
  if (error instanceof Error) {
    const { code, statusCode } = { code: undefined, statusCode: undefined, ...facts(error) }
    if (typeof code === 'string' && MEANINGS[code] !== undefined) return malformedRequest(code)
    if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
      return malformedRequest(undefined)
    }
  }
  return new PosternError(
    'Postern met an error that it did not expect. Nothing can be said about it here; the log tells more under this request id.',
    { kind: 'internal', code: 'internal', cause: error },
  )
}

function facts(error: Error): { code?: unknown; statusCode?: unknown } {
  return {
    ...('code' in error && { code: error.code }),
    ...('statusCode' in error && { statusCode: error.statusCode }),
  }
}
