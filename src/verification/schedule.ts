import { schedule as scheduleCron, validate } from 'node-cron'
import { MINUTE_MS } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'

export interface Schedule {
  /** The shortest time between two of the next ticks. */
  readonly intervalMs: number
  stop(): Promise<void>
}

/** Calls `tick` at every time that the expression names, in UTC. */
export function startSchedule(options: {
  expression: string
  tick(): void
  log: Logger
}): Schedule {
  const { expression, tick, log } = options
  const task = scheduleCron(expression, tick, {
    timezone: 'Etc/UTC',
    // A tick that comes late is late; the sweep itself is what counts.
    suppressMissedWarning: true,
    logger: {
      debug: (message) => log.debug({ detail: String(message) }, 'schedule'),
      info: (message) => log.debug({ detail: message }, 'schedule'),
      warn: (message) => log.warn({ detail: message }, 'schedule'),
      error: (message) => log.error({ detail: String(message) }, 'schedule'),
    },
  })
  const times = task.getNextRuns(4).map((date) => date.getTime())
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at))
  return {
    intervalMs: gaps.length === 0 ? MINUTE_MS : Math.min(...gaps),
    stop: async () => {
      await task.destroy()
    },
  }
}

/** Throws schedule_invalid. */
export function assertSchedule(expression: string): void {
  if (validate(expression)) return
  throw new PosternError(
    `The schedule of the verification “${expression}” is no cron expression. Set five fields, such as */15 * * * *.`,
    { kind: 'invalid', code: 'schedule_invalid' },
  )
}
