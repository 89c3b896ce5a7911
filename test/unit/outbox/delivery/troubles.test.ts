import { describe, expect, it } from 'vitest'
import { PosternError } from '../../../../src/platform/errors.ts'
import { BODY, draftOf, FREE, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

type Bench = Awaited<ReturnType<typeof startBench>>

/** The server answers by what it is asked about. */
function answerBy({ server }: Bench, answer: (id: string) => string | 'timeout' | undefined): void {
  Object.defineProperty(server, 'otherwise', { get: () => answer(server.seen.at(-1)?.id ?? '') })
}

async function turn(): Promise<void> {
  for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a message that makes trouble each time', () => {
  it.each(['timeout', '451 4.3.0 Fault'])(
    'keeps to the schedule, and so do the others: %s',
    async (trouble) => {
      const delivery = { ...FREE, messagesPerMinute: 30, connections: 1 }
      await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
      const draft = draftOf()
      const { envid } = draft.envelope
      answerBy(bench, (id) => (id === envid ? trouble : OK))
      await bench.outbox.accept(draft, BODY)
      for (let i = 0; i < 200; i++) await bench.accept()
      bench.outbox.start()
      await bench.pass(20 * MINUTE)
      const tries = bench.server.seen.filter(({ id }) => id === envid)
      expect(tries.map(({ at }) => Math.round(at / MINUTE))).toEqual([0, 1, 3, 8, 18])
      expect(bench.server.seen).toHaveLength(200 + tries.length)
    },
  )

  it('is told from mail that no server has seen: that goes out when the way is free', async () => {
    await using bench = await startBench()
    bench.server.openings = ['refused', 'refused', 'refused']
    for (let i = 0; i < 3; i++) await bench.accept()
    bench.outbox.start()
    await bench.outbox.idle()
    const { messages } = await bench.outbox.list({}, { limit: 9 })
    expect(messages.map(({ state }) => state)).toEqual(['deferred', 'deferred', 'deferred'])
    await bench.accept()
    await bench.pass(10_000)
    expect(bench.outbox.queueOf('default').queued).toBe(0)
  })
})

describe('mail that was claimed and not tried', () => {
  it('goes back as soon as the store can be written again', async () => {
    await using bench = await startBench()
    const { store } = bench
    const unclaim = store.unclaim
    let failures = 2
    store.unclaim = (ids) =>
      failures-- > 0
        ? Promise.reject(new PosternError('full', { kind: 'unavailable', code: 'disk_full' }))
        : unclaim(ids)
    bench.server.answers = ['timeout', 'timeout', 'timeout']
    for (let i = 0; i < 40; i++) await bench.accept()
    bench.outbox.start()
    await bench.pass(5 * MINUTE)
    expect(failures).toBeLessThan(0)
    expect(bench.outbox.queueOf('default').queued).toBe(0)
  })

  it('goes on through the mailbox that its profile has moved to', async () => {
    await using bench = await startBench()
    const gate = Promise.withResolvers<void>()
    const { open } = bench.server
    let isFirst = true
    bench.server.open = async (options) => {
      if (!isFirst) return await open.call(bench.server, options)
      isFirst = false
      await gate.promise
      throw new PosternError('changed', { kind: 'conflict', code: 'profile_changed' })
    }
    bench.outbox.start()
    const { id } = await bench.accept()
    await turn()
    const profile = bench.profiles.get('default')
    bench.save({ ...profile, server: { ...profile.server, host: 'smtp.other.example' } })
    await turn()
    gate.resolve()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
  })

  it('is not shown as being sent while the recipients of the day are used up', async () => {
    const delivery = { ...FREE, recipientsPerDay: 5 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push((await bench.accept()).id)
    bench.outbox.start()
    await bench.pass(MINUTE)
    expect(bench.server.seen).toHaveLength(5)
    const states = await Promise.all(ids.map((id) => bench.state(id)))
    expect(states.filter((state) => state === 'queued')).toHaveLength(15)
  })
})

describe('a jump of the clock', () => {
  it('in the middle of a try does not end the time of the message', async () => {
    await using bench = await startBench()
    const gate = Promise.withResolvers<void>()
    bench.server.pause = gate.promise
    bench.server.otherwise = 'drop'
    bench.outbox.start()
    const { id } = await bench.accept()
    await turn()
    bench.clock.set(bench.clock.now() + 80 * HOUR)
    gate.resolve()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('deferred')
  })

  it('back by a year lets mail end that was accepted before it', async () => {
    await using bench = await startBench({
      profiles: [freeProfile('default', { delivery: { ...FREE, retryHours: 3 } })],
    })
    bench.server.otherwise = '450 4.2.1 Busy'
    const { id } = await bench.accept()
    bench.clock.set(bench.clock.now() - 365 * 24 * HOUR)
    bench.outbox.start()
    await bench.pass(2.5 * HOUR, MINUTE)
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(HOUR, MINUTE)
    expect(await bench.state(id)).toBe('failed')
  })
})
