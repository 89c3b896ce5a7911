import { describe, expect, it } from 'vitest'
import { PosternError } from '../../../../src/platform/errors.ts'
import { BODY, draftOf, FREE, freeProfile, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const TENANT_DISABLED = {
  auth: '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.',
}
/** Too large to come with its claim. */
const LARGE = Buffer.concat([BODY, Buffer.alloc(100_000, 97)])

type Bench = Awaited<ReturnType<typeof startBench>>

function storageError(code: string, message: string): PosternError {
  return new PosternError(message, { kind: 'unavailable', code })
}
const damaged = () => storageError('database_damaged', 'The database file is damaged.')
const stopped = () => storageError('storage_failed', 'The outbox has stopped.')

/** The server takes in the bytes of every message, as the real one does. */
function readBodies({ server }: Bench): void {
  const open = server.open.bind(server)
  server.open = async (options) => {
    const opened = await open(options)
    if (!opened.ok) return opened
    const session = opened.value
    const send = session.send.bind(session)
    session.send = async (message) => {
      let sizeBytes = 0
      if (message.body instanceof Uint8Array) sizeBytes = message.body.byteLength
      else for await (const piece of message.body) sizeBytes += piece.byteLength
      expect(sizeBytes).toBe(message.sizeBytes)
      return await send(message)
    }
    return opened
  }
}

/** Pieces of this message cannot be read while `isSo`. */
function breakContent({ store }: Bench, id: string, error: () => Error, isSo = () => true): void {
  const readChunk = store.readChunk.bind(store)
  store.readChunk = (of, index) =>
    of === id && isSo() ? Promise.reject(error()) : readChunk(of, index)
}

describe('a message whose content cannot be read', () => {
  it('moves out of the way of the others, and says what is wrong', async () => {
    await using bench = await startBench()
    readBodies(bench)
    const { id } = await bench.accept({}, LARGE)
    const behind: string[] = []
    for (let i = 0; i < 5; i++) behind.push((await bench.accept()).id)
    breakContent(bench, id, damaged)
    bench.outbox.start()
    await bench.pass(1_000)
    for (const other of behind) expect(await bench.state(other)).toBe('delivered')
    const { message, attempts } = await bench.outbox.get(id)
    expect(message).toMatchObject({
      state: 'deferred',
      diagnosis: {
        code: 'message_unreadable',
        responsible: 'operator',
        summary: expect.stringContaining('The database file is damaged.'),
      },
    })
    expect(attempts).toMatchObject([{ number: 1, outcome: 'deferred', recipients: 1 }])
    expect(bench.lines.join('')).toContain('an attempt was ended by an error')
  })

  it('keeps to the schedule, goes out when it can be read, and fails in the end', async () => {
    await using bench = await startBench()
    readBodies(bench)
    const { id: repaired } = await bench.accept({}, LARGE)
    const { id: lost } = await bench.accept({}, LARGE)
    let isBroken = true
    breakContent(bench, repaired, damaged, () => isBroken)
    breakContent(bench, lost, damaged)
    bench.outbox.start()
    await bench.pass(20 * MINUTE, MINUTE)
    expect((await bench.outbox.get(lost)).attempts).toHaveLength(5)
    isBroken = false
    await bench.pass(HOUR, MINUTE)
    expect(await bench.state(repaired)).toBe('delivered')
    await bench.pass(72 * HOUR, 5 * MINUTE)
    expect((await bench.outbox.get(lost)).message).toMatchObject({
      state: 'failed',
      diagnosis: { code: 'message_unreadable' },
    })
  })

  it('has one try when it may have no more', async () => {
    await using bench = await startBench()
    readBodies(bench)
    const { id } = await bench.accept({ once: true }, LARGE)
    breakContent(bench, id, damaged)
    bench.outbox.start()
    await bench.pass(1_000)
    expect(await bench.state(id)).toBe('failed')
  })

  it('does not keep a hold from being probed with another one', async () => {
    await using bench = await startBench()
    readBodies(bench)
    bench.server.answers = ['430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed']
    bench.outbox.start()
    const first = await bench.accept()
    await bench.outbox.idle()
    expect(bench.outbox.holdsOf('default')).toHaveLength(1)
    await bench.outbox.cancel(first.id)
    const { id } = await bench.accept({}, LARGE)
    const { id: good } = await bench.accept()
    breakContent(bench, id, damaged)
    await bench.pass(10 * MINUTE, MINUTE)
    expect(await bench.state(good)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toEqual([])
  })
})

describe('a store that cannot be read at all', () => {
  it('pauses the mailbox, and no message has been tried', async () => {
    await using bench = await startBench()
    readBodies(bench)
    const { store } = bench
    let isGone = true
    const { id } = await bench.accept({}, LARGE)
    breakContent(bench, id, stopped, () => isGone)
    const state = store.state.bind(store)
    store.state = (of) => (isGone ? Promise.reject(stopped()) : state(of))
    bench.outbox.start()
    await bench.outbox.idle()
    const seen = bench.server.opened.length
    expect((await bench.outbox.get(id)).message).toMatchObject({ state: 'queued', attempts: 0 })
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.opened).toHaveLength(seen)
    isGone = false
    await bench.pass(10_000)
    expect(await bench.state(id)).toBe('delivered')
    expect((await bench.outbox.get(id)).attempts).toHaveLength(1)
  })

  it('has failed for a moment when the content can be read after all', async () => {
    await using bench = await startBench()
    readBodies(bench)
    const { id } = await bench.accept({}, LARGE)
    let failures = 1
    breakContent(bench, id, stopped, () => failures-- > 0)
    bench.outbox.start()
    await bench.pass(10_000)
    expect(await bench.state(id)).toBe('delivered')
    expect((await bench.outbox.get(id)).attempts).toHaveLength(1)
  })
})

const smtpValueInvalid = new PosternError('a secret detail', {
  kind: 'invalid',
  code: 'smtp_value_invalid',
})

it.each([{ error: new TypeError('a secret detail') }, { error: smtpValueInvalid }])(
  'an error of one profile does not stop the others of the mailbox: $error.name',
  async ({ error }) => {
    await using bench = await startBench({ profiles: [freeProfile('bad'), freeProfile('good')] })
    const openCredential = bench.profiles.openCredential.bind(bench.profiles)
    bench.profiles.openCredential = async (profile) => {
      if (profile.id === 'bad') throw error
      return await openCredential(profile)
    }
    const bad: string[] = []
    const good: string[] = []
    for (let i = 0; i < 5; i++) bad.push((await bench.accept(draftOf({ profileId: 'bad' }))).id)
    for (let i = 0; i < 5; i++) good.push((await bench.accept(draftOf({ profileId: 'good' }))).id)
    bench.outbox.start()
    await bench.pass(1_000)
    for (const id of good) expect(await bench.state(id)).toBe('delivered')
    for (const id of bad) {
      const { message } = await bench.outbox.get(id)
      expect(message).toMatchObject({ state: 'deferred', diagnosis: { code: 'delivery_fault' } })
      expect(JSON.stringify(message)).not.toContain('a secret detail')
    }
  },
)

/** Nobody gets a credential while `isSo`. */
function breakCredentials({ profiles }: Bench, error: Error, isSo: () => boolean): void {
  const openCredential = profiles.openCredential.bind(profiles)
  profiles.openCredential = (profile) => (isSo() ? Promise.reject(error) : openCredential(profile))
}

it('an error that lasts costs no message its time', async () => {
  await using bench = await startBench()
  let isBroken = true
  breakCredentials(bench, new TypeError('nobody knows'), () => isBroken)
  const { id } = await bench.accept()
  bench.outbox.start()
  await bench.pass(100 * HOUR, 10 * MINUTE)
  expect(bench.named('message.finished')).toEqual([])
  isBroken = false
  await bench.pass(70 * MINUTE, MINUTE)
  expect(await bench.state(id)).toBe('delivered')
})

it('an error of Postern’s own is no probe of a hold', async () => {
  await using bench = await startBench()
  bench.server.answers = ['430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed']
  bench.outbox.start()
  const ids: string[] = []
  for (let i = 0; i < 30; i++) ids.push((await bench.accept()).id)
  await bench.outbox.idle()
  let isBroken = true
  breakCredentials(bench, new TypeError('nobody knows'), () => isBroken)
  await bench.pass(HOUR, MINUTE)
  expect(bench.outbox.holdsOf('default')).toMatchObject([{ probes: 0 }])
  isBroken = false
  await bench.pass(HOUR, MINUTE)
  expect(bench.outbox.holdsOf('default')).toEqual([])
  for (const id of ids) expect(await bench.state(id)).toBe('delivered')
})

it('a profile whose cloud is not allowed any more is held, with the sentence that helps', async () => {
  await using bench = await startBench()
  const sentence = 'Start Postern with POSTERN_ALLOW_CUSTOM_CLOUD=true.'
  const refusal = new PosternError(sentence, { kind: 'invalid', code: 'custom_cloud_not_allowed' })
  breakCredentials(bench, refusal, () => true)
  await bench.accept()
  bench.outbox.start()
  await bench.outbox.idle()
  const [hold] = bench.outbox.holdsOf('default')
  expect(hold?.diagnosis.code).toBe('settings_incomplete')
  expect(JSON.stringify(hold?.diagnosis)).toContain(sentence)
})

it('a message whose history cannot be read is tried again all the same', async () => {
  await using bench = await startBench()
  const { store } = bench
  const { id } = await bench.accept()
  const find = store.find.bind(store)
  store.find = (of) => (of === id ? Promise.reject(damaged()) : find(of))
  bench.server.answers = ['450 4.2.1 Try again later', '450 4.2.1 Try again later']
  bench.outbox.start()
  await bench.pass(HOUR, MINUTE)
  expect(await bench.state(id)).toBe('delivered')
})

it('a message whose history cannot be read runs out of time all the same', async () => {
  await using bench = await startBench()
  const { store } = bench
  const { id } = await bench.accept()
  const find = store.find.bind(store)
  store.find = (of) => (of === id ? Promise.reject(damaged()) : find(of))
  bench.server.otherwise = '450 4.2.1 Try again later'
  bench.outbox.start()
  await bench.pass(10 * HOUR, MINUTE)
  expect(bench.server.seen.length).toBeLessThan(20)
  await bench.pass(170 * HOUR, 10 * MINUTE)
  expect(await bench.state(id)).toBe('failed')
})

it('the end of one attempt that can never be stored keeps no other message back', async () => {
  const delivery = { ...FREE, connections: 1 }
  await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
  const { store } = bench
  const { id } = await bench.accept()
  const settle = store.settle.bind(store)
  store.settle = (settlement) =>
    settlement.messageId === id
      ? Promise.reject(new RangeError('no one knows'))
      : settle(settlement)
  const behind: string[] = []
  for (let i = 0; i < 3; i++) behind.push((await bench.accept()).id)
  bench.outbox.start()
  const isThrough = async () => {
    await bench.clock.advance(MINUTE)
    const states = await Promise.all(behind.map((other) => bench.state(other)))
    return states.every((state) => state === 'delivered')
  }
  await expect.poll(isThrough, { interval: 5 }).toBe(true)
  expect(await bench.state(id)).toBe('sending')
  expect(bench.server.seen).toHaveLength(4)
  expect(bench.lines.join('')).toContain('counts as being sent until the next start')
})

it('a hold whose probes end by errors of Postern’s own is probed less and less often', async () => {
  await using bench = await startBench()
  bench.server.answers = ['430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed']
  bench.outbox.start()
  const { id } = await bench.accept()
  await bench.outbox.idle()
  breakCredentials(bench, new TypeError('nobody knows'), () => true)
  await bench.pass(6 * HOUR, MINUTE)
  // After 1, 5, 15 and 30 minutes, then every hour.
  expect((await bench.outbox.get(id)).attempts).toHaveLength(1 + 4 + 5)
  expect(bench.outbox.holdsOf('default')).toMatchObject([{ probes: 0 }])
})

it('a hold about the login ends with a login, whatever becomes of the message', async () => {
  await using bench = await startBench()
  readBodies(bench)
  const { id } = await bench.accept({}, LARGE)
  breakContent(bench, id, damaged)
  bench.server.openings = [TENANT_DISABLED]
  bench.outbox.start()
  await bench.outbox.idle()
  expect(bench.outbox.holdsOf('default')).toHaveLength(1)
  await bench.pass(2 * MINUTE, MINUTE)
  expect(bench.outbox.holdsOf('default')).toEqual([])
  expect((await bench.outbox.get(id)).message.diagnosis?.code).toBe('message_unreadable')
})
