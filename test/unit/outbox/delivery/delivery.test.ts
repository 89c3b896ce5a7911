import { describe, expect, it } from 'vitest'
import { profileOf } from '../../verification/fakes.ts'
import { draftOf, FREE, freeProfile, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BUSY = '432 4.3.2 Concurrent connections limit exceeded.'
const TOO_LARGE = '552 5.3.4 Message size exceeds fixed maximum message size'

describe('the delivery of a message', () => {
  it('hands it over once, and keeps what the server said', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    const { message, recipients, attempts } = await bench.outbox.get(id)
    expect(message).toMatchObject({ state: 'delivered', attempts: 1, reply: OK, diagnosis: null })
    expect(message.serverMessageId).toBe('<id@server>')
    expect(recipients).toMatchObject([{ state: 'delivered', reply: OK }])
    expect(attempts).toMatchObject([{ outcome: 'delivered', server: 'smtp.office365.com:587' }])
    expect(bench.server.seen).toHaveLength(1)
    expect(bench.named('message.delivered')).toHaveLength(1)
    expect(bench.named('message.finished')).toMatchObject([{ payload: { outcome: 'delivered' } }])
  })

  it('writes no address and no subject into the log', async () => {
    await using bench = await startBench()
    bench.server.answers = ['451 4.7.0 Temporary server error. ann@fabrikam.com', TOO_LARGE]
    bench.outbox.start()
    await bench.accept()
    await bench.pass(2 * MINUTE)
    expect(bench.lines.join()).toContain('message failed')
    expect(bench.lines.join()).not.toMatch(/fabrikam|alerts@contoso|secret subject/)
  })

  it('tries again by the schedule: 432, time-out, 250', async () => {
    await using bench = await startBench()
    bench.server.answers = [BUSY, 'timeout', OK]
    bench.server.otherwise = undefined
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.pass(10 * MINUTE)
    const { message, attempts } = await bench.outbox.get(id)
    expect(message.state).toBe('delivered')
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'deferred', 'delivered'])
    const minutes = bench.server.seen.map(({ at }) => Math.round(at / MINUTE))
    expect(minutes).toEqual([0, 1, 3])
    expect(bench.named('message.deferred')).toHaveLength(2)
  })

  it('fails at the end of its time, with the last reason, and not before', async () => {
    await using bench = await startBench({
      profiles: [freeProfile('default', { delivery: { ...FREE, retryHours: 3 } })],
    })
    bench.server.otherwise = '450 4.2.1 The mailbox is busy'
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.pass(3 * HOUR - MINUTE, 5_000)
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(2 * MINUTE, 5_000)
    const { message } = await bench.outbox.get(id)
    expect(message).toMatchObject({ state: 'failed', reply: '450 4.2.1 The mailbox is busy' })
    expect(message.diagnosis?.code).toBe('smtp_answer_unknown_temporary')
    expect(bench.named('message.failed')).toHaveLength(1)
  })

  it('fails at once by the server’s final word about the message', async () => {
    await using bench = await startBench()
    bench.server.answers = [TOO_LARGE]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    expect((await bench.outbox.get(id)).message).toMatchObject({
      state: 'failed',
      reply: TOO_LARGE,
      diagnosis: { code: 'message_too_large' },
    })
  })

  it('never fails by a 5yz at the greeting', async () => {
    await using bench = await startBench()
    bench.server.openings = [{ auth: '554 5.3.2 Please go away' }]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('deferred')
  })

  it('goes on at once over another connection when one breaks', async () => {
    await using bench = await startBench()
    bench.server.answers = ['drop', OK]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.server.opened).toHaveLength(2)
  })

  it('waits before it hands over again what the server may have', async () => {
    await using bench = await startBench()
    bench.server.answers = ['dropAfterDot', OK]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(2 * MINUTE)
    expect(await bench.state(id)).toBe('delivered')
  })

  it('asks for a new token once when a remembered one is refused', async () => {
    await using bench = await startBench()
    bench.server.openings = [{ auth: '535 5.7.3 Authentication unsuccessful' }]
    bench.outbox.start()
    const { id } = await bench.accept()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.dropped).toHaveLength(1)
  })
})

