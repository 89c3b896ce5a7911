/** What a failure is to the one who asked. Each face (HTTP, SMTP, CLI) maps every kind to its own code. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'precondition_failed'
  | 'too_large'
  | 'rate_limited'
  | 'unavailable'
  | 'internal'

/** One problem of one input field; `field` is a JSON path such as `server.port`. */
export interface FieldProblem {
  field: string
  message: string
}

export interface PosternErrorOptions {
  kind: ErrorKind
  /** Stable, lower-case with underscores, listed in docs/errors.md. */
  code: string
  /** Every wrong field at once; safe for the peer. */
  problems?: readonly FieldProblem[]
  /** Further members of the problem+json answer; safe for the peer. */
  details?: Readonly<Record<string, unknown>>
  /** For the log only. */
  fields?: Readonly<Record<string, unknown>>
  retryAfterMs?: number
  cause?: unknown
}

/** The product's one error. `message` is a whole sentence that a peer may see. */
export class PosternError extends Error {
  override readonly name = 'PosternError'
  readonly kind: ErrorKind
  readonly code: string
  readonly problems: readonly FieldProblem[]
  readonly details: Readonly<Record<string, unknown>>
  readonly fields: Readonly<Record<string, unknown>>
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: PosternErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = options.kind
    this.code = options.code
    this.problems = options.problems ?? []
    this.details = options.details ?? {}
    this.fields = options.fields ?? {}
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system's or library's error code (`ECONNREFUSED`, `CERT_HAS_EXPIRED`), looked up along the causes. */
export function codeOf(error: unknown): string | undefined {
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    if ('code' in e && typeof e.code === 'string') return e.code
    if (e instanceof AggregateError && e.errors.length > 0) return codeOf(e.errors[0])
  }
  return undefined
}
