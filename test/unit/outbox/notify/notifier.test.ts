import { describe, expect, it } from 'vitest'
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../../../src/platform/clock.ts'
import { readMail } from '../../../support/mail.ts'
import { profileOf, START } from '../../alerts/alerts-bench.ts'
import { createNotifyBench, failureOf, recipientOf } from './notify-bench.ts'

const bounceTo = 'scanner@contoso.com'

describe('the report of failed messages', () => {
  it('goes to the error address at once, as a message of Postern’s own', async () => {
    await using bench = createNotifyBench()
    const news: unknown[] = []
    bench.events.on('message.accepted', (each) => {
      news.push(each)
    })
    await bench.failed(failureOf('m1'))
    const [report, ...more] = bench.store.accepted
    expect(more).toEqual([])
    expect(report?.message.draft).toMatchObject({
      profileId: 'default',
      source: 'report',
      priority: 2,
      client: 'postern',
      once: false,
      bounceTo: null,
      headerFrom: 'default@contoso.com',
      envelope: {
        sender: 'default@contoso.com',
        recipients: [{ address: 'it-default@contoso.com', notify: null, orcpt: null }],
      },
    })
    expect(report?.message.sizeBytes).toBe(report?.raw.length)
    const mail = readMail(report?.raw ?? '')
    expect(mail.header('message-id')).toEqual([report?.message.draft.messageId])
    expect(mail.header('to')).toEqual(['it-default@contoso.com'])
    expect(mail.header('auto-submitted')).toEqual(['auto-generated'])
    expect(news).toEqual([{ id: report?.message.id, profileId: 'default', source: 'report' }])
  })

  it('comes at most once in 15 minutes, and then tells all that failed meanwhile', async () => {
    await using bench = createNotifyBench()
    await bench.failed(failureOf('m1'))
    for (let minute = 0; minute < 14; minute++) {
      await bench.clock.advance(MINUTE_MS)
      await bench.failed(failureOf(`later-${minute}`))
    }
    expect(bench.store.accepted).toHaveLength(1)
    await bench.clock.advance(MINUTE_MS - 1)
    expect(bench.store.accepted).toHaveLength(1)
    await bench.clock.advance(1)
    await bench.notifier.idle()
    expect(bench.store.accepted).toHaveLength(2)
    const { text, subject } = readMail(bench.store.accepted[1]?.raw ?? '')
    expect(subject).toContain('14 messages')
    expect(text).toContain('Scan later-0')
    expect(text).toContain('Scan later-13')
    expect(text).not.toContain('Scan m1')
  })

  it('tells each profile’s failures to its own address', async () => {
    await using bench = createNotifyBench()
    bench.profiles.set('other', profileOf('other'))
    await bench.failed(failureOf('m1'), failureOf('m2', { message: { profileId: 'other' } }))
    const told = bench.store.accepted.map(({ message }) => message.draft.envelope.recipients)
    expect(told.flat().map(({ address }) => address)).toEqual([
      'it-default@contoso.com',
      'it-other@contoso.com',
    ])
  })

  it('is not lost with a crash, and keeps its pace after one', async () => {
    await using bench = createNotifyBench()
    bench.store.messages.push(failureOf('m1'))
    await bench.restart()
    expect(bench.store.accepted).toHaveLength(1)
    bench.store.messages.push(failureOf('m2'))
    await bench.restart()
    expect(bench.store.accepted).toHaveLength(1)
    await bench.clock.advance(15 * MINUTE_MS)
    await bench.notifier.idle()
    expect(bench.store.accepted).toHaveLength(2)
  })

  it('is marked as told, with an event, where nobody is named to read it', async () => {
    await using bench = createNotifyBench()
    const news: unknown[] = []
    bench.events.on('failures.unreported', (each) => {
      news.push(each)
    })
    bench.profiles.set('default', profileOf('default', { errorEmailAddress: null }))
    await bench.failed(failureOf('m1'), failureOf('m2'))
    expect(bench.store.accepted).toEqual([])
    expect([...bench.store.reported]).toEqual(['m1', 'm2'])
    expect(news).toEqual([{ profileId: 'default', messages: 2, at: START }])
    await bench.clock.advance(DAY_MS)
    expect(news).toHaveLength(1)
  })

  it('goes on when the clock was set back since the last one', async () => {
    await using bench = createNotifyBench()
    await bench.failed(failureOf('m1'))
    bench.clock.set(START - 365 * DAY_MS)
    await bench.failed(failureOf('m2'))
    expect(bench.store.accepted).toHaveLength(2)
  })

  it('is tried again when the store fails, with one line in the log', async () => {
    await using bench = createNotifyBench()
    await bench.notifier.idle()
    bench.store.failWith = new Error('disk I/O error')
    await bench.failed(failureOf('m1'))
    expect(bench.log.filter((line) => line.includes('disk I/O error'))).toHaveLength(1)
    bench.store.failWith = undefined
    await bench.clock.advance(30 * SECOND_MS)
    await bench.notifier.idle()
    expect(bench.store.accepted).toHaveLength(1)
  })

  it('of one profile is not held up by the damaged settings of another', async () => {
    await using bench = createNotifyBench()
    bench.profiles.set('damaged', profileOf('damaged', { senderEmailAddress: '' }))
    bench.profiles.set('other', profileOf('other'))
    const damaged = { profileId: 'damaged', bounceTo }
    await bench.failed(
      failureOf('m1', { message: damaged }),
      failureOf('m2', { message: { profileId: 'other' } }),
    )
    const told = bench.store.accepted.map(({ message }) => message.draft.profileId)
    expect(told).toEqual(['other'])
    expect(bench.store.reported.has('m1')).toBe(false)
    bench.profiles.set('damaged', profileOf('damaged'))
    await bench.clock.advance(15 * MINUTE_MS)
    await bench.notifier.idle()
    expect(bench.store.reported.has('m1')).toBe(true)
  })

  it('stands for 500 messages at most, and the next one goes on', async () => {
    await using bench = createNotifyBench()
    await bench.failed(...Array.from({ length: 501 }, (_, i) => failureOf(`m-${i}`)))
    expect(bench.store.reported.size).toBe(500)
    expect(readMail(bench.store.accepted[0]?.raw ?? '').subject).toContain('More than 500 messages')
    await bench.clock.advance(15 * MINUTE_MS)
    await bench.notifier.idle()
    expect(bench.store.reported.size).toBe(501)
    expect(bench.store.accepted).toHaveLength(2)
  })

  it('costs nothing while nothing fails', async () => {
    await using bench = createNotifyBench()
    await bench.failed(failureOf('m1'))
    const { calls } = bench.store
    await bench.clock.advance(DAY_MS)
    expect(bench.store.calls).toBe(calls)
    expect(bench.clock.sleepers).toBe(0)
  })

  it('writes no subject and no address into the log', async () => {
    await using bench = createNotifyBench()
    await bench.failed(failureOf('m1', { message: { bounceTo } }))
    expect(bench.log.length).toBeGreaterThan(0)
    expect(bench.log.join('')).not.toMatch(/Scan m1|fabrikam|scanner@/)
  })
})

