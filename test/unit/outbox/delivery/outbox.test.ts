import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES } from '../../../../src/outbox/index.ts'
import { createOutboxStore } from '../../../../src/outbox/store/create-store.ts'
import { PosternError } from '../../../../src/platform/errors.ts'
import { openStorage } from '../../../../src/storage/index.ts'
import { captureLog } from '../../../support/log.ts'
import { createLatch } from '../../verification/fakes.ts'
import { BODY, draftOf, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('accepting', () => {
  it('keeps a large message byte for byte, in whatever pieces it came', async () => {
    await using bench = await startBench()
    const whole = Buffer.alloc(3 * CHUNK_BYTES + 17, 'abcdefghijklmnopqrstuvwxyz\r\n')
    const intake = bench.outbox.intake()
    for (let at = 0; at < whole.length; at += 100_001) {
      await intake.write(whole.subarray(at, at + 100_001))
    }
    expect(intake.sizeBytes).toBe(whole.length)
    const { id } = await intake.commit(draftOf())
    expect(id).toBe(intake.id)
    const pieces: Uint8Array[] = []
    for await (const piece of (await bench.outbox.body(id)) ?? []) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(whole)).toBe(true)
    expect((await bench.outbox.get(id)).message.sizeBytes).toBe(whole.length)
  })

  it.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])(
    'takes %i bytes in one write',
    async (size) => {
      await using bench = await startBench()
      const intake = bench.outbox.intake()
      await intake.write(Buffer.alloc(size, 'x'))
      const committed = intake.commit(draftOf())
      if (size === 0) return expect(committed).rejects.toMatchObject({ code: 'message_empty' })
      const { id } = await committed
      await intake.abort()
      let seen = 0
      for await (const piece of (await bench.outbox.body(id)) ?? []) seen += piece.length
      expect(seen).toBe(size)
    },
  )

  it('forgets what was written when it is aborted', async () => {
    await using bench = await startBench()
    const intake = bench.outbox.intake()
    await intake.write(Buffer.alloc(2 * CHUNK_BYTES, 'x'))
    await intake.abort()
    await expect(bench.outbox.get(intake.id)).rejects.toMatchObject({ code: 'message_not_found' })
  })

  it('refuses a profile that does not exist, and a message for nobody', async () => {
    await using bench = await startBench()
    const unknown = bench.accept({ profileId: 'nobody' })
    await expect(unknown).rejects.toMatchObject({ code: 'profile_not_found' })
    const forNobody = bench.accept(draftOf({ to: [] }))
    await expect(forNobody).rejects.toMatchObject({
      kind: 'invalid',
      code: 'message_without_recipients',
    })
    expect(bench.named('message.accepted')).toEqual([])
  })

  it('gives the same message for the same key, and sends it once', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    const draft = draftOf({ idempotency: { key: 'k', fingerprint: 'f' } })
    const first = await bench.accept(draft)
    const second = await bench.accept(draft)
    expect(second).toMatchObject({ id: first.id, duplicate: true })
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(1)
    expect(bench.named('message.accepted')).toHaveLength(1)
  })
})

describe('the outcome of a message', () => {
  it('comes as soon as the server has answered', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    const { id } = await bench.accept()
    const outcome = await bench.outbox.outcome(id, { timeoutMs: 10_000 })
    expect(outcome).toMatchObject({ id, state: 'delivered', reply: OK })
  })

  it('is the state of the moment when the time is over', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.server.pause = latch.passed
    bench.outbox.start()
    const { id } = await bench.accept()
    const waiting = bench.outbox.outcome(id, { timeoutMs: 10_000 })
    await bench.clock.advance(10_000)
    expect(await waiting).toMatchObject({ state: 'sending' })
    latch.open()
    expect((await bench.outbox.outcome(id, { timeoutMs: 10_000 })).state).toBe('delivered')
  })

  it.each([
    ['deferred', '451 4.7.0 Temporary server error. PRX1'],
    ['failed', '552 5.3.4 Message size exceeds fixed maximum message size'],
    ['held', '430 4.2.0 STOREDRV; mailbox logon failure'],
    ['held', '554 5.2.252 SendAsDenied; a not allowed to send as b'],
  ])('tells %s after an attempt', async (state, answer) => {
    await using bench = await startBench()
    bench.server.answers = [answer]
    bench.outbox.start()
    const { id } = await bench.accept()
    const outcome = await bench.outbox.outcome(id, { timeoutMs: HOUR })
    expect(outcome).toMatchObject({ state, reply: answer })
    expect(outcome.diagnosis).not.toBeNull()
  })

  it('of a message that a hold stops is told at once', async () => {
    await using bench = await startBench()
    bench.server.otherwise = '430 4.2.0 STOREDRV; mailbox logon failure'
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    const { id } = await bench.accept()
    expect((await bench.outbox.outcome(id, { timeoutMs: HOUR })).state).toBe('held')
  })

  it('ends with the signal, and is unknown for an unknown message', async () => {
    await using bench = await startBench()
    const { id } = await bench.accept()
    const stop = new AbortController()
    const waiting = bench.outbox.outcome(id, { timeoutMs: HOUR, signal: stop.signal })
    stop.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    const unknown = bench.outbox.outcome('nothing', { timeoutMs: 0 })
    await expect(unknown).rejects.toMatchObject({ code: 'message_not_found' })
  })
})

