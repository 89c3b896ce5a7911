import { DAY_MS, HOUR_MS, MINUTE_MS } from '../platform/clock.ts'

/** No problem is told faster than this, whatever it does. */
export const PACE_MS = HOUR_MS

/** A problem that comes back within this time of its end is the same alert, flapping. */
export const FLAP_MS = HOUR_MS

const FIRST_RETRY_MS = MINUTE_MS
const LONGEST_RETRY_MS = HOUR_MS

/** An all-clear that found no way for so long is old news. */
export const ALL_CLEAR_LIFE_MS = 7 * DAY_MS

/** Every wait is shorter; a later due time was written by a clock that has been set back since. */
const LONGEST_WAIT_MS = 2 * HOUR_MS

/** 1 minute after the first failed attempt, doubling up to an hour. */
export function retryDelayMs(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 10), LONGEST_RETRY_MS)
}

/** The earliest instant for the next mail of a problem. */
export function pacedAt(now: number, lastMailAt: number | null): number {
  if (lastMailAt === null) return now
  // A mail "from the future" means that the clock was set back: the pace starts now.
  return Math.max(now, Math.min(lastMailAt, now) + PACE_MS)
}

export function isDue(nextAttemptAt: number, now: number): boolean {
  return nextAttemptAt <= now || nextAttemptAt > now + LONGEST_WAIT_MS
}
