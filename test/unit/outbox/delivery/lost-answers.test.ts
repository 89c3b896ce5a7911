import { describe, expect, it } from 'vitest'
import type { Method } from '../../../../src/outbox/store/protocol.ts'
import { type StoreThread, startStoreThread } from '../../../../src/outbox/store/store-worker.ts'
import { PosternError } from '../../../../src/platform/errors.ts'
import { draftOf, FREE, freeProfile, startBench } from './bench.ts'

const BUSY = '450 4.2.1 Try again later'
const TO = ['a@fabrikam.com', 'b@fabrikam.com', 'c@fabrikam.com']

type Bench = Awaited<ReturnType<typeof startBench>>

/** Threads that can die between a commit and its answer. */
function createMortals() {
  const threads: StoreThread[] = []
  const calls: Method[] = []
  let deadly: { method: Method; isDone: boolean } | undefined

  const start: typeof startStoreThread = async (deps) => {
    const thread = await startStoreThread(deps)
    threads.push(thread)
    return {
      async call(method, args) {
        calls.push(method)
        const isLast = deadly?.method === method
        if (!isLast) return await thread.call(method, args)
        const isDone = deadly?.isDone === true
        deadly = undefined
        if (isDone) await thread.call(method, args)
        await thread.terminate()
        throw new PosternError('gone', { kind: 'unavailable', code: 'storage_failed' })
      },
      terminate: () => thread.terminate(),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    }
  }
  return {
    start,
    threads,
    calls,
    /** The next call of this kind is the last; `isDone`: it is committed first. */
    dieAt(method: Method, isDone: boolean) {
      deadly = { method, isDone }
    },
  }
}

/** Time passes also while something waits for the store, which a new thread makes wait. */
async function passUntil({ clock }: Bench, isSo: () => boolean): Promise<void> {
  const look = async () => {
    if (!isSo()) await clock.advance(500)
    return isSo()
  }
  await expect.poll(look, { interval: 5 }).toBe(true)
}

async function expectDeliveredOnce(bench: Bench): Promise<void> {
  bench.outbox.start()
  const { id } = await bench.accept()
  await passUntil(bench, () => bench.named('message.finished').length === 1)
  expect(await bench.state(id)).toBe('delivered')
  expect(bench.server.seen).toHaveLength(1)
}

describe('the thread of the store dies between the commit of an attempt and its answer', () => {
  it('a message that was put off is told about, and tried again by the schedule', async () => {
    const mortals = createMortals()
    await using bench = await startBench({ startThread: mortals.start })
    bench.server.answers = [BUSY]
    mortals.dieAt('settle', true)
    bench.outbox.start()
    const { id } = await bench.accept()
    // The time of its next try may be over by then.
    await passUntil(bench, () => bench.named('message.deferred').length === 1)
    await passUntil(bench, () => bench.server.seen.length === 2)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect((await bench.outbox.get(id)).attempts).toHaveLength(2)
    expect(bench.named('message.deferred')).toHaveLength(1)
    expect(bench.named('message.finished')).toHaveLength(1)
  })

  it('each part of a large message goes out once', async () => {
    const mortals = createMortals()
    const delivery = { ...FREE, recipientsPerMessage: 1 }
    const profiles = [freeProfile('default', { delivery })]
    await using bench = await startBench({ profiles, startThread: mortals.start })
    mortals.dieAt('settle', true)
    bench.outbox.start()
    const { id } = await bench.accept(draftOf({ to: TO }))
    await passUntil(bench, () => bench.named('message.finished').length === 1)
    await bench.outbox.idle()
    expect(bench.server.seen.flatMap(({ recipients }) => recipients).sort()).toEqual(TO)
    const { message, attempts } = await bench.outbox.get(id)
    expect(message.state).toBe('delivered')
    expect(attempts.map(({ number, outcome }) => ({ number, outcome }))).toEqual([
      { number: 1, outcome: 'partlyDelivered' },
      { number: 2, outcome: 'partlyDelivered' },
      { number: 3, outcome: 'delivered' },
    ])
  })

  it('what was not committed is stored by the next thread', async () => {
    const mortals = createMortals()
    await using bench = await startBench({ startThread: mortals.start })
    mortals.dieAt('settle', false)
    await expectDeliveredOnce(bench)
  })
})

it('what the server has taken is stored, whatever error comes first', async () => {
  await using bench = await startBench()
  const settle = bench.store.settle.bind(bench.store)
  let failures = 2
  bench.store.settle = (settlement) =>
    failures-- > 0 ? Promise.reject(new TypeError('nobody knows')) : settle(settlement)
  await expectDeliveredOnce(bench)
})

it('a message is given back also when the thread dies meanwhile, and nobody has to do so again', async () => {
  const mortals = createMortals()
  await using bench = await startBench({ startThread: mortals.start })
  const { id } = await bench.accept()
  const request = { profileIds: ['default'], limit: 1 }
  expect(await bench.store.claim(request)).toHaveLength(1)
  mortals.dieAt('unclaim', false)
  await bench.store.unclaim([id])
  expect(await bench.store.claim(request)).toMatchObject([{ message: { id } }])
  expect(await bench.state(id)).toBe('sending')
})

it('a new thread of the store is asked at once what is due', async () => {
  const mortals = createMortals()
  await using bench = await startBench({ startThread: mortals.start })
  bench.server.answers = [BUSY]
  bench.outbox.start()
  await bench.accept()
  await bench.outbox.idle()
  const [thread] = mortals.threads
  await thread?.terminate()
  mortals.calls.length = 0
  await bench.store.holds().catch(() => {})
  await bench.store.holds()
  await expect.poll(() => mortals.calls).toContain('wakeDue')
  expect(mortals.threads).toHaveLength(2)
})
