import { MINUTE_MS, SECOND_MS } from '../../platform/clock.ts'

/**
 * How many connections may be used at once: the setting, until the server or the way to it has trouble. Then one, after
 * a pause that doubles with every further trouble; successes bring them back one by one.
 */
export interface Concurrency {
  limit(): number
  /** How long nothing is to be tried yet; 0: go on. */
  pausedMs(): number
  /** True when it ends a trouble. */
  success(): boolean
  /** `leastMs`: what the answer itself asks to wait. */
  trouble(leastMs?: number): void
}

export interface ConcurrencyDeps {
  connections: () => number
  monotonicMs: () => number
  /** 0 to 1. */
  random: () => number
}

const FIRST_PAUSE_MS = 5 * SECOND_MS
const LONGEST_PAUSE_MS = 5 * MINUTE_MS
/** No answer may silence a mailbox for longer. */
const LONGEST_ASKED_MS = 60 * MINUTE_MS

export function createConcurrency(deps: ConcurrencyDeps): Concurrency {
  const { connections, monotonicMs, random } = deps
  let allowed = Number.POSITIVE_INFINITY
  let successes = 0
  let troubles = 0
  let pausedUntil = Number.NEGATIVE_INFINITY

  const limit = () => Math.max(1, Math.min(allowed, connections()))

  return {
    limit,
    pausedMs: () => Math.max(0, pausedUntil - monotonicMs()),
    success() {
      const wasTroubled = troubles > 0
      troubles = 0
      if (allowed < connections() && ++successes >= limit()) {
        allowed = limit() + 1
        successes = 0
      }
      if (allowed >= connections()) allowed = Number.POSITIVE_INFINITY
      return wasTroubled
    },
    trouble(leastMs = 0) {
      const now = monotonicMs()
      const asked = now + Math.min(leastMs, LONGEST_ASKED_MS)
      // Several connections meet the same trouble at once: it counts once.
      if (pausedUntil > now) {
        pausedUntil = Math.max(pausedUntil, asked)
        return
      }
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** troubles, LONGEST_PAUSE_MS)
      troubles++
      allowed = 1
      successes = 0
      pausedUntil = Math.max(now + pause * (0.75 + random() / 2), asked)
    },
  }
}
