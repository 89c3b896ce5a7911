import type { ErrorKind } from '../platform/errors.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
/** Wrong arguments or process settings. */
export const EXIT_USAGE = 2

/** The exit code of a command that ends with an error of this kind. */
export const EXIT_CODE_OF = {
  invalid: EXIT_USAGE,
  unauthenticated: EXIT_FAILED,
  forbidden: EXIT_FAILED,
  not_found: EXIT_FAILED,
  conflict: EXIT_FAILED,
  precondition_failed: EXIT_FAILED,
  too_large: EXIT_FAILED,
  rate_limited: EXIT_FAILED,
  unavailable: EXIT_FAILED,
  internal: EXIT_FAILED,
} as const satisfies Record<ErrorKind, number>
