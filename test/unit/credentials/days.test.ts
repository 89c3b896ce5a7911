import { describe, expect, it } from 'vitest'
import { daysLeft, dueThreshold, expiryWords } from '../../../src/credentials/index.ts'
import { parseInstant } from '../../../src/platform/clock.ts'

function at(text: string): number {
  const instant = parseInstant(text)
  if (instant === undefined) throw new Error(text)
  return instant
}

describe('days left', () => {
  it.each([
    ['2026-12-05', '2026-11-23T10:00:00Z', 12],
    ['2026-12-05', '2026-11-23T23:59:59.999Z', 12],
    ['2026-12-05', '2026-11-24T00:00:00Z', 11],
    ['2026-12-05T23:00:00Z', '2026-12-05T00:00:00Z', 0],
    ['2026-12-05', '2026-12-06T00:00:00Z', -1],
    // Daylight saving time begins and ends in between: days in UTC do not notice.
    ['2027-03-29', '2027-03-27T23:30:00Z', 2],
    ['2026-10-26', '2026-10-24T22:30:00Z', 2],
    // 2028 is a leap year, 2027 is not, 2100 is not.
    ['2028-03-01', '2028-02-28T12:00:00Z', 2],
    ['2027-03-01', '2027-02-28T12:00:00Z', 1],
    ['2100-03-01', '2100-02-28T12:00:00Z', 1],
    ['2027-01-01', '2026-12-31T23:59:59Z', 1],
  ])('counts from %s, seen at %s, %i calendar days in UTC', (end, now, expected) => {
    expect(daysLeft(at(end), at(now))).toBe(expected)
  })

  const END_OF_DAY = '2027-05-01T23:59:59.999Z'
  it.each([
    ['2027-04-30T23:59:59.999Z', 1, 1, 'ends in 1 day, on 2027-05-01 (UTC)'],
    ['2027-05-01T00:00:00Z', 0, 1, 'ends today, on 2027-05-01 (UTC)'],
    ['2027-05-01T23:59:59.998Z', 0, 1, 'ends today, on 2027-05-01 (UTC)'],
    ['2027-05-02T00:00:00Z', -1, 0, 'ended 1 day ago, on 2027-05-01 (UTC)'],
  ])('lets a secret live to the end of its last day: at %s', (now, days, threshold, words) => {
    const [end, instant] = [at(END_OF_DAY), at(now)]
    expect(daysLeft(end, instant)).toBe(days)
    expect(dueThreshold(end, instant)).toBe(threshold)
    expect(expiryWords(end, instant)).toBe(words)
  })

  it('names the most urgent threshold that has been reached', () => {
    const end = at('2027-05-01T12:00:00Z')
    const seen = ['03-31', '04-01', '04-16', '04-17', '04-24', '04-28', '04-30', '05-01'].map(
      (day) => dueThreshold(end, at(`2027-${day}T06:00:00Z`)),
    )
    expect(seen).toEqual([undefined, 30, 30, 14, 7, 3, 1, 1])
    expect(dueThreshold(end, end - 1)).toBe(1)
    expect(dueThreshold(end, end)).toBe(0)
    expect(dueThreshold(end, at('2030-01-01'))).toBe(0)
  })

  it.each([
    ['2026-11-23T10:00:00Z', 'ends in 12 days, on 2026-12-05 (UTC)'],
    ['2026-12-04T23:59:59Z', 'ends in 1 day, on 2026-12-05 (UTC)'],
    ['2026-12-05T06:00:00Z', 'ends today, on 2026-12-05 (UTC)'],
    ['2026-12-05T12:00:00Z', 'ended today, on 2026-12-05 (UTC)'],
    ['2026-12-06T00:00:00Z', 'ended 1 day ago, on 2026-12-05 (UTC)'],
    ['2026-12-08T00:00:00Z', 'ended 3 days ago, on 2026-12-05 (UTC)'],
  ])('says at %s: %s', (now, words) => {
    expect(expiryWords(at('2026-12-05T12:00:00Z'), at(now))).toBe(words)
  })
})