describe('a delivery status notification', () => {
  const wanted = (id: string, more: Parameters<typeof failureOf>[1] = {}) =>
    failureOf(id, { ...more, message: { bounceTo, ...more?.message } })
  const HEAD = 'From: <scanner@contoso.com>\r\nSubject: Scan\r\n'

  it('goes to the sender, once, and never comes back itself', async () => {
    await using bench = createNotifyBench()
    bench.store.bodies.set('m1', Buffer.from(`${HEAD}\r\nHello\r\n`))
    await bench.failed(wanted('m1'))
    const [bounce] = bench.store.accepted
    expect(bounce?.message.draft).toMatchObject({
      source: 'bounce',
      priority: 3,
      client: 'postern',
      bounceTo: null,
      envelope: {
        sender: 'default@contoso.com',
        recipients: [{ address: bounceTo, notify: 'NEVER', orcpt: null }],
      },
    })
    expect(bounce?.raw).toContain('text/rfc822-headers')
    expect(bounce?.raw).not.toContain('Hello')
    await bench.restart()
    const sources = bench.store.accepted.map(({ message }) => message.draft.source)
    expect(sources).toEqual(['bounce', 'report'])
  })

  it('brings the whole message back where RET=FULL asks for it and it is small', async () => {
    await using bench = createNotifyBench()
    const body = Buffer.from(`${HEAD}\r\nHello\r\n`)
    const envelope = { ...failureOf('x').message.envelope, ret: 'FULL' as const }
    for (const id of ['m1', 'm2']) bench.store.bodies.set(id, body)
    await bench.failed(
      wanted('m1', { message: { envelope, sizeBytes: body.length } }),
      wanted('m2', { message: { envelope, sizeBytes: 300_000 } }),
    )
    const [whole, headers] = bench.store.accepted
    expect(whole?.raw).toContain(`Content-Type: message/rfc822\r\n\r\n${body.toString()}`)
    expect(headers?.raw).toContain(`Content-Type: text/rfc822-headers\r\n\r\n${HEAD}\r\n--`)
  })

  it('is written without the message when its bytes are not kept any more', async () => {
    await using bench = createNotifyBench()
    await bench.failed(wanted('m1', { message: { hasBody: false } }))
    expect(bench.store.accepted[0]?.raw).toContain('message/delivery-status')
    expect(bench.store.accepted[0]?.raw).not.toContain('rfc822-headers')
  })

  it.each([
    ['null sender', '', { envelope: { ...failureOf('x').message.envelope, sender: '' } }],
    ['bounce', '', { source: 'bounce' }],
    ['report', '', { source: 'report' }],
    ['Auto-Submitted', 'Auto-Submitted: auto-replied (vacation)\r\n', {}],
    ['auto-submitted', 'auto-submitted:\r\n auto-notified; x=y\r\n', {}],
    ['Precedence', 'Precedence: bulk\r\n', {}],
    ['Precedence', 'PRECEDENCE: List\r\n', {}],
    ['a report', 'Content-Type: multipart/report; report-type=delivery-status\r\n', {}],
  ] as const)('never answers what is an answer itself: %s (%j)', async (_, fields, message) => {
    await using bench = createNotifyBench()
    bench.store.bodies.set('m1', Buffer.from(`${HEAD}${fields}\r\nHello\r\n`))
    await bench.failed(wanted('m1', { message }))
    const sources = bench.store.accepted.map(({ message: { draft } }) => draft.source)
    expect(sources).not.toContain('bounce')
    expect(bench.store.bounced.has('m1')).toBe(true)
    expect(bench.log.join('')).toContain('no delivery status notification')
  })

  it.each([
    'Auto-Submitted: no\r\n',
    'Auto-Submitted: auto-generated\r\n',
    'Precedence: first-class\r\n',
    'X-Precedence: bulk\r\n',
  ])('is sent about a message with %j', async (fields) => {
    await using bench = createNotifyBench()
    bench.store.bodies.set('m1', Buffer.from(`${HEAD}${fields}\r\nPrecedence: bulk\r\n`))
    await bench.failed(wanted('m1'))
    expect(bench.store.accepted[0]?.message.draft.source).toBe('bounce')
  })

  it.each([
    ['NEVER', false],
    ['SUCCESS,DELAY', false],
    ['SUCCESS,FAILURE', true],
    ['failure', true],
    [null, true],
  ])('obeys NOTIFY=%s', async (notify, isSent) => {
    await using bench = createNotifyBench()
    await bench.failed(wanted('m1', { recipients: [recipientOf('bob@fabrikam.com', { notify })] }))
    const sources = bench.store.accepted.map(({ message: { draft } }) => draft.source)
    expect(sources.includes('bounce')).toBe(isSent)
    // The operators are told in any case.
    expect(sources).toContain('report')
  })

  it('stops nothing when its profile was removed meanwhile', async () => {
    await using bench = createNotifyBench()
    bench.profiles.clear()
    await bench.failed(wanted('m1'), wanted('m2'))
    expect(bench.store.accepted).toEqual([])
    expect([...bench.store.bounced]).toEqual(['m1', 'm2'])
  })
})
