import { describe, expect, it } from 'vitest'
import { createExpiryWatch } from '../../../src/credentials/index.ts'
import { DAY_MS, HOUR_MS } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { AGENT, at, createBench, credentialOf, profileOf } from './watch-bench.ts'

const END_DAY = '2027-02-01'
const daysBefore = (days: number) => at(END_DAY) - days * DAY_MS + 9 * HOUR_MS

describe('the expiry watch', () => {
  it('announces 30, 14, 7, 3, 1 days and the end, each once', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    const seen: string[] = []
    for (let days = 40; days >= -5; days--) {
      for (const hour of [0, 6]) {
        bench.clock.set(daysBefore(days) + hour * HOUR_MS)
        await bench.watch.scan()
        for (const news of bench.news()) seen.push(`${days}: ${news}`)
      }
    }
    expect(seen).toEqual([
      '30: expiring 30 default',
      '14: expiring 14 default',
      '7: expiring 7 default',
      '3: expiring 3 default',
      '1: expiring 1 default',
      '0: expired typed default',
    ])
  })

  it('announces the end only after the last day of a secret that lives to its end', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(`${END_DAY}T23:59:59.999Z`))))
    const seen: string[] = []
    for (let hours = -30; hours <= 30; hours++) {
      bench.clock.set(at(END_DAY) + hours * HOUR_MS)
      await bench.watch.scan()
      for (const news of bench.news()) seen.push(`${hours}: ${news}`)
    }
    expect(seen).toEqual([
      '-30: expiring 3 default',
      '-24: expiring 1 default',
      '24: expired typed default',
    ])
  })

  it.each([2, 20, 29])(
    'announces each true day after a clock that ran %i days ahead was corrected',
    async (ahead) => {
      await using bench = await createBench()
      await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
      bench.clock.set(daysBefore(31) + ahead * DAY_MS)
      await bench.watch.scan()
      bench.news()
      const seen: string[] = []
      for (let days = 31; days >= 0; days--) {
        bench.clock.set(at(END_DAY) - days * DAY_MS)
        await bench.watch.scan()
        for (const news of bench.news()) seen.push(`${days}: ${news}`)
      }
      expect(seen.filter((each) => !each.startsWith('30'))).toEqual([
        '14: expiring 14 default',
        '7: expiring 7 default',
        '3: expiring 3 default',
        '1: expiring 1 default',
        '0: expired typed default',
      ])
    },
  )

  it('announces only the most urgent threshold after downtime, and the passed ones never', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.clock.set(daysBefore(30))
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 30 default'])
    await bench.restart()
    bench.clock.set(daysBefore(5))
    await bench.watch.scan()
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 7 default'])
    const rows = await bench.storage.db.selectFrom('expiry_reminder').selectAll().execute()
    expect(rows.map((row) => row.threshold_days).sort((a, b) => a - b)).toEqual([7, 14, 30])
  })

  it('remembers over a restart what was announced', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.clock.set(daysBefore(14))
    await bench.watch.scan()
    bench.news()
    await bench.restart()
    await bench.watch.scan()
    expect(bench.news()).toEqual([])
  })

  it.each([1, 10, 25, 60, 20_000])(
    'repeats nothing when the clock falls back %i days',
    async (days) => {
      await using bench = await createBench()
      await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
      for (const left of [30, 14, 7, 2]) {
        bench.clock.set(daysBefore(left))
        await bench.watch.scan()
      }
      bench.news()
      bench.clock.set(daysBefore(2) - days * DAY_MS)
      await bench.watch.scan()
      bench.clock.set(daysBefore(2))
      await bench.watch.scan()
      expect(bench.news()).toEqual([])
    },
  )

  it('still announces the true end after a clock that ran years ahead was corrected', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.clock.set(at('2031-01-01'))
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expired typed default'])
    bench.clock.set(daysBefore(20))
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 30 default'])
    bench.clock.set(daysBefore(7))
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 7 default'])
  })

  it('starts afresh with a new secret', async () => {
    await using bench = await createBench()
    bench.clock.set(daysBefore(3))
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY))))
    expect(bench.news()).toEqual(['expiring 3 default'])
    await bench.save(profileOf('default', credentialOf('c2', at(END_DAY) + 5 * DAY_MS)))
    expect(bench.news()).toEqual(['renewed default c2', 'expiring 14 default'])
    await bench.save(profileOf('default', null))
    expect(bench.news()).toEqual(['renewed default null'])
  })

  it('says nothing about a replaced secret that had time left', async () => {
    await using bench = await createBench()
    bench.clock.set(daysBefore(100))
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY))))
    await bench.save(profileOf('default', credentialOf('c2', at(END_DAY))))
    expect(bench.news()).toEqual([])
  })

  it('clears the thresholds that a later date of the same secret moves ahead', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    for (const left of [30, 14, 7, 3]) {
      bench.clock.set(daysBefore(left))
      await bench.watch.scan()
    }
    bench.news()
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY) + 17 * DAY_MS)))
    expect(bench.news()).toEqual(['renewed default c1'])
    bench.clock.set(daysBefore(3) + 6 * DAY_MS)
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 14 default'])
  })

  it('announces at once what an earlier date of the same secret makes due', async () => {
    await using bench = await createBench()
    bench.clock.set(daysBefore(28))
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.news()
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY) - 22 * DAY_MS)))
    expect(bench.news()).toEqual(['expiring 7 default'])
  })

  it('takes back what was announced when the date is removed', async () => {
    await using bench = await createBench()
    bench.clock.set(daysBefore(5))
    await bench.save(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.news()
    await bench.save(profileOf('default', credentialOf('c1', null)))
    expect(bench.news()).toEqual(['renewed default c1'])
  })

  it('announces once an end that Entra proved and nobody typed', async () => {
    await using bench = await createBench()
    await bench.save(profileOf('default', credentialOf('c1', null)))
    const now = bench.clock.now()
    const profile = profileOf('default', {
      ...credentialOf('c1', now),
      expirySource: 'proven',
    })
    await bench.put(profile)
    for (let i = 0; i < 3; i++) bench.events.emit('credential.ended', { profile, at: now })
    await bench.events.idle()
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expired proven default'])
  })

  it('forgets a removed profile and survives one that goes during a scan', async () => {
    await using bench = await createBench()
    bench.clock.set(daysBefore(5))
    const profile = profileOf('default', credentialOf('c1', at(END_DAY)))
    bench.profiles.set('default', profile)
    await bench.watch.scan()
    expect(bench.news()).toEqual(['expiring 7 default'])
    expect(await bench.storage.db.selectFrom('expiry_reminder').selectAll().execute()).toEqual([])
    bench.events.emit('profile.removed', { profile, actor: AGENT })
    await bench.events.idle()
  })

  it('scans when it starts and every hour until it is closed', async () => {
    const bench = await createBench()
    bench.clock.set(at('2027-01-30T23:30:00Z'))
    await bench.put(profileOf('default', credentialOf('c1', at(END_DAY))))
    bench.watch.start()
    await bench.clock.untilSleeping()
    expect(bench.news()).toEqual(['expiring 3 default'])
    await bench.clock.advance(HOUR_MS)
    expect(bench.news()).toEqual(['expiring 1 default'])
    await bench[Symbol.asyncDispose]()
    expect(bench.clock.sleepers).toBe(0)
  })

  it('reads the table once and writes nothing when nothing is due, with 10,000 credentials', async () => {
    await using bench = await createBench()
    for (let i = 0; i < 10_000; i++) {
      const id = `p${i}`
      bench.profiles.set(id, profileOf(id, credentialOf(id, at('2028-01-01') + i * HOUR_MS)))
    }
    let statements = 0
    const { storage } = bench
    const counting = storage.db.withPlugin({
      transformQuery: ({ node }) => {
        statements++
        return node
      },
      transformResult: async ({ result }) => result,
    })
    await using watch = createExpiryWatch({
      profiles: {
        list: () => [...bench.profiles.values()],
        find: (id) => bench.profiles.get(id),
      },
      storage: { db: counting },
      clock: bench.clock,
      log: createLogger({ level: 'silent', destination: { write: () => {} } }),
      events: bench.events,
    })
    await watch.scan()
    expect(statements).toBe(1)
    await watch.scan()
    expect(statements).toBe(1)
    expect(bench.news()).toEqual([])
  })
})