describe('people at the outbox', () => {
  it('try a deferred message now', async () => {
    await using bench = await startBench()
    bench.server.answers = ['450 4.2.1 Busy', OK]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    await bench.outbox.retry(id)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    await expect(bench.outbox.retry(id)).rejects.toMatchObject({ code: 'message_delivered' })
  })

  it('try a failed message again, for the recipients without success', async () => {
    await using bench = await startBench()
    bench.server.answers = [{ rcpt: { 'b@x.com': '550 5.1.1 User unknown' } }]
    bench.outbox.start()
    const { id } = await bench.accept(draftOf({ to: ['a@x.com', 'b@x.com'] }))
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('failed')
    await bench.outbox.retry(id)
    await bench.outbox.idle()
    expect(bench.server.seen.at(-1)?.recipients).toEqual(['b@x.com'])
    expect(await bench.state(id)).toBe('delivered')
  })

  it('try a message of a sender on hold now', async () => {
    await using bench = await startBench()
    bench.server.answers = ['554 5.2.252 SendAsDenied; a not allowed to send as b', OK, OK]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    await bench.outbox.retry(id)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.outbox.holdsOf('default')).toEqual([])
  })

  it('cancel what waits, and nothing else', async () => {
    await using bench = await startBench()
    const { id } = await bench.accept()
    const waiting = bench.outbox.outcome(id, { timeoutMs: HOUR })
    expect((await bench.outbox.cancel(id)).state).toBe('cancelled')
    expect((await waiting).state).toBe('cancelled')
    await expect(bench.outbox.cancel(id)).rejects.toMatchObject({ code: 'message_finished' })
    bench.outbox.start()
    await bench.outbox.idle()
    expect(bench.server.seen).toEqual([])
    await bench.outbox.retry(id)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
  })

  it('neither cancel nor repeat what is being sent', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.server.pause = latch.passed
    bench.outbox.start()
    const { id } = await bench.accept()
    await expect.poll(() => bench.server.seen.length).toBe(1)
    await expect(bench.outbox.cancel(id)).rejects.toMatchObject({ code: 'message_sending' })
    await expect(bench.outbox.retry(id)).rejects.toMatchObject({ code: 'message_sending' })
    latch.open()
    await bench.outbox.idle()
  })

  it('list page by page, newest first', async () => {
    await using bench = await startBench()
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      ids.unshift((await bench.accept()).id)
      await bench.clock.advance(1_000)
    }
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await bench.outbox.list({}, { limit: 2, cursor })
      seen.push(...page.messages.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seen).toEqual(ids)
    const wrong = bench.outbox.list({}, { limit: 2, cursor: 'nonsense' })
    await expect(wrong).rejects.toMatchObject({ code: 'cursor_invalid' })
  })

  it('find the messages of a profile on hold among the held ones', async () => {
    await using bench = await startBench()
    bench.server.otherwise = '430 4.2.0 STOREDRV; mailbox logon failure'
    bench.outbox.start()
    for (let i = 0; i < 3; i++) await bench.accept()
    await bench.outbox.idle()
    const { messages } = await bench.outbox.list({ states: ['held'] }, { limit: 10 })
    expect(messages).toHaveLength(3)
  })
})

