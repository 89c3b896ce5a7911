import { describe, expect, it } from 'vitest'
import { expiresAt, nextAttemptAt } from '../../../../src/outbox/delivery/schedule.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOW = 1_800_000_000_000

function waits(random: number, count = 9): number[] {
  return Array.from({ length: count }, (_, i) => {
    const at = nextAttemptAt({ now: NOW, tries: i + 1, retryAfterMs: null, random: () => random })
    return (at - NOW) / MINUTE
  })
}

interface Try {
  startedAt: number
  finishedAt: number
  outcome: 'deferred' | 'held'
  recipients: number
}

const deferred = { outcome: 'deferred', recipients: 1 } as const

/** One try after the other by the schedule, `hours` long. */
function tries(from: number, hours: number, ended: Pick<Try, 'outcome' | 'recipients'> = deferred) {
  const attempts: Try[] = []
  for (let at = from; at <= from + hours * HOUR; ) {
    attempts.push({ startedAt: at, finishedAt: at + 1_000, ...ended })
    at = nextAttemptAt({
      now: at + 1_000,
      tries: attempts.length,
      retryAfterMs: null,
      random: () => 0.5,
    })
  }
  return attempts
}

const facts = { acceptedAt: NOW, retryHours: 72, releasedAt: null }

describe('the schedule of retries', () => {
  it('is 1, 2, 5, 10, 20, 30 minutes, then every hour', () => {
    expect(waits(0.5)).toEqual([1, 2, 5, 10, 20, 30, 60, 60, 60])
  })

  it('varies by a tenth at the most', () => {
    expect(waits(0, 1)).toEqual([0.9])
    expect(waits(1, 1)).toEqual([1.1])
    expect(waits(1).at(-1)).toBeCloseTo(66, 6)
  })

  it('obeys what the answer asks for, up to six hours', () => {
    const waitFor = (retryAfterMs: number) =>
      nextAttemptAt({ now: NOW, tries: 1, retryAfterMs, random: () => 0.5 }) - NOW
    expect(waitFor(30 * MINUTE)).toBe(30 * MINUTE)
    expect(waitFor(1_000)).toBe(MINUTE)
    expect(waitFor(48 * HOUR)).toBe(6 * HOUR)
  })
})

describe('the time of a message', () => {
  it('is over so many hours after its acceptance', () => {
    expect(expiresAt({ ...facts, attempts: tries(NOW, 72) })).toBe(NOW + 72 * HOUR)
  })

  it('begins anew after a time in which nobody tried', () => {
    const before = tries(NOW, 20)
    const after = tries(NOW + 100 * HOUR, 5)
    const end = expiresAt({ ...facts, attempts: [...before, ...after] })
    expect(end).toBe(NOW + 172 * HOUR)
  })

  it('begins with the first try of a message that had to wait for it', () => {
    const attempts = tries(NOW + 90 * HOUR, 3)
    expect(expiresAt({ ...facts, attempts })).toBe(NOW + 162 * HOUR)
  })

  it('begins anew when its hold has ended', () => {
    const releasedAt = NOW + 10 * HOUR
    expect(expiresAt({ ...facts, attempts: tries(NOW, 30), releasedAt })).toBe(NOW + 82 * HOUR)
  })

  it.each([
    { while: 'a hold stopped it', outcome: 'held', recipients: 1 },
    { while: 'it was put aside', outcome: 'deferred', recipients: 0 },
  ] as const)('begins anew with the first try after $while', ({ outcome, recipients }) => {
    const before = tries(NOW, 180, { outcome, recipients })
    const after = tries(NOW + 181 * HOUR, 5)
    expect(expiresAt({ ...facts, attempts: [...before, ...after] })).toBe(NOW + 253 * HOUR)
  })

  it('begins anew when the clock was set by a year, forward or back', () => {
    const before = tries(NOW, 5)
    const ahead = tries(NOW + 8_760 * HOUR, 3)
    expect(expiresAt({ ...facts, attempts: [...before, ...ahead] })).toBe(NOW + 8_832 * HOUR)
    const back = tries(NOW - 8_760 * HOUR, 3)
    const end = expiresAt({ ...facts, attempts: [...before, ...back] })
    expect(end).toBe(NOW - 8_688 * HOUR)
  })

  it('begins anew after a try in which the clock jumped, or the machine slept', () => {
    const attempts = [{ startedAt: NOW, finishedAt: NOW + 80 * HOUR, ...deferred }]
    expect(expiresAt({ ...facts, attempts })).toBe(NOW + 152 * HOUR)
  })

  it('begins with the first try when the clock was a year ahead at the acceptance', () => {
    const acceptedAt = NOW + 8_760 * HOUR
    expect(expiresAt({ ...facts, acceptedAt, attempts: tries(NOW, 3) })).toBe(NOW + 72 * HOUR)
  })

  it('ends at last, also when nobody tries without gaps', () => {
    const attempts = Array.from({ length: 158 }, (_, i) => {
      const startedAt = NOW + i * 5 * HOUR
      return { startedAt, finishedAt: startedAt, ...deferred }
    })
    expect(expiresAt({ ...facts, attempts })).toBe(NOW + 72 * HOUR)
  })
})
