import { describe, expect, it } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { spreadOver } from '../../../src/verification/spread.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import {
  createLatch,
  eventually,
  probe,
  profileOf,
  SECRET,
  SECRET_UNREADABLE,
  startBench,
  unreadable,
} from './fakes.ts'

const MINUTE_MS = 60_000
const many = (count: number) => Array.from({ length: count }, (_, i) => profileOf(`p-${i}`))

describe('a sweep', () => {
  it('spreads a thousand profiles evenly, each always at its own time', () => {
    const ids = many(1_000).map(({ id }) => id)
    const places = spreadOver(ids, MINUTE_MS)
    const perSecond = new Map<number, number>()
    for (const { offsetMs } of places) {
      const second = Math.floor(offsetMs / 1_000)
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
    }
    expect(perSecond.size).toBe(60)
    expect(Math.max(...perSecond.values())).toBeLessThan(50)
    expect(spreadOver(ids.toReversed(), MINUTE_MS)).toEqual(places)
    expect(places.every(({ offsetMs }) => offsetMs >= 0 && offsetMs < MINUTE_MS)).toBe(true)
  })

  it('verifies each profile once, at its time', async () => {
    const profiles = many(30)
    await using bench = await startBench({ profiles })
    const starts = new Map<string, number>()
    bench.events.on('verification.completed', ({ report }) => {
      starts.set(report.profileId, Date.parse(report.startedAt) - FAKE_NOW)
    })
    const sweep = bench.verification.sweep({ reason: 'schedule', spreadMs: MINUTE_MS })
    for (let i = 0; i < 60; i++) await bench.clock.advance(1_000)
    await eventually(() => starts.size === 30)
    await sweep
    expect(bench.smtp.probed).toHaveLength(30)
    const expected = spreadOver(
      profiles.map(({ id }) => id),
      MINUTE_MS,
    )
    for (const { id, offsetMs } of expected) {
      expect(starts.get(id)).toBeGreaterThanOrEqual(offsetMs)
      expect(starts.get(id)).toBeLessThan(offsetMs + 1_000)
    }
  })

  it('never has more under way than configured, requests and saved profiles included', async () => {
    await using bench = await startBench({ profiles: many(12), config: { concurrency: 3 } })
    const latch = createLatch()
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    const sweep = bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    const requested = bench.verification.verify('p-11', { reason: 'requested' })
    bench.save(profileOf('p-10'), undefined)
    await eventually(() => bench.smtp.underWay === 3)
    latch.open()
    await Promise.all([sweep, requested, bench.verification.idle()])
    expect(bench.smtp.mostUnderWay).toBe(3)
  })

  it('lets the request of a person pass what waits', async () => {
    const profiles = many(6)
    await using bench = await startBench({ profiles, config: { concurrency: 1 } })
    const latch = createLatch()
    const order: string[] = []
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    bench.events.on('verification.completed', ({ report }) => void order.push(report.profileId))
    for (const profile of profiles.slice(0, 5)) bench.save(profile, undefined)
    await eventually(() => bench.smtp.underWay === 1)
    const requested = bench.verification.verify('p-5', { reason: 'requested' })
    await eventually(() => bench.tokens.asked.length === 1)
    latch.open()
    await requested
    await bench.verification.idle()
    expect(order.indexOf('p-5')).toBe(1)
  })

  it('does not overlap with another one: the second shares the first', async () => {
    await using bench = await startBench({ profiles: many(3) })
    const latch = createLatch()
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    const first = bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    const second = bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    await eventually(() => bench.smtp.underWay === 3)
    latch.open()
    await Promise.all([first, second])
    expect(bench.smtp.probed).toHaveLength(3)
  })

  it('goes on when one profile cannot be verified, and logs it', async () => {
    await using bench = await startBench({ profiles: many(3) })
    const { openCredential } = bench.profiles
    bench.profiles.openCredential = (profile) =>
      profile.id === 'p-1' ? Promise.reject(new Error('the disk is gone')) : openCredential(profile)
    await bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    expect((await bench.reportRows()).map((row) => row.profile_id).sort()).toEqual(['p-0', 'p-2'])
    expect(bench.lines.join('')).toContain('the disk is gone')
  })

  it('ends when its signal is aborted, and stores nothing of the runs it cut', async () => {
    await using bench = await startBench({ profiles: many(3) })
    bench.smtp.script = (_call, { signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    const abort = new AbortController()
    const { signal } = abort
    const sweep = bench.verification.sweep({ reason: 'schedule', spreadMs: 0, signal })
    await eventually(() => bench.smtp.underWay === 3)
    abort.abort(new Error('enough'))
    await sweep.catch(() => {})
    await bench.verification.idle()
    expect(await bench.reportRows()).toEqual([])
    expect(bench.smtp.underWay).toBe(0)
  })
})

async function startAndListReasons(bench: Awaited<ReturnType<typeof startBench>>) {
  bench.verification.start()
  await bench.clock.advance(MINUTE_MS)
  await bench.verification.idle()
  return (await bench.reportRows()).map((row) => row.reason)
}

describe('the start of the schedule', () => {
  it('verifies, spread, those that were not verified within an interval', async () => {
    await using bench = await startBench({ profiles: [profileOf('fresh'), profileOf('old')] })
    await bench.verification.verify('old', { reason: 'schedule' })
    await bench.clock.advance(14 * MINUTE_MS)
    await bench.verification.verify('fresh', { reason: 'schedule' })
    await bench.clock.advance(MINUTE_MS)
    await bench.profiles.put(profileOf('new'))

    bench.verification.start()
    await bench.clock.advance(MINUTE_MS)
    await bench.verification.idle()
    const started = (await bench.reportRows()).filter((row) => row.reason === 'started')
    expect(started.map((row) => row.profile_id).sort()).toEqual(['new', 'old'])
  })

  it('verifies those whose settings were saved after their last verification', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'schedule' })
    await bench.clock.advance(1_000)
    await bench.profiles.put(profileOf('default', { updatedAt: bench.clock.now() }))
    expect(await startAndListReasons(bench)).toEqual(['schedule', 'started'])
  })

  it('verifies those whose last verification lies in the future of a clock that was set back', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'schedule' })
    bench.clock.set(FAKE_NOW - 60 * MINUTE_MS)
    expect(await startAndListReasons(bench)).toEqual(['started', 'schedule'])
  })

  it('verifies those whose secret cannot be read, or can be read again', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'schedule' })
    await bench.profiles.put(unreadable(profileOf('default')))
    bench.profiles.secret = SECRET_UNREADABLE
    await using second = await bench.start()
    second.start()
    await bench.clock.advance(MINUTE_MS)
    await second.idle()
    expect(second.healthOf('default')).toMatchObject({
      state: 'failing',
      diagnosis: { code: 'secret_unreadable' },
    })

    await bench.profiles.put(profileOf('default'))
    bench.profiles.secret = new Secret(SECRET)
    await using third = await bench.start()
    third.start()
    await bench.clock.advance(MINUTE_MS)
    await third.idle()
    expect(third.healthOf('default').state).toBe('ok')
  })

  it('leaves those alone that were verified a moment ago', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(await startAndListReasons(bench)).toEqual(['schedule'])
  })

  it('sweeps at the times that the cron expression names', async () => {
    await using bench = await startBench({ config: { schedule: '* * * * * *' } })
    await bench.verification.verify('default', { reason: 'requested' })
    const { promise: swept, resolve } = Promise.withResolvers<void>()
    bench.events.on('verification.completed', ({ report }) => {
      if (report.reason === 'schedule') resolve()
    })
    bench.verification.start()
    await bench.clock.untilSleeping()
    await bench.clock.advance(1_000)
    await swept
  })

  it('runs nothing before it', async () => {
    await using bench = await startBench({ profiles: many(3) })
    await bench.clock.advance(60 * MINUTE_MS)
    await bench.verification.idle()
    expect(await bench.reportRows()).toEqual([])
  })

  it('refuses a schedule that is no cron expression', async () => {
    await expect(startBench({ config: { schedule: 'sometimes' } })).rejects.toMatchObject({
      code: 'schedule_invalid',
    })
  })
})

