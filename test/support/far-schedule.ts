import { MINUTE_MS, systemClock } from '../../src/platform/clock.ts'

/** Verifications every quarter of an hour, as by default, but none in the next minutes: tests begin at any time of the day. */
export function farSchedule(): string {
  const minute = Math.floor(systemClock.now() / MINUTE_MS) % 60
  return `${(minute + 8) % 15}-59/15 * * * *`
}