describe('the recipients', () => {
  it('are split over as many transactions as the profile asks for', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    const to = Array.from({ length: 1_200 }, (_, i) => `r${i}@fabrikam.com`)
    const { id } = await bench.accept(draftOf({ to }))
    await bench.outbox.idle()
    expect(bench.server.seen.map(({ recipients }) => recipients.length)).toEqual([500, 500, 200])
    expect(bench.server.seen.flatMap(({ recipients }) => recipients)).toEqual(to)
    const { message, recipients } = await bench.outbox.get(id)
    expect(message.state).toBe('delivered')
    expect(new Set(recipients.map(({ state }) => state))).toEqual(new Set(['delivered']))
  })

  it('have an outcome each: the message goes on with those who are left', async () => {
    await using bench = await startBench()
    const to = ['good@x.com', 'gone@x.com', 'slow@x.com']
    bench.server.answers = [
      { rcpt: { 'gone@x.com': '550 5.1.1 User unknown', 'slow@x.com': '450 4.2.1 Busy' } },
      OK,
    ]
    bench.outbox.start()
    const { id } = await bench.accept(draftOf({ to }))
    await bench.outbox.idle()
    const before = await bench.outbox.get(id)
    expect(before.message.state).toBe('deferred')
    expect(before.recipients.map(({ state }) => state)).toEqual(['delivered', 'failed', 'waiting'])
    expect(before.recipients[1]?.diagnosisCode).toBe('recipient_unknown')
    await bench.pass(2 * MINUTE)
    const { message, recipients } = await bench.outbox.get(id)
    expect(bench.server.seen.at(-1)?.recipients).toEqual(['slow@x.com'])
    expect(recipients.map(({ state }) => state)).toEqual(['delivered', 'failed', 'delivered'])
    // At least one was refused for good.
    expect(message.state).toBe('failed')
    expect(bench.named('message.failed')).toHaveLength(1)
  })

  it('go on at once when the server takes only so many together', async () => {
    await using bench = await startBench()
    const tooMany = '452 4.5.3 Too many recipients'
    bench.server.answers = [{ rcpt: { 'c@x.com': tooMany, 'd@x.com': tooMany } }, OK]
    bench.outbox.start()
    const { id } = await bench.accept(draftOf({ to: ['a@x.com', 'b@x.com', 'c@x.com', 'd@x.com'] }))
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.server.seen.at(-1)?.recipients).toEqual(['c@x.com', 'd@x.com'])
  })

  it('who are put off do not keep the others of a large message waiting', async () => {
    await using bench = await startBench({
      profiles: [freeProfile('default', { delivery: { ...FREE, recipientsPerMessage: 2 } })],
    })
    bench.server.answers = [{ rcpt: { 'a@x.com': '450 4.2.1 Busy' } }, OK, OK]
    bench.outbox.start()
    const { id } = await bench.accept(draftOf({ to: ['a@x.com', 'b@x.com', 'c@x.com', 'd@x.com'] }))
    await bench.outbox.idle()
    expect(bench.server.seen.map(({ recipients }) => recipients)).toEqual([
      ['a@x.com', 'b@x.com'],
      ['c@x.com', 'd@x.com'],
    ])
    expect(await bench.state(id)).toBe('deferred')
    await bench.pass(2 * MINUTE)
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.server.seen.at(-1)?.recipients).toEqual(['a@x.com'])
  })
})

