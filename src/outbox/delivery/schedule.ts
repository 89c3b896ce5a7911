import { HOUR_MS, MINUTE_MS } from '../../platform/clock.ts'
import type { Attempt } from '../message.ts'

/** Minutes between tries; the last one for ever. Published in the documentation. */
const MINUTES = [1, 2, 5, 10, 20, 30, 60] as const
const JITTER = 0.1
/** No answer may put a message off for longer. */
const LONGEST_MS = 6 * HOUR_MS
/** Whatever is due later than this was put off before the clock was set back. */
export const LATEST_DUE_MS = LONGEST_MS + HOUR_MS

/** When to try again after `tries` tries without success. */
export function nextAttemptAt(options: {
  now: number
  tries: number
  /** What the answer itself asks to wait. */
  retryAfterMs: number | null
  random: () => number
}): number {
  const { now, tries, retryAfterMs, random } = options
  const minutes = MINUTES[Math.min(Math.max(tries, 1), MINUTES.length) - 1] ?? 60
  const waitMs = minutes * MINUTE_MS * (1 - JITTER + 2 * JITTER * random())
  return Math.round(now + Math.min(Math.max(waitMs, retryAfterMs ?? 0), LONGEST_MS))
}

/** More than the longest wait of the schedule: nobody tried meanwhile (a hold, a stop of the agent, a clock that was set). */
const GAP_MS = 2 * HOUR_MS

/** Backwards: the clock was set back between the two. */
function isGap(earlier: number, later: number): boolean {
  return Math.abs(later - earlier) > GAP_MS
}

/** Whether the message itself had its chance: not while a hold stopped it, nor when Postern put it aside. */
export function isTry({ outcome, recipients }: Pick<Attempt, 'outcome' | 'recipients'>): boolean {
  return outcome !== 'held' && recipients > 0
}

/**
 * When a message runs out of time. Its whole time counts from its acceptance, and anew after a time in which it was not
 * tried: a hold, a stop of the agent, a sleep of the machine in the middle of a try.
 */
export function expiresAt(facts: {
  acceptedAt: number
  retryHours: number
  /** Of the message, in their order. */
  attempts: readonly Pick<Attempt, 'startedAt' | 'finishedAt' | 'outcome' | 'recipients'>[]
  /** How many came before these, where they cannot be read. */
  unread?: number
  /** When its last hold ended, where that is known; else null. */
  releasedAt: number | null
}): number {
  const { acceptedAt, retryHours, attempts, unread = 0, releasedAt } = facts
  const wholeMs = retryHours * HOUR_MS
  const [first] = attempts
  const last = attempts.at(-1)
  if (first === undefined || last === undefined) return acceptedAt + wholeMs
  // Twice what the schedule has room for: gaps cannot go on for ever.
  if (unread + attempts.filter(isTry).length >= 2 * (retryHours + MINUTES.length)) {
    return Math.min(acceptedAt, first.startedAt) + wholeMs
  }
  // A hold that ended under a clock that was set back since says nothing.
  const isKnown = releasedAt !== null && releasedAt <= last.finishedAt
  const endOf = (since: number) => (isKnown ? Math.max(since, releasedAt) : since) + wholeMs
  let from = last.finishedAt
  for (const attempt of attempts.toReversed()) {
    const { startedAt, finishedAt } = attempt
    if (isGap(finishedAt, from) || !isTry(attempt)) return endOf(from)
    if (isGap(startedAt, finishedAt)) return endOf(finishedAt)
    from = startedAt
  }
  return endOf(isGap(acceptedAt, from) ? from : acceptedAt)
}
