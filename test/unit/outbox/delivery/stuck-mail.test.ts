import { cp } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../support/folder.ts'
import { draftOf, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LOGON_FAILURE = '430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed'
const deniedTo = (address: string) =>
  `554 5.2.252 SendAsDenied; alerts@contoso.com not allowed to send as ${address}`
const BOSS = 'boss@contoso.com'
const DENIED = deniedTo(BOSS)
const from = (headerFrom: string) => draftOf({ headerFrom })

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

describe('mail of a sender whose hold ends meanwhile', () => {
  it('is on hold anew when the probe under way is refused', async () => {
    await using bench = await startBench()
    const { server, outbox } = bench
    server.answers = [DENIED]
    outbox.start()
    const { id } = await bench.accept(from(BOSS))
    await outbox.idle()
    const gate = Promise.withResolvers<void>()
    server.pause = gate.promise
    server.answers = [DENIED]
    await bench.clock.advance(16 * MINUTE)
    await until(() => server.seen.length === 2)
    await outbox.release('default')
    gate.resolve()
    server.pause = undefined
    await outbox.idle()
    expect(await bench.state(id)).toBe('held')
    expect(outbox.holdsOf('default')).toMatchObject([{ sender: BOSS, probes: 0 }])
    await bench.pass(20 * MINUTE, MINUTE)
    expect(await bench.state(id)).toBe('delivered')
  })

  it('goes out although it was put aside after the release', async () => {
    await using bench = await startBench()
    const { server, outbox, store } = bench
    server.answers = [DENIED]
    outbox.start()
    await bench.accept(from(BOSS))
    await outbox.idle()
    const gate = Promise.withResolvers<void>()
    const settle = store.settle.bind(store)
    let isWaiting = false
    store.settle = async (settlement) => {
      if (settlement.next.state === 'held') {
        isWaiting = true
        await gate.promise
      }
      await settle(settlement)
    }
    const { id } = await bench.accept(from(BOSS))
    await until(() => isWaiting)
    await outbox.release('default')
    gate.resolve()
    await outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('stays on hold when the end of the hold cannot be written', async () => {
    await using bench = await startBench()
    const { outbox, store } = bench
    bench.server.answers = [DENIED]
    outbox.start()
    const { id } = await bench.accept(from(BOSS))
    await outbox.idle()
    const endHold = store.endHold.bind(store)
    store.endHold = () => Promise.reject(new Error('disk full'))
    await expect(outbox.release('default')).rejects.toThrow('disk full')
    expect(outbox.holdsOf('default')).toHaveLength(1)
    store.endHold = endHold
    expect(await outbox.release('default')).toEqual({ released: 1 })
    await outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
  })
})

it('a message that is put off while others are woken is not forgotten', async () => {
  await using bench = await startBench()
  const { outbox, store, server } = bench
  server.answers = ['450 4.2.1 Busy', '450 4.2.1 Busy']
  outbox.start()
  await bench.accept()
  await outbox.idle()
  const gate = Promise.withResolvers<void>()
  const wakeDue = store.wakeDue.bind(store)
  let asked = 0
  store.wakeDue = async (now) => {
    const woken = await wakeDue(now)
    asked++
    await gate.promise
    return woken
  }
  const paused = Promise.withResolvers<void>()
  server.pause = paused.promise
  const late = await bench.accept()
  await until(() => server.seen.length === 2)
  for (let i = 0; i < 12 && asked === 0; i++) {
    await bench.clock.advance(10_000)
    await turn()
  }
  expect(asked).toBe(1)
  // It is put off before the answer about those that are due is there.
  paused.resolve()
  await until(() => bench.named('message.deferred').length === 2)
  gate.resolve()
  await bench.pass(2 * HOUR, MINUTE)
  expect(await bench.state(late.id)).toBe('delivered')
})

it('a sender is probed, and released, however much newer mail of another one is held', async () => {
  await using bench = await startBench()
  const { server, outbox } = bench
  const other = 'other@contoso.com'
  outbox.start()
  server.answers = [DENIED]
  const { id } = await bench.accept(from(BOSS))
  await outbox.idle()
  await bench.pass(2_000)
  server.answers = [deniedTo(other)]
  await bench.accept(from(other))
  await outbox.idle()
  for (let i = 0; i < 1_001; i++) await bench.accept(from(other))
  await outbox.idle()
  expect(outbox.queueOf('default').held).toBe(1_003)
  await bench.pass(16 * MINUTE, MINUTE)
  expect(await bench.state(id)).toBe('delivered')
}, 30_000)

describe('mail that was held for its longest time while the agent was off', () => {
  async function afterEightDays() {
    await using stack = new AsyncDisposableStack()
    const first = stack.use(await startBench())
    first.server.otherwise = LOGON_FAILURE
    first.outbox.start()
    const { id } = await first.accept()
    await first.pass(30 * HOUR, MINUTE)
    const dataDir = stack.use(temporaryFolder()).path
    await cp(first.dataDir, dataDir, { recursive: true })
    const second = stack.use(
      await startBench({ dataDir, startAt: first.clock.now() + 8 * 24 * HOUR }),
    )
    const held = stack.move()
    return { second, id, [Symbol.asyncDispose]: () => held.disposeAsync() }
  }

  it('is tried before it fails', async () => {
    await using opened = await afterEightDays()
    const { second, id } = opened
    second.server.otherwise = OK
    second.outbox.start()
    await second.outbox.idle()
    expect(await second.state(id)).toBe('delivered')
  })

  it('is not failed by a network that is slower than the agent', async () => {
    await using opened = await afterEightDays()
    const { second, id } = opened
    second.server.openings = ['refused', 'refused', 'refused']
    second.server.otherwise = OK
    second.outbox.start()
    await second.pass(3 * HOUR, MINUTE)
    expect(await second.state(id)).toBe('delivered')
  })

  it('fails when its probe is refused', async () => {
    await using opened = await afterEightDays()
    const { second, id } = opened
    second.server.otherwise = LOGON_FAILURE
    second.outbox.start()
    await second.pass(2 * HOUR, MINUTE)
    expect(await second.state(id)).toBe('failed')
    expect(second.server.seen.length).toBeGreaterThan(0)
  })
})

describe('mail of a profile that was removed', () => {
  it('is told by name, also when the profile was on hold before', async () => {
    await using bench = await startBench({ profiles: [freeProfile('default'), freeProfile('b')] })
    bench.server.otherwise = LOGON_FAILURE
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.outbox.orphaned()).toEqual([])
    bench.remove('default')
    await bench.pass(2 * MINUTE, 10_000)
    expect(bench.outbox.orphaned()).toEqual(['default'])
    expect(bench.outbox.holdsOf('default')).toMatchObject([
      { sender: '', diagnosis: { code: 'profile_removed' } },
    ])
    bench.server.otherwise = OK
    bench.save(freeProfile())
    await bench.pass(2 * MINUTE, 10_000)
    expect(bench.outbox.orphaned()).toEqual([])
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('fails in the end, with the reason', async () => {
    await using bench = await startBench()
    bench.server.otherwise = '450 4.2.1 Busy'
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    bench.remove('default')
    await bench.pass(166 * HOUR, HOUR)
    expect(await bench.state(id)).toBe('queued')
    await bench.pass(6 * HOUR, HOUR)
    expect((await bench.outbox.get(id)).message).toMatchObject({
      state: 'failed',
      diagnosis: { code: 'held_too_long', summary: expect.stringContaining('does not exist') },
    })
    expect(bench.outbox.orphaned()).toEqual([])
  })
})
