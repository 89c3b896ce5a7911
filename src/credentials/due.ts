import { DAY_MS } from '../platform/clock.ts'
import { crossedThresholds, isCrossed } from './days.ts'

export interface Due {
  /** Recorded thresholds that no longer hold. */
  readonly forget: readonly number[]
  /** Reached thresholds to record; only the most urgent one is announced. */
  readonly record: readonly number[]
  readonly announce: number | undefined
}

/**
 * A reminder stamped further ahead of the clock than this was made while the clock was wrong: the true day is still
 * to come and must not pass in silence. Nearer ones stay, so that a corrected clock repeats nothing.
 */
const MISTAKEN_AHEAD_MS = DAY_MS

/** What one credential is owed now, from what was recorded for it. Pure, so that tests can move time both ways. */
export function dueOf(
  expiresAt: number,
  now: number,
  reminders: ReadonlyMap<number, number> | undefined,
): Due {
  const crossed = crossedThresholds(expiresAt, now)
  // Not reached even when it was recorded: the end has been moved to a later day since.
  const forget = [...(reminders ?? [])]
    .filter(
      ([threshold, at]) => !crossed.includes(threshold) && !isCrossed(threshold, expiresAt, at),
    )
    .map(([threshold]) => threshold)
  const record = crossed.filter((threshold) => {
    const at = reminders?.get(threshold)
    return at === undefined || at > now + MISTAKEN_AHEAD_MS
  })
  const mostUrgent = crossed.at(-1)
  const isNew = mostUrgent !== undefined && record.includes(mostUrgent)
  return { forget, record, announce: isNew ? mostUrgent : undefined }
}
