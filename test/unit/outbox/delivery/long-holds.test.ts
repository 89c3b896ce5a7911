import { cp } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../support/folder.ts'
import { draftOf, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** Longer than the 72 hours of the schedule, shorter than the 168 of a hold. */
const LONG = 80 * HOUR
const BOSS = 'boss@contoso.com'
const LOGIN_REFUSED = { auth: '535 5.7.3 Authentication unsuccessful' }
const DENIED = `554 5.2.252 SendAsDenied; alerts@contoso.com not allowed to send as ${BOSS}`
const LOGON_FAILURE = '430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed'
const BUSY = '450 4.2.1 Try again later'

type Bench = Awaited<ReturnType<typeof startBench>>

async function holdLong(bench: Bench, change: Parameters<typeof draftOf>[0] = {}): Promise<string> {
  bench.outbox.start()
  const { id } = await bench.accept(draftOf(change))
  await bench.pass(LONG, 5 * MINUTE)
  expect(bench.outbox.holdsOf('default')).toHaveLength(1)
  return id
}

/** The next probe of the hold. */
async function probe(bench: Bench): Promise<void> {
  const before = bench.server.opened.length + bench.server.seen.length
  while (bench.server.opened.length + bench.server.seen.length === before) {
    await bench.pass(MINUTE, MINUTE)
  }
}

async function waitOf(bench: Bench, id: string): Promise<number> {
  const { message } = await bench.outbox.get(id)
  return Math.round(((message.nextAttemptAt ?? 0) - bench.clock.now()) / MINUTE)
}

describe('mail that was held for longer than it is tried', () => {
  it('does not fail when its probe meets a trouble of the network', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = LOGIN_REFUSED
    const ids = [await holdLong(bench)]
    for (let i = 0; i < 3; i++) ids.push((await bench.accept()).id)
    bench.server.otherwiseOpening = 'refused'
    await bench.pass(3 * HOUR, MINUTE)
    expect(bench.outbox.holdsOf('default')).toHaveLength(1)
    expect(bench.named('message.finished')).toEqual([])
    bench.server.otherwiseOpening = 'ok'
    await bench.pass(65 * MINUTE, MINUTE)
    for (const id of ids) expect(await bench.state(id)).toBe('delivered')
  })

  it('does not fail when the first login after the repair is followed by a passing refusal', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = LOGIN_REFUSED
    const id = await holdLong(bench)
    bench.server.otherwiseOpening = 'ok'
    bench.server.answers = [BUSY, BUSY]
    await probe(bench)
    expect(bench.outbox.holdsOf('default')).toEqual([])
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(10 * MINUTE, MINUTE)
    expect(await bench.state(id)).toBe('delivered')
  })

  it('does not fail when its sender is allowed and the first message is put off', async () => {
    await using bench = await startBench()
    bench.server.otherwise = DENIED
    const id = await holdLong(bench, { headerFrom: BOSS })
    bench.server.otherwise = OK
    bench.server.answers = [BUSY]
    await probe(bench)
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(2 * HOUR, MINUTE)
    expect(await bench.state(id)).toBe('delivered')
  })

  it('begins with the first steps of the schedule, as after its acceptance', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = LOGIN_REFUSED
    const id = await holdLong(bench)
    bench.server.otherwiseOpening = 'ok'
    bench.server.answers = [BUSY, BUSY, BUSY]
    await probe(bench)
    // The probe, and a try because the hold has ended.
    expect(bench.server.seen).toHaveLength(2)
    expect(await waitOf(bench, id)).toBe(2)
    await bench.pass(2 * MINUTE, MINUTE)
    expect(await waitOf(bench, id)).toBe(5)
  })

  it('has its whole time again after the hold, also when the agent was started anew', async () => {
    await using first = await startBench()
    first.server.otherwise = LOGON_FAILURE
    const id = await holdLong(first)
    first.server.answers = [LOGON_FAILURE]
    await first.outbox.release('default')
    await first.outbox.idle()
    using folder = temporaryFolder()
    await cp(first.dataDir, folder.path, { recursive: true })
    await using second = await startBench({ dataDir: folder.path, startAt: first.clock.now() })
    second.server.otherwise = BUSY
    second.outbox.start()
    await second.outbox.idle()
    await second.outbox.release('default')
    await second.pass(71 * HOUR, 5 * MINUTE)
    expect(await second.state(id)).toBe('deferred')
    await second.pass(3 * HOUR, 5 * MINUTE)
    expect(await second.state(id)).toBe('failed')
  })

  it('has as much when its probes met trouble of the network all the time', async () => {
    await using first = await startBench()
    // The second login is that with a new token.
    first.server.openings = [LOGIN_REFUSED, LOGIN_REFUSED]
    first.server.otherwiseOpening = 'refused'
    const id = await holdLong(first)
    await first.outbox.release('default')
    await first.outbox.idle()
    using folder = temporaryFolder()
    await cp(first.dataDir, folder.path, { recursive: true })
    await using second = await startBench({ dataDir: folder.path, startAt: first.clock.now() })
    second.server.otherwise = BUSY
    second.outbox.start()
    await second.pass(HOUR, MINUTE)
    expect(await second.state(id)).toBe('deferred')
  })

  it('fails after `holdHours`, whatever its probes met', async () => {
    const delivery = { ...freeProfile().delivery, holdHours: 100 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    bench.server.otherwiseOpening = LOGIN_REFUSED
    const id = await holdLong(bench)
    bench.server.otherwiseOpening = 'refused'
    await bench.pass(25 * HOUR, 5 * MINUTE)
    expect((await bench.outbox.get(id)).message).toMatchObject({
      state: 'failed',
      diagnosis: { code: 'held_too_long' },
    })
  })
})
