import { describe, expect, it } from 'vitest'
import { FAKE_NOW } from '../../support/clock.ts'
import { ENTRA_NOT_RESOLVED, entraFailure, noToken, profileOf, startBench, token } from './fakes.ts'

const MINUTE_MS = 60_000
const WRONG_SECRET = entraFailure(7000215, 'Invalid client secret provided.')
const DISABLED = entraFailure(7000112, 'Application is disabled.')
const THROTTLED = entraFailure(90055, 'Too many requests.', 429)

describe('the health of a profile', () => {
  it('is unknown before the first verification and ok after a good one', async () => {
    await using bench = await startBench()
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'unknown',
      lastVerifiedAt: null,
      diagnosis: null,
    })
    const report = await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'ok',
      since: FAKE_NOW,
      lastVerifiedAt: FAKE_NOW,
      lastSucceededAt: FAKE_NOW,
      lastReportId: report.id,
    })
  })

  it.each([
    ['an unreachable Entra', ENTRA_NOT_RESOLVED],
    ['a throttled request', THROTTLED],
  ])('warns at the first, and fails at the second time in a row of %s', async (_name, failure) => {
    await using bench = await startBench()
    bench.tokens.script = () => noToken(failure)
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'warning',
      failuresInRow: 1,
    })
    await bench.clock.advance(15 * MINUTE_MS)
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'failing',
      failuresInRow: 2,
      since: FAKE_NOW + 15 * MINUTE_MS,
    })
  })

  it('a good run between two transient failures begins the count again', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 2 ? token() : noToken(ENTRA_NOT_RESOLVED))
    for (let i = 0; i < 3; i++) await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default').state).toBe('warning')
  })

  it('fails at once at a definite refusal, and keeps its beginning', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => noToken(WRONG_SECRET)
    for (let i = 0; i < 3; i++) {
      await bench.verification.verify('default', { reason: 'schedule' })
      await bench.clock.advance(15 * MINUTE_MS)
    }
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'failing',
      since: FAKE_NOW,
      failuresInRow: 3,
    })
    expect(bench.news['health.changed']).toHaveLength(1)
    expect(bench.news['verification.completed']).toHaveLength(3)
  })

  it('takes a refusal right after a change as Microsoft still spreading it', async () => {
    await using bench = await startBench({
      profiles: [profileOf('default', { updatedAt: FAKE_NOW - MINUTE_MS })],
    })
    bench.tokens.script = () => noToken(WRONG_SECRET)
    const report = await bench.verification.verify('default', { reason: 'saved' })
    expect(report.diagnosis).toMatchObject({
      retry: 'propagation',
      waitingUntil: new globalThis.Date(FAKE_NOW + 9 * MINUTE_MS).toISOString(),
    })
    expect(bench.verification.healthOf('default').state).toBe('warning')

    await bench.clock.advance(8 * MINUTE_MS)
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'warning',
      failuresInRow: 2,
    })
    await bench.clock.advance(MINUTE_MS)
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'failing',
      diagnosis: { retry: 'never', waitingUntil: null },
    })
  })

  it('stays a warning as long as Microsoft is spreading a change, and fails at once after that', async () => {
    await using bench = await startBench({
      profiles: [profileOf('default', { updatedAt: FAKE_NOW })],
    })
    bench.tokens.script = () => noToken(WRONG_SECRET)
    for (let i = 0; i < 5; i++) {
      await bench.verification.verify('default', { reason: 'schedule' })
      expect(bench.verification.healthOf('default')).toMatchObject({
        state: 'warning',
        since: FAKE_NOW,
        failuresInRow: i + 1,
        diagnosis: { code: 'secret_wrong', retry: 'propagation' },
      })
      await bench.clock.advance(2 * MINUTE_MS)
    }
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'failing',
      since: FAKE_NOW + 10 * MINUTE_MS,
      diagnosis: { code: 'secret_wrong', retry: 'never' },
    })
    expect(bench.news['health.changed'].map(({ health }) => health.state)).toEqual([
      'warning',
      'failing',
    ])
  })

  it('counts a passing problem from its own beginning, not from the spreading before it', async () => {
    await using bench = await startBench({
      profiles: [profileOf('default', { updatedAt: FAKE_NOW })],
    })
    bench.tokens.script = (call) => noToken(call <= 2 ? WRONG_SECRET : ENTRA_NOT_RESOLVED)
    const states: string[] = []
    for (let i = 0; i < 4; i++) {
      await bench.verification.verify('default', { reason: 'schedule' })
      states.push(bench.verification.healthOf('default').state)
    }
    expect(states).toEqual(['warning', 'warning', 'warning', 'failing'])
  })

  it('tells when another problem takes the place of the first', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => noToken(call === 1 ? WRONG_SECRET : DISABLED)
    await bench.verification.verify('default', { reason: 'schedule' })
    await bench.verification.verify('default', { reason: 'schedule' })
    const [, second] = bench.news['health.changed']
    expect(second?.previous).toMatchObject({ state: 'failing' })
    expect(second?.health).toMatchObject({ state: 'failing', since: FAKE_NOW })
    expect(second?.health.diagnosis?.code).not.toBe(second?.previous.diagnosis?.code)
  })

  it('tells completed before changed, with the health that the run has led to', async () => {
    await using bench = await startBench()
    const order: string[] = []
    bench.events.on('verification.completed', ({ health }) => void order.push(`1 ${health.state}`))
    bench.events.on('health.changed', ({ previous, health }) => {
      order.push(`2 ${previous.state} ${health.state}`)
    })
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(order).toEqual(['1 ok', '2 unknown ok'])
  })

  it('goes on after a restart', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => noToken(ENTRA_NOT_RESOLVED)
    await bench.verification.verify('default', { reason: 'schedule' })
    const before = bench.verification.healthOf('default')
    await using again = await bench.start()
    expect(again.healthOf('default')).toEqual(before)
    await again.verify('default', { reason: 'started' })
    expect(again.healthOf('default').state).toBe('failing')
  })

  it('starts with a stored diagnosis that it cannot read', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => noToken(WRONG_SECRET)
    await bench.verification.verify('default', { reason: 'schedule' })
    await bench.storage.db.updateTable('profile_health').set({ diagnosis: '{"old":1}' }).execute()
    await using again = await bench.start()
    expect(again.healthOf('default')).toMatchObject({ state: 'failing', diagnosis: null })
  })

  it('keeps the time of the last delivery across runs and restarts', async () => {
    await using bench = await startBench()
    bench.events.emit('message.delivered', { profileId: 'default', at: FAKE_NOW - 5 })
    await bench.events.idle()
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.verification.healthOf('default').lastDeliveredAt).toBe(FAKE_NOW - 5)
    await using again = await bench.start()
    expect(again.healthOf('default')).toMatchObject({ lastDeliveredAt: FAKE_NOW - 5, state: 'ok' })
  })
})
