import { describe, expect, it } from 'vitest'
import { createConcurrency } from '../../../../src/outbox/delivery/concurrency.ts'

function start(connections = 3) {
  const time = { ms: 0 }
  const concurrency = createConcurrency({
    connections: () => connections,
    monotonicMs: () => time.ms,
    random: () => 0.5,
  })
  return { concurrency, time }
}

describe('the number of connections', () => {
  it('is what the settings say, until there is trouble', () => {
    const { concurrency } = start()
    expect(concurrency.limit()).toBe(3)
    concurrency.trouble()
    expect(concurrency.limit()).toBe(1)
    expect(concurrency.pausedMs()).toBe(5_000)
  })

  it('grows again with successes, one by one', () => {
    const { concurrency, time } = start()
    concurrency.trouble()
    time.ms += 5_000
    expect(concurrency.pausedMs()).toBe(0)
    const limits = Array.from({ length: 4 }, () => {
      concurrency.success()
      return concurrency.limit()
    })
    expect(limits).toEqual([2, 2, 3, 3])
  })

  it('tells the first success after a trouble', () => {
    const { concurrency } = start()
    expect(concurrency.success()).toBe(false)
    concurrency.trouble()
    expect(concurrency.success()).toBe(true)
    expect(concurrency.success()).toBe(false)
  })

  it('doubles the pause with every further trouble, up to five minutes', () => {
    const { concurrency, time } = start()
    const pauses = Array.from({ length: 9 }, () => {
      concurrency.trouble()
      const pause = concurrency.pausedMs()
      time.ms += pause
      return pause / 1_000
    })
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300])
  })

  it('counts a trouble that several connections meet at once as one', () => {
    const { concurrency } = start()
    for (let i = 0; i < 3; i++) concurrency.trouble()
    expect(concurrency.pausedMs()).toBe(5_000)
  })

  it('waits as long as the answer asks for, but never longer than an hour', () => {
    const { concurrency, time } = start()
    concurrency.trouble(120_000)
    expect(concurrency.pausedMs()).toBe(120_000)
    time.ms += 120_000
    concurrency.trouble(86_400_000)
    expect(concurrency.pausedMs()).toBe(3_600_000)
  })
})