describe('the pace', () => {
  it('keeps to the messages of a minute and to the connections', async () => {
    await using bench = await startBench({ profiles: [profileOf('default')] })
    bench.outbox.start()
    for (let i = 0; i < 100; i++) await bench.accept()
    await bench.pass(4 * MINUTE, 250)
    const times = bench.server.seen.map(({ at }) => at)
    expect(times).toHaveLength(100)
    for (const from of times) {
      const inMinute = times.filter((at) => at >= from && at < from + MINUTE)
      expect(inMinute.length).toBeLessThanOrEqual(30)
    }
    expect(bench.server.mostOpen).toBeLessThanOrEqual(3)
  })

  it('is one for all profiles of a mailbox', async () => {
    const profiles = [profileOf('one'), profileOf('two')]
    await using bench = await startBench({ profiles })
    bench.outbox.start()
    for (let i = 0; i < 40; i++) await bench.accept({ profileId: i % 2 ? 'one' : 'two' })
    await bench.pass(MINUTE - 1_000, 250)
    expect(bench.server.seen.length).toBeLessThanOrEqual(30)
    await bench.pass(2 * MINUTE, 250)
    expect(bench.server.seen).toHaveLength(40)
  })

  it('uses several connections and each for many messages', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    for (let i = 0; i < 60; i++) await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(60)
    expect(bench.server.opened.length).toBeLessThanOrEqual(3)
  })

  it('goes on with one connection after a trouble, and takes the others back', async () => {
    await using bench = await startBench()
    bench.server.answers = [BUSY, BUSY, BUSY]
    for (let i = 0; i < 3; i++) await bench.accept()
    bench.outbox.start()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(3)
    for (let i = 0; i < 10; i++) await bench.accept()
    await bench.outbox.idle()
    // The pause: nothing is tried.
    expect(bench.server.seen).toHaveLength(3)
    await bench.pass(10_000)
    expect(bench.server.seen).toHaveLength(13)
    // They met the trouble behind the login: their time is that of the schedule.
    await bench.pass(MINUTE)
    expect(bench.server.seen).toHaveLength(16)
    expect(await bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 0 })
  })

  it('tries little while the server is down, and sends everything when it is back', async () => {
    await using bench = await startBench()
    bench.server.otherwiseOpening = 'refused'
    bench.outbox.start()
    for (let i = 0; i < 50; i++) await bench.accept()
    await bench.pass(HOUR, 5_000)
    expect(bench.server.opened.length).toBeLessThan(30)
    bench.server.otherwiseOpening = 'ok'
    await bench.pass(10 * MINUTE, 5_000)
    expect(new Set(bench.server.seen.map(({ id }) => id)).size).toBe(50)
    expect(bench.outbox.queueOf('default').queued).toBe(0)
  })

  it('stops when the recipients of the day are used up, and goes on as they come back', async () => {
    const delivery = { ...FREE, recipientsPerDay: 10 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    bench.outbox.start()
    for (let i = 0; i < 6; i++) await bench.accept(draftOf({ to: ['a@x.com', 'b@x.com'] }))
    await bench.pass(MINUTE)
    expect(bench.server.seen).toHaveLength(5)
    expect(bench.named('outbox.day_used_up')).toHaveLength(1)
    await bench.pass(23 * HOUR, 10 * MINUTE)
    expect(bench.server.seen).toHaveLength(5)
    await bench.pass(3 * HOUR, 10 * MINUTE)
    expect(bench.server.seen).toHaveLength(6)
    expect(bench.named('outbox.day_used_up')).toHaveLength(1)
  })

  it('waits for what is under way before it says that the recipients of the day are used up', async () => {
    const delivery = { ...FREE, recipientsPerDay: 10 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    const gate = Promise.withResolvers<void>()
    bench.server.pause = gate.promise
    bench.server.answers = [TOO_LARGE]
    bench.outbox.start()
    await bench.accept(draftOf({ to: Array.from({ length: 10 }, (_, i) => `r${i}@x.com`) }))
    const { id } = await bench.accept()
    await expect.poll(() => bench.server.seen.length).toBe(1)
    for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve))
    gate.resolve()
    await bench.outbox.idle()
    expect(await bench.state(id)).toBe('delivered')
    expect(bench.named('outbox.day_used_up')).toEqual([])
  })

  it('neither stops nor floods when the clock is set by a year', async () => {
    await using bench = await startBench({ profiles: [profileOf('default')] })
    bench.outbox.start()
    const year = 365 * 24 * HOUR
    for (const jump of [year, -2 * year]) {
      const before = bench.server.seen.length
      for (let i = 0; i < 20; i++) await bench.accept()
      bench.clock.set(bench.clock.now() + jump)
      await bench.accept()
      await bench.pass(2_000, 250)
      expect(bench.server.seen.length - before).toBeLessThanOrEqual(5)
      // The test's clock wakes its sleepers by the time that is shown, real timers do not.
      if (jump < 0) bench.clock.set(bench.clock.now() - jump)
      await bench.pass(2 * MINUTE, 250)
      expect(bench.server.seen.length - before).toBe(21)
    }
  })
})

