import { describe, expect, it } from 'vitest'
import { BODY, draftOf, FREE, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LOGON = '430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed'
const DENIED =
  '554 5.2.252 SendAsDenied; alerts@contoso.com not allowed to send as boss@contoso.com'
const THROTTLED = '550 5.2.252 Sender throttled due to continuous send as denied errors'

type Bench = Awaited<ReturnType<typeof startBench>>

async function turn(): Promise<void> {
  for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Denies these senders; whom each message is from is noted when it is accepted. */
function deny(bench: Bench, isDenied: (from: string) => boolean, others: () => string = () => OK) {
  const { server } = bench
  const senders = new Map<string, string>()
  const otherwise = () => {
    const from = senders.get(server.seen.at(-1)?.id ?? '') ?? ''
    return isDenied(from) && others() === OK ? DENIED : others()
  }
  Object.defineProperty(server, 'otherwise', { get: otherwise })
  return async (from: string) => {
    const draft = draftOf({ headerFrom: from })
    senders.set(draft.envelope.envid ?? '', from)
    return await bench.outbox.accept(draft, BODY)
  }
}

describe('a sender that has not got a message through', () => {
  it('is tried alone, so that one refusal is enough', async () => {
    await using bench = await startBench()
    const accept = deny(bench, () => true)
    for (let i = 0; i < 20; i++) await accept('boss@contoso.com')
    const gate = Promise.withResolvers<void>()
    bench.server.pause = gate.promise
    bench.outbox.start()
    await turn()
    expect(bench.server.seen).toHaveLength(1)
    gate.resolve()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(1)
    expect(bench.outbox.queueOf('default').held).toBe(20)
  })

  it('has all connections after its first success', async () => {
    await using bench = await startBench()
    const accept = deny(bench, () => false)
    bench.outbox.start()
    await accept('alias@contoso.com')
    await bench.outbox.idle()
    const gate = Promise.withResolvers<void>()
    bench.server.pause = gate.promise
    for (let i = 0; i < 6; i++) await accept('alias@contoso.com')
    await turn()
    expect(bench.server.openNow).toBe(3)
    gate.resolve()
  })

  it('waits when others were refused just before, and those that are allowed do not', async () => {
    await using bench = await startBench()
    const accept = deny(bench, (from) => from.startsWith('wrong'))
    bench.outbox.start()
    for (let i = 0; i < 40; i++) await accept(`wrong${i}@contoso.com`)
    const { id: late } = await accept('alias@contoso.com')
    const { id: own } = await accept('alerts@contoso.com')
    await bench.pass(10 * MINUTE, 5_000)
    expect(bench.server.seen).toHaveLength(4)
    expect(await bench.state(own)).toBe('delivered')
    expect((await bench.outbox.get(late)).message).toMatchObject({
      state: 'deferred',
      diagnosis: { code: 'sender_must_wait' },
    })
    await bench.pass(24 * HOUR, MINUTE)
    expect(await bench.state(late)).toBe('delivered')
    const times = bench.server.seen.map(({ at }) => at)
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + HOUR).length).toBeLessThanOrEqual(6)
    }
  })

  it('is not the reason when Microsoft blocks the mailbox: all of it is held', async () => {
    await using bench = await startBench()
    bench.server.otherwise = THROTTLED
    bench.outbox.start()
    await bench.accept({ headerFrom: 'boss@contoso.com' })
    await bench.outbox.idle()
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(1)
    expect(bench.outbox.holdsOf('default')).toMatchObject([
      { sender: '', diagnosis: { code: 'send_as_throttled' } },
    ])
  })
})

describe('a hold of a profile', () => {
  it('is probed past the mail of a sender on hold', async () => {
    await using bench = await startBench()
    let rest = OK
    const accept = deny(
      bench,
      (from) => from.startsWith('boss'),
      () => rest,
    )
    bench.outbox.start()
    await accept('boss@contoso.com')
    await bench.outbox.idle()
    rest = LOGON
    const first = await accept('alerts@contoso.com')
    await bench.outbox.idle()
    await bench.outbox.cancel(first.id)
    for (let i = 0; i < 30; i++) await accept('boss@contoso.com')
    const { id } = await accept('alerts@contoso.com')
    rest = OK
    await bench.pass(2 * MINUTE, 5_000)
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toMatchObject([{ sender: 'boss@contoso.com' }])
  })

  it('for a logon ends with a SendAsDenied, which proves the logon', async () => {
    const delivery = { ...FREE, connections: 1 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    let rest = LOGON
    const accept = deny(
      bench,
      (from) => from.startsWith('boss'),
      () => rest,
    )
    bench.outbox.start()
    await accept('boss@contoso.com')
    await bench.outbox.idle()
    const { id } = await accept('alerts@contoso.com')
    rest = OK
    await bench.pass(2 * MINUTE, 5_000)
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toMatchObject([{ sender: 'boss@contoso.com' }])
  })
})
