import { describe, expect, it } from 'vitest'
import type { Diagnosis } from '../../../../src/diagnosis/index.ts'
import type { Hold } from '../../../../src/outbox/index.ts'
import type { Report } from '../../../../src/verification/index.ts'
import { draftOf, FREE, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LOGON_FAILURE = '430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed'
const DENIED =
  '554 5.2.252 SendAsDenied; alerts@contoso.com not allowed to send as boss@contoso.com'
const AUTH_OFF = {
  auth: '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.',
}

type Bench = Awaited<ReturnType<typeof startBench>>

/** The minutes at which the server was asked about a message. */
const minutesOf = ({ server }: Bench) => server.seen.map(({ at }) => Math.round(at / MINUTE))

function told(bench: Bench): { hold: Hold; waiting: number }[] {
  const isHeld = (payload: unknown): payload is { hold: Hold; waiting: number } =>
    typeof payload === 'object' && payload !== null && 'hold' in payload
  return bench
    .named('outbox.held')
    .map(({ payload }) => payload)
    .filter(isHeld)
}

/** What a verification tells when it has ended well. */
function turnGreen(bench: Bench, change: Partial<Pick<Report, 'reason' | 'message'>> = {}): void {
  const now = bench.clock.now()
  const report: Report = {
    id: 'r1',
    profileId: 'default',
    reason: 'schedule',
    outcome: 'ok',
    startedAt: '2026-11-23T10:00:00.000Z',
    finishedAt: '2026-11-23T10:00:01.000Z',
    durationMs: 1_000,
    checks: [],
    diagnosis: null,
    tokenFacts: null,
    message: null,
    withMessage: false,
    unproven: [],
    ...change,
  }
  const health = {
    profileId: 'default',
    state: 'ok',
    since: now,
    failuresInRow: 0,
    lastVerifiedAt: now,
    lastSucceededAt: now,
    lastDeliveredAt: null,
    lastReportId: 'r1',
    diagnosis: null,
  } as const
  bench.events.emit('verification.completed', { report, health })
}

describe('a hold of a profile', () => {
  it('keeps all its mail, and tries one message at growing intervals', async () => {
    await using bench = await startBench()
    bench.server.otherwise = LOGON_FAILURE
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    for (let i = 0; i < 9; i++) await bench.accept()
    await bench.pass(4 * HOUR, 10_000)
    expect(minutesOf(bench)).toEqual([0, 1, 6, 21, 51, 111, 171, 231])
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 10 })
    expect(bench.named('message.failed')).toEqual([])
    expect(told(bench)).toMatchObject([
      { waiting: 1, hold: { sender: '', diagnosis: { code: 'mailbox_permission_missing' } } },
    ])
  })

  it('ends with the first success, and everything goes out', async () => {
    await using bench = await startBench()
    bench.server.answers = [LOGON_FAILURE, LOGON_FAILURE]
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    for (let i = 0; i < 20; i++) await bench.accept()
    await bench.pass(5 * MINUTE, 5_000)
    expect(bench.server.seen).toHaveLength(2)
    await bench.pass(2 * MINUTE, 5_000)
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
    expect(bench.outbox.holdsOf('default')).toEqual([])
    expect(bench.named('outbox.released')).toHaveLength(1)
    expect(bench.named('message.finished')).toHaveLength(21)
  })

  it('begins with a refused login, and ends when a verification logs in again', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = AUTH_OFF
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.pass(30 * MINUTE, 5_000)
    const { length } = bench.server.opened
    expect(length).toBe(4)
    bench.server.otherwiseOpening = 'ok'
    turnGreen(bench)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toEqual([])
  })

  it('for a missing mailbox permission is not probed by every login that a schedule makes', async () => {
    await using bench = await startBench()
    bench.server.otherwise = LOGON_FAILURE
    bench.outbox.start()
    await bench.accept()
    await bench.pass(25 * MINUTE, 5_000)
    const { length } = bench.server.seen
    turnGreen(bench)
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(length)
    // A person has asked: they may just have given the permission.
    bench.server.otherwise = OK
    turnGreen(bench, { reason: 'requested' })
    await bench.outbox.idle()
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('goes on with its probes after a restart', async () => {
    await using first = await startBench()
    first.server.otherwise = LOGON_FAILURE
    first.outbox.start()
    await first.accept()
    await first.pass(2 * MINUTE, 5_000)
    await first.outbox[Symbol.asyncDispose]()
    const [before] = await first.store.holds()
    // Another agent on the same rows.
    const { createOutbox } = await import('../../../../src/outbox/index.ts')
    const { store, profiles, clock, events, slots, server } = first
    const tokens = { acquire: () => Promise.reject(new Error('unused')), drop() {} }
    const { captureLog } = await import('../../../support/log.ts')
    await using second = createOutbox({
      store,
      sessions: server,
      slots,
      profiles,
      tokens,
      proofOf: () => ({ lastSucceededAt: null, lastDeliveredAt: null }),
      events,
      clock,
      log: captureLog().log,
      monotonicMs: () => clock.elapsedMs,
      random: () => 0.5,
    })
    second.start()
    await second.idle()
    expect(second.holdsOf('default')).toMatchObject([{ since: before?.since, probes: 1 }])
    expect(second.queueOf('default')).toMatchObject({ queued: 0, held: 1 })
    expect(first.server.seen).toHaveLength(2)
  })

  it('does not stop Postern’s own mail, whose success ends it', async () => {
    await using bench = await startBench()
    bench.server.answers = [LOGON_FAILURE, LOGON_FAILURE, OK]
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    const test = await bench.accept({ priority: 1, once: true, source: 'test' })
    await bench.outbox.idle()
    expect((await bench.outbox.get(test.id)).message).toMatchObject({
      state: 'failed',
      diagnosis: { code: 'mailbox_permission_missing' },
    })
    expect(bench.outbox.holdsOf('default')).toHaveLength(1)
    await bench.accept({ priority: 0, once: true, source: 'alert' })
    await bench.outbox.idle()
    expect(bench.outbox.holdsOf('default')).toEqual([])
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('is not begun by Postern’s own mail', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = AUTH_OFF
    bench.outbox.start()
    const { id } = await bench.accept({ priority: 1, once: true, source: 'test' })
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('failed')
    expect(bench.outbox.holdsOf('default')).toEqual([])
  })

  it('ends when a person releases it, and begins again when nothing is repaired', async () => {
    await using bench = await startBench()
    bench.server.otherwise = LOGON_FAILURE
    bench.outbox.start()
    for (let i = 0; i < 5; i++) await bench.accept()
    await bench.outbox.idle()
    expect(await bench.outbox.release('default')).toEqual({ released: 5 })
    await bench.outbox.idle()
    expect(bench.outbox.queueOf('default').held).toBe(5)
    bench.server.otherwise = OK
    await bench.outbox.release(undefined)
    await bench.outbox.idle()
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('fails its mail after its longest time, in words that name the reason', async () => {
    const delivery = { ...FREE, holdHours: 48 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    bench.server.otherwiseOpening = AUTH_OFF
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.pass(47 * HOUR, MINUTE)
    expect(await bench.state(id)).toBe('queued')
    await bench.pass(3 * HOUR, MINUTE)
    const { message } = await bench.outbox.get(id)
    expect(message.state).toBe('failed')
    expect(message.diagnosis).toMatchObject({
      code: 'held_too_long',
      summary: expect.stringMatching(/kept for 2 days.*SMTP AUTH/s),
    })
    expect(bench.named('message.failed')).toHaveLength(1)
  })

  it('does not fail its mail because the clock is set forward by a year', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = AUTH_OFF
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    bench.clock.set(bench.clock.now() + 365 * 24 * HOUR)
    await bench.pass(5 * HOUR, MINUTE)
    expect(await bench.state(id)).toBe('queued')
  })

  it('of one profile leaves the others of the mailbox alone', async () => {
    const profiles = [freeProfile('one'), freeProfile('two')]
    await using bench = await startBench({ profiles })
    bench.server.openings = [AUTH_OFF]
    bench.outbox.start()
    await bench.accept({ profileId: 'one' })
    await bench.outbox.idle()
    const { id } = await bench.accept({ profileId: 'two' })
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.queueOf('one').held).toBe(1)
  })

  it('keeps the mail of a profile that was removed, until it exists again', async () => {
    await using bench = await startBench()
    bench.server.otherwise = '450 4.2.1 Busy'
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    bench.remove('default')
    await bench.pass(10 * MINUTE, 5_000)
    expect(bench.server.seen).toHaveLength(1)
    const [hold] = bench.outbox.holdsOf('default')
    const diagnosis: Diagnosis | undefined = hold?.diagnosis
    expect(diagnosis).toMatchObject({ code: 'profile_removed', responsible: 'operator' })
    expect(bench.outbox.queueOf('default').held).toBe(1)
    bench.server.otherwise = OK
    bench.save(freeProfile())
    await bench.pass(MINUTE, 5_000)
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toEqual([])
  })
})

describe('a hold of a sender', () => {
  const fromBoss = () => draftOf({ headerFrom: 'Boss@contoso.com'.toLowerCase() })

  it('stops at the first SendAsDenied, for this sender alone', async () => {
    await using bench = await startBench()
    bench.server.answers = [DENIED]
    bench.outbox.start()
    const denied = await bench.accept(fromBoss())
    await bench.outbox.idle()
    const others = [await bench.accept(fromBoss()), await bench.accept(fromBoss())]
    const good = await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(2)
    expect(await bench.state(good.id)).toBe('delivered')
    for (const { id } of [denied, ...others]) expect(await bench.state(id)).toBe('held')
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 3 })
    expect(told(bench)).toMatchObject([
      { waiting: 1, hold: { sender: 'boss@contoso.com', diagnosis: { code: 'send_as_denied' } } },
    ])
  })

  it('is probed by one message at a time, and ends with a success', async () => {
    await using bench = await startBench()
    bench.server.answers = [DENIED, DENIED, OK]
    bench.outbox.start()
    for (let i = 0; i < 4; i++) {
      await bench.accept(fromBoss())
      await bench.outbox.idle()
    }
    await bench.pass(40 * MINUTE, 10_000)
    expect(minutesOf(bench)).toEqual([0, 15])
    await bench.pass(10 * MINUTE, 10_000)
    expect(bench.server.seen).toHaveLength(6)
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
    expect(bench.named('outbox.released')).toMatchObject([
      { payload: { sender: 'boss@contoso.com' } },
    ])
  })

  it('never makes so many refusals that the mailbox gets blocked', async () => {
    await using bench = await startBench()
    bench.server.otherwise = DENIED
    bench.outbox.start()
    for (let i = 0; i < 3; i++) {
      await bench.accept(draftOf({ headerFrom: `wrong${i}@contoso.com` }))
      await bench.accept(draftOf({ headerFrom: `wrong${i}@contoso.com` }))
    }
    await bench.pass(5 * HOUR, MINUTE)
    const times = bench.server.seen.map(({ at }) => at)
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + HOUR).length).toBeLessThanOrEqual(6)
    }
    const later = times.filter((at) => at > HOUR)
    for (const from of later) {
      expect(later.filter((at) => at >= from && at < from + HOUR).length).toBeLessThanOrEqual(4)
    }
  })

  it('fails a message that names nobody as its sender', async () => {
    await using bench = await startBench()
    bench.server.answers = [DENIED]
    bench.outbox.start()
    const draft = draftOf({ headerFrom: null })
    const { id } = await bench.accept({ ...draft, envelope: { ...draft.envelope, sender: '' } })
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('failed')
  })
})
