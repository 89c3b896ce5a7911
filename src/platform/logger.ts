import { type Logger, pino, stdTimeFunctions } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = 'json' | 'pretty'

/** Anything with a `write`, such as process.stdout. */
export interface LogDestination {
  write(line: string): void
}

/** A second net under the Secret type: what these names hold is never written. */
const REDACTED = [
  'authorization',
  'password',
  'secret',
  'clientSecret',
  'token',
  'accessToken',
  'value',
]

export interface LoggerOptions {
  level: LogLevel
  destination: LogDestination
}

/** JSON lines: `{"level":"info","time":"…","component":"…","msg":"…", facts}`. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
    },
    options.destination,
  )
}
