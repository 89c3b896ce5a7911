import { createLogger, type Logger } from '../../src/platform/logger.ts'

export interface LogCapture {
  readonly log: Logger
  /** Everything that was written, one JSON line each. */
  readonly lines: string[]
  entries(): Record<string, unknown>[]
}

/** A real logger that writes to memory at the finest level. */
export function captureLog(): LogCapture {
  const lines: string[] = []
  const log = createLogger({ level: 'trace', destination: { write: (line) => lines.push(line) } })
  return { log, lines, entries: () => lines.map((line) => JSON.parse(line)) }
}
