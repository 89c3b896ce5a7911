import { describe, expect, it } from 'vitest'
import { createDayBudget } from '../../../../src/outbox/delivery/day-budget.ts'
import { createFakeClock } from '../../../support/clock.ts'

const HOUR = 3_600_000

function start(recipientsPerDay: number | null, hours = new Map<number, number>()) {
  const clock = createFakeClock()
  const store = {
    async accountedSince(_mailbox: string, since: number) {
      const from = Math.floor(since / HOUR)
      return [...hours].filter(([hour]) => hour >= from).reduce((sum, [, count]) => sum + count, 0)
    },
  }
  const budget = createDayBudget({
    mailbox: 'm',
    recipientsPerDay: () => recipientsPerDay,
    store,
    clock,
    monotonicMs: () => clock.elapsedMs,
  })
  /** As a settlement does. */
  const send = (count: number) => {
    const hour = Math.floor(clock.now() / HOUR)
    hours.set(hour, (hours.get(hour) ?? 0) + count)
    budget.reserve(count)(count)
  }
  return { clock, budget, send, hours }
}

describe('the recipients of a day', () => {
  it('are without end when there is no limit, and nothing is read', () => {
    const { budget } = start(null)
    expect(budget.isStale()).toBe(false)
    expect(budget.left()).toBe(Number.POSITIVE_INFINITY)
  })

  it('count what was sent before a restart', async () => {
    const hours = new Map([[Math.floor(createFakeClock().now() / HOUR) - 3, 60]])
    const { budget } = start(100, hours)
    expect(budget.isStale()).toBe(true)
    await budget.load()
    expect(budget.left()).toBe(40)
  })

  it('count what is under way, and give back what was not accepted', async () => {
    const { budget } = start(100)
    await budget.load()
    const end = budget.reserve(70)
    expect(budget.left()).toBe(30)
    end(10)
    expect(budget.left()).toBe(90)
  })

  it('come back hour by hour', async () => {
    const { clock, budget, send } = start(100)
    await budget.load()
    send(60)
    await clock.advance(HOUR)
    await budget.load()
    send(40)
    expect(budget.left()).toBe(0)
    const backAt: number[] = []
    for (let hour = 1; hour <= 26; hour++) {
      await clock.advance(budget.waitMs())
      expect(budget.isStale()).toBe(true)
      await budget.load()
      backAt.push(budget.left())
    }
    expect(backAt.slice(0, 22)).toEqual(Array.from({ length: 22 }, () => 0))
    expect(backAt.slice(-2)).toEqual([100, 100])
  })

  it('do not begin anew when the clock is set forward by a year', async () => {
    const { clock, budget, send } = start(100)
    await budget.load()
    send(100)
    clock.set(clock.now() + 8_760 * HOUR)
    await budget.load()
    expect(budget.left()).toBe(0)
    await clock.advance(26 * HOUR)
    await budget.load()
    expect(budget.left()).toBe(100)
  })

  it('are not used up for a year when the clock is set back by one', async () => {
    const { clock, budget, send } = start(100)
    await budget.load()
    send(100)
    clock.set(clock.now() - 8_760 * HOUR)
    await clock.advance(26 * HOUR)
    await budget.load()
    expect(budget.left()).toBe(100)
  })
})