describe('the retention of reports', () => {
  it('keeps the newest of each profile, after a sweep', async () => {
    await using bench = await startBench({
      profiles: [profileOf('a'), profileOf('b')],
      config: { reportsPerProfile: 3 },
    })
    for (let i = 0; i < 6; i++) {
      await bench.verification.verify('a', { reason: 'requested' })
      await bench.clock.advance(1_000)
    }
    await bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    const rows = await bench.reportRows()
    expect(rows.filter((row) => row.profile_id === 'a').map((row) => row.started_at)).toEqual(
      [4, 5, 6].map((i) => FAKE_NOW + i * 1_000),
    )
    expect(rows.filter((row) => row.profile_id === 'b')).toHaveLength(1)
  })

  it('deletes those that are too old', async () => {
    await using bench = await startBench({ config: { retentionDays: 2 } })
    await bench.verification.verify('default', { reason: 'requested' })
    await bench.clock.advance(2 * 86_400_000 + 1)
    await bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    const rows = await bench.reportRows()
    expect(rows.map((row) => row.reason)).toEqual(['schedule'])
  })

  it('deletes a large backlog in pieces', async () => {
    await using bench = await startBench({ config: { retentionDays: 1 } })
    const row = {
      profile_id: 'default',
      reason: 'schedule',
      outcome: 'ok',
      diagnosis_code: null,
      finished_at: 1,
      body: '{}',
    } as const
    const rows = Array.from({ length: 1_000 }, (_, i) => ({ ...row, id: `r${i}`, started_at: i }))
    for (let i = 0; i < rows.length; i += 500) {
      await bench.storage.db
        .insertInto('report')
        .values(rows.slice(i, i + 500))
        .execute()
    }
    await bench.verification.sweep({ reason: 'schedule', spreadMs: 0 })
    expect(await bench.reportRows()).toHaveLength(1)
  })
})
