import { DAY_MS, toIsoDay } from '../platform/clock.ts'

/** Days before the end at which people are reminded, least urgent first; the end itself is END. */
const THRESHOLDS = [30, 14, 7, 3, 1] as const

/** The threshold that means: the end has come. */
export const END = 0

/** Whole days left, counted in UTC calendar days: 0 on the last day, negative after it. */
export function daysLeft(expiresAt: number, now: number): number {
  return Math.floor(expiresAt / DAY_MS) - Math.floor(now / DAY_MS)
}

/** Whether the threshold has been reached: so many calendar days are left or fewer; for END, the instant itself. */
export function isCrossed(threshold: number, expiresAt: number, now: number): boolean {
  return threshold === END ? now >= expiresAt : daysLeft(expiresAt, now) <= threshold
}

/** Every threshold that has been reached, the most urgent one last. */
export function crossedThresholds(expiresAt: number, now: number): readonly number[] {
  return [...THRESHOLDS, END].filter((threshold) => isCrossed(threshold, expiresAt, now))
}

/** The most urgent threshold that has been reached; 0 (END) after the end, undefined when there is time. */
export function dueThreshold(expiresAt: number, now: number): number | undefined {
  return crossedThresholds(expiresAt, now).at(-1)
}

/** `ends in 12 days, on 2026-12-05 (UTC)`, to follow a noun. */
export function expiryWords(expiresAt: number, now: number): string {
  const days = daysLeft(expiresAt, now)
  const day = `on ${toIsoDay(expiresAt)} (UTC)`
  if (now >= expiresAt)
    return days === 0 ? `ended today, ${day}` : `ended ${count(-days)} ago, ${day}`
  return days === 0 ? `ends today, ${day}` : `ends in ${count(days)}, ${day}`
}

function count(days: number): string {
  return days === 1 ? '1 day' : `${days} days`
}