describe('the end of the outbox', () => {
  it('lets what is under way end, and begins nothing more', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.server.pause = latch.passed
    bench.outbox.start()
    for (let i = 0; i < 10; i++) await bench.accept()
    await expect.poll(() => bench.server.seen.length).toBe(3)
    const ended = bench.outbox[Symbol.asyncDispose]()
    latch.open()
    await ended
    expect(bench.server.seen).toHaveLength(3)
    expect(bench.server.openNow).toBe(0)
    const states = (await bench.store.list({}, { limit: 20, before: undefined })).map(
      (m) => m.state,
    )
    expect(states.filter((state) => state === 'delivered')).toHaveLength(3)
    expect(states.filter((state) => state === 'queued')).toHaveLength(7)
  })

  it.each([
    { grace: 'goes on', passedMs: 0 },
    { grace: 'is over', passedMs: 11_000 },
  ])('comes when a claim was under way and the grace $grace', async ({ passedMs }) => {
    await using bench = await startBench()
    const { store } = bench
    const claim = store.claim.bind(store)
    const claiming = createLatch()
    const sending = createLatch()
    let claims = 0
    store.claim = async (request) => {
      if (++claims === 2) await claiming.passed
      return await claim(request)
    }
    for (let i = 0; i < 12; i++) await bench.accept()
    bench.server.pause = sending.passed
    bench.outbox.start()
    await expect.poll(() => claims).toBe(2)
    let isOver = false
    const ended = bench.outbox[Symbol.asyncDispose]().then(() => {
      isOver = true
    })
    sending.open()
    await bench.clock.advance(passedMs)
    claiming.open()
    await expect.poll(() => isOver).toBe(true)
    await ended
    const states = await store.list({}, { limit: 20, before: undefined })
    expect(states.filter(({ state }) => state === 'sending')).toEqual([])
  })

  it('leaves nothing behind when it never began', async () => {
    await using bench = await startBench()
    await bench.accept(draftOf(), BODY)
    await bench.outbox[Symbol.asyncDispose]()
    expect(bench.clock.sleepers).toBe(0)
  })

  it('leaves no sleeper behind', async () => {
    await using bench = await startBench({ profiles: [freeProfile()] })
    bench.server.answers = ['450 4.2.1 Busy', '430 4.2.0 STOREDRV; mailbox logon failure']
    bench.outbox.start()
    for (let i = 0; i < 4; i++) await bench.accept()
    await bench.outbox.idle()
    await bench.outbox[Symbol.asyncDispose]()
    expect(bench.clock.sleepers).toBe(0)
  })
})

describe('the beginning of the outbox', () => {
  it('waits for a store that cannot be read yet, and sends nothing before', async () => {
    await using bench = await startBench()
    const { holds } = bench.store
    let calls = 0
    bench.store.holds = () => (++calls < 3 ? Promise.reject(new Error('locked')) : holds())
    const { id } = await bench.accept()
    bench.outbox.start()
    await bench.clock.advance(6_000)
    expect(bench.server.seen).toEqual([])
    await bench.clock.advance(6_000)
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
  })

  it('stores the end of an attempt as soon as it can, and sends nothing twice', async () => {
    await using bench = await startBench()
    const { settle } = bench.store
    let calls = 0
    const full = new PosternError('The disk is full.', { kind: 'unavailable', code: 'disk_full' })
    bench.store.settle = (one) => (++calls < 3 ? Promise.reject(full) : settle(one))
    bench.outbox.start()
    const { id } = await bench.accept()
    for (const call of [1, 2]) {
      await expect.poll(() => calls).toBe(call)
      await bench.clock.advance(2_000)
    }
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.server.seen).toHaveLength(1)
  })

  it('sends again what was under way when the agent died', async () => {
    await using bench = await startBench()
    const { id } = await bench.accept()
    await bench.store.claim({ profileIds: ['default'], limit: 1 })
    await using storage = await openStorage({
      dataDir: bench.dataDir,
      role: 'companion',
      clock: bench.clock,
      log: captureLog().log,
    })
    // The next owner of the file puts it back.
    await using _next = await createOutboxStore({ db: storage.db, role: 'owner' })
    bench.outbox.start()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
  })
})
