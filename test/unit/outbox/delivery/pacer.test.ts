import { describe, expect, it } from 'vitest'
import { createPacer, type Pacer, type Ticket } from '../../../../src/outbox/delivery/pacer.ts'

const MINUTE = 60_000
let calls = 0

/** A pacer on a time that only the test moves. */
function start(perMinute: number | null) {
  const time = { ms: 0 }
  const pacer = createPacer({ messagesPerMinute: () => perMinute, monotonicMs: () => time.ms })
  return { pacer, time }
}

/** Sends as fast as it may for `forMs`, each message taking `tookMs`; the times at which the server had each. */
function sendFlatOut(pacer: Pacer, time: { ms: number }, forMs: number, tookMs: () => number) {
  const sentAt: number[] = []
  let open: { ticket: Ticket; endsAt: number }[] = []
  const end = time.ms + forMs
  for (; time.ms < end; time.ms += 10) {
    for (const one of open.filter(({ endsAt }) => endsAt <= time.ms)) {
      one.ticket.done()
      sentAt.push(one.endsAt)
    }
    open = open.filter(({ endsAt }) => endsAt > time.ms)
    while (open.length < 3 && pacer.waitMs() === 0) {
      open.push({ ticket: pacer.take(), endsAt: time.ms + tookMs() })
    }
  }
  return sentAt.sort((a, b) => a - b)
}

function mostInAnyMinute(times: readonly number[]): number {
  return Math.max(
    ...times.map((from) => times.filter((at) => at >= from && at < from + MINUTE).length),
  )
}

describe('the pacer', () => {
  it('lets everything through when there is no limit', () => {
    const { pacer } = start(null)
    for (let i = 0; i < 1_000; i++) {
      expect(pacer.waitMs()).toBe(0)
      pacer.take().done()
    }
  })

  it('begins with a small burst and goes on evenly', () => {
    const { pacer, time } = start(30)
    const sentAt = sendFlatOut(pacer, time, 20_000, () => 0)
    expect(sentAt.slice(0, 3)).toEqual([0, 0, 0])
    const gaps = sentAt.slice(3).map((at, i) => at - (sentAt[i + 2] ?? 0))
    for (const gap of gaps) expect(Math.abs(gap - MINUTE / 27)).toBeLessThanOrEqual(20)
  })

  it.each([
    ['at once', () => 0],
    ['after one second', () => 1_000],
    ['now at once, now after 25 seconds', () => (calls++ % 3 === 0 ? 25_000 : 0)],
  ])('never lets more than the limit end in any minute, when the server answers %s', (_, took) => {
    const { pacer, time } = start(30)
    const sentAt = sendFlatOut(pacer, time, 10 * MINUTE, took)
    expect(mostInAnyMinute(sentAt)).toBeLessThanOrEqual(30)
  })

  it('uses nine tenths of what is allowed', () => {
    const { pacer, time } = start(30)
    const sentAt = sendFlatOut(pacer, time, 10 * MINUTE, () => 300)
    expect(sentAt.length).toBeGreaterThanOrEqual(265)
  })

  it.each([1, 2, 5, 9, 10, 11, 100])('keeps to a limit of %i', (perMinute) => {
    const { pacer, time } = start(perMinute)
    const sentAt = sendFlatOut(pacer, time, 5 * MINUTE, () => 100)
    expect(mostInAnyMinute(sentAt)).toBeLessThanOrEqual(perMinute)
    expect(sentAt.length).toBeGreaterThanOrEqual(Math.max(4, (perMinute - 1) * 4))
  })

  it('sends without a burst in the first minute of the process', () => {
    const time = { ms: 5_000 }
    const facts = { messagesPerMinute: () => 30, monotonicMs: () => time.ms, startedAt: 0 }
    const pacer = createPacer(facts)
    const sentAt = sendFlatOut(pacer, time, MINUTE, () => 0)
    const gaps = sentAt.slice(1).map((at, i) => at - (sentAt[i] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThan(2_000)
    time.ms += MINUTE
    for (let i = 0; i < 3; i++) {
      expect(pacer.waitMs()).toBe(0)
      pacer.take().done()
    }
  })

  it('takes a permission back that was not used', () => {
    const { pacer } = start(1)
    pacer.take().cancel()
    expect(pacer.waitMs()).toBe(0)
    pacer.take().done()
    expect(pacer.waitMs()).toBeGreaterThan(0)
  })

  it('waits for what is under way when that alone is the limit', () => {
    const { pacer, time } = start(1)
    const ticket = pacer.take()
    time.ms += 10 * MINUTE
    expect(pacer.waitMs()).toBe(Number.POSITIVE_INFINITY)
    ticket.done()
    expect(pacer.waitMs()).toBeLessThanOrEqual(MINUTE + 100)
  })
})