describe('the order', () => {
  it('lets alerts and test emails overtake, then people, then the bulk', async () => {
    const delivery = { ...FREE, messagesPerMinute: 10 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    const ids: string[] = []
    for (const priority of [3, 3, 2, 3, 1, 0, 2] as const) {
      const draft = draftOf({ priority })
      ids.push(`${priority} ${draft.envelope.envid}`)
      await bench.accept(draft)
    }
    bench.outbox.start()
    await bench.pass(2 * MINUTE, 500)
    const priorityOf = (id: string) => ids.find((known) => known.endsWith(` ${id}`))?.[0]
    const order = bench.server.seen.map(({ id }) => priorityOf(id))
    expect(order).toEqual(['0', '1', '2', '2', '3', '3', '3'])
  })

  it('lets clients take turns', async () => {
    const delivery = { ...FREE, connections: 1, messagesPerMinute: 60 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    const clients = new Map<string, string>()
    for (let i = 0; i < 12; i++) {
      const client = i < 10 ? 'relay:loud' : 'relay:quiet'
      const draft = draftOf({ client })
      clients.set(draft.envelope.envid ?? '', client)
      await bench.accept(draft)
    }
    bench.outbox.start()
    await bench.pass(MINUTE, 500)
    const order = bench.server.seen.map(({ id }) => clients.get(id))
    expect(order.slice(0, 4).filter((client) => client === 'relay:quiet')).toHaveLength(2)
  })
})

describe('the connections', () => {
  it('are closed after a minute without use', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    await bench.accept()
    await bench.pass(50_000)
    expect(bench.server.openNow).toBe(1)
    await bench.pass(20_000)
    expect(bench.server.openNow).toBe(0)
  })

  it('are renewed after ten minutes', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    for (let i = 0; i < 22; i++) {
      await bench.accept()
      await bench.pass(30_000, 5_000)
    }
    expect(bench.server.opened).toHaveLength(2)
  })

  it('are renewed when the settings or the credential change', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    bench.save(freeProfile())
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.opened).toHaveLength(2)
    bench.save(freeProfile('default', { subjectPrefix: 'new' }), false)
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.opened).toHaveLength(2)
  })

  it('give their place up as soon as a verification waits for one', async () => {
    const delivery = { ...FREE, connections: 1 }
    await using bench = await startBench({ profiles: [freeProfile('default', { delivery })] })
    bench.outbox.start()
    await bench.accept()
    await bench.outbox.idle()
    expect(bench.server.openNow).toBe(1)
    const mailbox = {
      server: { host: 'smtp.office365.com', port: 587 },
      login: 'alerts@contoso.com',
    }
    const slot = await bench.slots.acquire(mailbox, { most: 1, urgent: true })
    expect(bench.server.openNow).toBe(0)
    await bench.accept()
    await bench.clock.advance(10)
    expect(bench.server.seen).toHaveLength(1)
    slot.release()
    await bench.outbox.idle()
    expect(bench.server.seen).toHaveLength(2)
  })
})
