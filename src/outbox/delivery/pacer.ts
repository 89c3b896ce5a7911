import { MINUTE_MS } from '../../platform/clock.ts'

/** Permission for one message. Exactly one of its two ends is called. */
export interface Ticket {
  /** The server has seen the message, whatever it said. */
  done(): void
  /** Nothing was sent: the permission goes back. */
  cancel(): void
}

/**
 * Never more than N messages in any 60 seconds, smooth with a small burst. It goes by time that never jumps, so a clock
 * that is set neither stops nor floods it.
 */
export interface Pacer {
  /** Until the next message may begin; Infinity: not before one that is under way has ended. */
  waitMs(): number
  /** Only when waitMs() is 0. */
  take(): Ticket
}

export interface PacerDeps {
  /** Null: no limit. Asked each time, for settings change. */
  messagesPerMinute: () => number | null
  monotonicMs: () => number
  /** When the process began. What an earlier one sent just before is not known: no burst in the first minute. */
  startedAt?: number
}

const FREE: Ticket = { done() {}, cancel() {} }
/** What two machines may disagree about the length of a minute. */
const MARGIN_MS = 50

export function createPacer(deps: PacerDeps): Pacer {
  const { messagesPerMinute, monotonicMs, startedAt = Number.NEGATIVE_INFINITY } = deps
  /** The bucket: what may begin at once. It refills at the smooth pace. */
  const isNew = () => monotonicMs() - startedAt < MINUTE_MS
  let tokens = isNew() ? 1 : Number.POSITIVE_INFINITY
  let refilledAt = monotonicMs()
  /** When the last ones ended, oldest first. */
  const ended: number[] = []
  let underWay = 0

  const burstNow = (most: number) => (isNew() ? 1 : burstOf(most))

  function refill(most: number): void {
    const now = monotonicMs()
    const burst = burstNow(most)
    tokens = Math.min(burst, tokens + (now - refilledAt) / intervalOf(most))
    refilledAt = now
  }

  /**
   * The server counts a message somewhere between its beginning and its end here. So whatever has not ended for a
   * minute counts for the whole of it: then no 60 seconds of the server's hold more than N.
   */
  function windowMs(most: number): number {
    const now = monotonicMs()
    const length = MINUTE_MS + MARGIN_MS
    while (ended[0] !== undefined && ended[0] <= now - length) ended.shift()
    const used = ended.length + underWay
    if (used < most) return 0
    const last = ended[used - most]
    return last === undefined ? Number.POSITIVE_INFINITY : last + length - now
  }

  return {
    waitMs() {
      const most = messagesPerMinute()
      if (most === null) return 0
      refill(most)
      // Sums of fractions come out a hair below the whole.
      const missing = 1 - tokens
      const bucketMs = missing <= 1e-9 ? 0 : Math.ceil(missing * intervalOf(most))
      return Math.max(bucketMs, windowMs(most))
    },
    take() {
      const most = messagesPerMinute()
      if (most === null) return FREE
      refill(most)
      tokens -= 1
      underWay++
      return {
        done() {
          underWay--
          ended.push(monotonicMs())
        },
        cancel() {
          underWay--
          tokens = Math.min(burstNow(most), tokens + 1)
        },
      }
    },
  }
}

/** b = max(1, N / 10), rounded down. */
function burstOf(most: number): number {
  return Math.max(1, Math.floor(most / 10))
}

/** The rest of N, evenly over the minute. */
function intervalOf(most: number): number {
  return MINUTE_MS / Math.max(1, most - burstOf(most))
}
