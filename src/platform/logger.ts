import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino'
import { censor, secretSerializers } from './censor.ts'

export type { Logger } from 'pino'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = 'json' | 'pretty'

/** Anything with a `write`, such as process.stdout. */
export interface LogDestination {
  write(line: string): void
}

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
      formatters: { level: (label) => ({ level: label }), log: censor },
      serializers: {
        ...secretSerializers,
        err: (error: Error) => censor(stdSerializers.err(error)),
      },
    },
    options.destination,
  )
}
