import { describe, expect, it } from 'vitest'
import { FAKE_NOW } from '../../support/clock.ts'
import { readMail } from '../../support/mail.ts'
import { diagnosisOf } from '../alerts/alerts-bench.ts'
import { ALICE, profileInput } from '../profiles/harness.ts'
import { createSendBench, otherProfile, type SendBench } from './send-bench.ts'

const mailOf = (bench: SendBench) => readMail(bench.outbox.last().body.toString('latin1'))
const TO = { to: 'ada@example.com' }

describe('A message in JSON', () => {
  it('is accepted with what the profile adds', async () => {
    await using bench = await createSendBench()
    const answer = await bench.send({
      to: [
        'Ada Lovelace <ada@example.com>',
        { name: 'Müller, Jörg', address: 'joerg@example.com' },
      ],
      cc: 'cc@example.com',
      bcc: [{ address: 'secret@example.com' }, 'ADA@example.com'],
      replyTo: 'reply@example.com',
      subject: 'Grüße',
      text: 'Hello\nworld ü',
      html: '<p>Hello</p>',
    })
    const { body, draft } = bench.outbox.last()
    const [id] = [...bench.outbox.kept.keys()]
    expect(answer.status).toBe(202)
    expect(answer.body).toEqual({
      id,
      profile: 'default',
      state: 'queued',
      acceptedAt: new globalThis.Date(FAKE_NOW).toISOString(),
      messageId: `<${id}@contoso.com>`,
      duplicate: false,
      reply: null,
      serverMessageId: null,
      diagnosis: null,
      detail: null,
      links: { self: `/api/v1/messages/${id}` },
    })
    expect(answer.headers.get('location')).toBe(`/api/v1/messages/${id}`)
    expect(draft).toEqual({
      profileId: 'default',
      source: 'api',
      priority: 2,
      client: 'token:app',
      envelope: {
        sender: 'alerts@contoso.com',
        recipients: [
          'ADA@example.com',
          'joerg@example.com',
          'cc@example.com',
          'secret@example.com',
        ].map((address) => ({ address, notify: null, orcpt: null })),
        smtpUtf8: false,
        eightBit: false,
        ret: null,
        envid: null,
      },
      headerFrom: 'alerts@contoso.com',
      subject: '[Process] Grüße',
      messageId: `<${id}@contoso.com>`,
      once: false,
      bounceTo: null,
      idempotency: null,
    })
    const mail = mailOf(bench)
    expect(mail.header('from')).toEqual(['Process Alerts <alerts@contoso.com>'])
    expect(mail.header('to')[0]).toMatch(/^Ada Lovelace <ada@example.com>, .*<joerg@example.com>$/)
    expect(mail.header('cc')).toEqual(['cc@example.com'])
    expect(mail.header('reply-to')).toEqual(['reply@example.com'])
    expect(mail.header('date')).toEqual(['Mon, 23 Nov 2026 10:00:00 +0000'])
    expect(mail.header('message-id')).toEqual([`<${id}@contoso.com>`])
    expect(mail.subject).toBe('[Process] Grüße')
    expect(mail.text.trim()).toBe('Hello\r\nworld ü')
    expect(mail.html.trim()).toBe('<p>Hello</p>')
    expect(body.toString('latin1')).not.toMatch(/secret|^bcc/im)
    expect(body.toString('latin1')).not.toMatch(/[^\r]\n|\r[^\n]|[\x80-\xff]/)
  })

  it('has the wanted name of the sender, and no other address than the profile’s own', async () => {
    await using bench = await createSendBench()
    await bench.send({ ...TO, from: { name: 'Billing' } })
    expect(mailOf(bench).header('from')).toEqual(['Billing <alerts@contoso.com>'])
    await bench.send({ ...TO, from: 'Desk <Alerts@contoso.com>' })
    expect(mailOf(bench).header('from')).toEqual(['Desk <Alerts@contoso.com>'])
    await bench.send({ ...TO, from: 'alerts@contoso.com' })
    expect(mailOf(bench).header('from')).toEqual(['Process Alerts <alerts@contoso.com>'])

    const refused = await bench.call('POST', 'messages', { ...TO, from: 'boss@contoso.com' })
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({ code: 'message_invalid', problems: [{ field: 'from' }] })
    expect(refused.body.detail).toContain('sends as alerts@contoso.com')
  })

  it('takes its priority and further header fields', async () => {
    await using bench = await createSendBench()
    const headers = {
      'X-Ticket': 'ünique',
      'In-Reply-To': '<1@example.com>',
      References: '<0@example.com> <1@example.com>',
      'List-Unsubscribe': '<https://example.com/u>, <mailto:u@example.com>',
      'Message-ID': '<own-7@example.com>',
      'Auto-Submitted': 'auto-generated',
    }
    const answer = await bench.send({ ...TO, headers, priority: 'bulk', text: 'x' })
    expect(answer.body.messageId).toBe('<own-7@example.com>')
    expect(bench.outbox.last().draft).toMatchObject({
      priority: 3,
      messageId: '<own-7@example.com>',
    })
    const mail = mailOf(bench)
    for (const [name, value] of Object.entries(headers)) {
      expect(mail.header(name), name).toEqual([value])
    }
  })

  it('carries attachments, byte for byte and with any name', async () => {
    await using bench = await createSendBench()
    const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
    await bench.send({
      ...TO,
      html: '<img src="cid:logo">',
      attachments: [
        { filename: 'Größe "a\\b".bin', content: content.toString('base64') },
        { filename: 'logo.png', contentId: 'logo', content: content.toString('base64') },
        { contentType: 'application/pdf', content: '', disposition: 'inline' },
      ],
    })
    const text = bench.outbox.last().body.toString('latin1')
    const encoded = text.replaceAll('\r\n', '')
    expect(encoded.split(content.toString('base64'))).toHaveLength(3)
    expect(text).toMatch(/Content-ID: <logo>/i)
    expect(text).toMatch(/filename\*0\*=utf-8''Gr%C3%B6%C3%9Fe/i)
    expect(text).toMatch(/Content-Type: application\/pdf/)
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThan(200)
  })

  it('of several megabytes is written piece by piece', async () => {
    await using bench = await createSendBench()
    const content = Buffer.alloc(4 * 1024 * 1024, 7).toString('base64')
    await bench.send({ ...TO, attachments: [{ filename: 'a.bin', content }] })
    const [intake] = bench.outbox.intakes
    expect(intake?.sizeBytes).toBeGreaterThan(5 * 1024 * 1024)
    expect(intake?.largestWrite).toBeLessThan(256 * 1024)
    expect(bench.outbox.last().body.toString('latin1').replaceAll('\r\n', '')).toContain(content)
  })

  it('goes through the named profile, else default, else the only one', async () => {
    await using bench = await createSendBench()
    await bench.rig.profiles.create(otherProfile(), ALICE)
    await bench.send({ ...TO })
    expect(bench.outbox.last().draft.profileId).toBe('default')
    await bench.send({ ...TO, profile: 'other' })
    expect(mailOf(bench).header('from')).toEqual(['Process Alerts <other@contoso.com>'])
    const unknown = await bench.call('POST', 'messages', { ...TO, profile: 'nobody' })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'profile_not_found'])

    const anyVersion = { version: undefined, actor: ALICE }
    await bench.rig.profiles.remove('default', anyVersion)
    expect((await bench.send({ ...TO })).body.profile).toBe('other')
    await bench.rig.profiles.create(otherProfile({ id: 'third' }), ALICE)
    const several = await bench.call('POST', 'messages', TO)
    expect([several.status, several.body.code]).toEqual([400, 'profile_required'])
    expect(several.body.detail).toContain('other, third')
    await bench.rig.profiles.remove('other', anyVersion)
    await bench.rig.profiles.remove('third', anyVersion)
    const none = await bench.call('POST', 'messages', TO)
    expect([none.status, none.body.code]).toEqual([400, 'profile_required'])
  })

  it('with an address beyond ASCII asks for SMTPUTF8', async () => {
    await using bench = await createSendBench()
    await bench.send({ to: 'grüße@bücher.example' })
    expect(bench.outbox.last().draft.envelope).toMatchObject({
      smtpUtf8: true,
      eightBit: true,
      recipients: [{ address: 'grüße@xn--bcher-kva.example' }],
    })
  })

  it('is accepted once for one Idempotency-Key of one token', async () => {
    await using bench = await createSendBench()
    const post = (body: object, as = 'app send', key = 'order-17') =>
      bench.call('POST', 'messages', body, { as, headers: { 'idempotency-key': key } })
    const first = await post({ ...TO, subject: 'a', text: 'b' })
    const again = await post({ text: 'b', subject: 'a', ...TO })
    expect(again.status).toBe(202)
    expect(again.body).toMatchObject({ id: first.body.id, duplicate: true })
    expect(again.body.messageId).toBe(first.body.messageId)
    const other = await post({ ...TO, subject: 'c', text: 'b' })
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_key_reused'])
    expect((await post({ ...TO, subject: 'c' }, 'second send')).body.duplicate).toBe(false)
    expect((await post({ ...TO, subject: 'c' }, 'app send', 'order-18')).body.duplicate).toBe(false)
    expect(bench.outbox.kept.size).toBe(3)
    expect((await post(TO, 'app send', 'ü')).status).toBe(400)
    expect((await post(TO, 'app send', 'x'.repeat(256))).status).toBe(400)
  })

  it('tells every problem at once and keeps nothing', async () => {
    await using bench = await createSendBench()
    const answer = await bench.call('POST', 'messages', {
      to: ['ada', 'x@y@z'],
      cc: { name: 'a\nb', address: 'c@example.com' },
      subject: 'a\r\nBcc: x@example.com',
      attachments: [{ content: 'not base64!', contentType: 'text' }],
      headers: { Bcc: 'x@example.com', 'X-Number': 5 },
    })
    expect(answer.body.problems.map(({ field }: { field: string }) => field)).toEqual([
      'to[0]',
      'to[1]',
      'cc',
      'subject',
      'attachments[0].content',
      'attachments[0].contentType',
      'headers.Bcc',
      'headers.X-Number',
    ])
    expect(bench.outbox.kept.size).toBe(0)
    const unknown = await bench.call('POST', 'messages', { to: { adress: 'x' }, colour: 1 })
    expect(unknown.body).toMatchObject({ code: 'input_invalid' })
    expect(unknown.body.detail).toMatch(/to\.address.*colour/)
  })

  it.each([
    ['a\u202eb.com', 'a[U+202E]b.com'],
    ['a\u200db.com', 'a[U+200D]b.com'],
    ['a\u05d0b.com', 'a\u05d0b.com'],
  ])('to a domain that cannot exist is refused by name: %j', async (domain, shown) => {
    await using bench = await createSendBench()
    const answer = await bench.call('POST', 'messages', {
      to: ['ada@example.com', `u@${domain}`],
      bcc: { name: 'Bob', address: `bob@${domain}` },
    })
    const wrong = 'has no valid domain after the @: correct it, as in alerts@contoso.com.'
    expect([answer.status, answer.body.problems]).toEqual([
      400,
      [
        { field: 'to[1]', message: `to[1] “u@${shown}” ${wrong}` },
        { field: 'bcc', message: `bcc “bob@${shown}” ${wrong}` },
      ],
    ])
    const query = new URLSearchParams({ to: `u@${domain}`, from: `x@${domain}` })
    const raw = await bench.raw(`?${query}`, ['From: alerts@contoso.com\r\n\r\nx'])
    expect([raw.status, JSON.parse(raw.body).problems]).toEqual([
      400,
      [
        { field: 'from', message: `from “x@${shown}” ${wrong}` },
        { field: 'to', message: `to “u@${shown}” ${wrong}` },
      ],
    ])
    expect(bench.outbox.kept.size).toBe(0)
  })

  it('that cannot be stored is no accepted one', async () => {
    await using bench = await createSendBench()
    bench.outbox.failWith = new Error('disk on fire')
    expect((await bench.call('POST', 'messages', TO)).status).toBe(500)
    expect(bench.outbox.intakes.map(({ end }) => end)).toEqual(['aborted'])
  })

  it('needs the scope send', async () => {
    await using bench = await createSendBench()
    expect((await bench.call('POST', 'messages', TO, { as: 'eye monitor' })).status).toBe(403)
  })
})

describe('Waiting for the outcome', () => {
  it('answers 200 with the server’s words when the message has ended', async () => {
    await using bench = await createSendBench()
    const answer = bench.send({ ...TO }, '?wait=10s')
    await expect.poll(() => bench.outbox.kept.size).toBe(1)
    const [id = ''] = [...bench.outbox.kept.keys()]
    bench.outbox.settle(id, { state: 'delivered', reply: '250 2.0.0 OK', serverMessageId: 'x' })
    const { status, body } = await answer
    expect(status).toBe(200)
    expect(body).toMatchObject({ id, state: 'delivered', reply: '250 2.0.0 OK' })
  })

  it('answers a failure with its diagnosis, and 202 when it still waits', async () => {
    await using bench = await createSendBench()
    const diagnosis = diagnosisOf('recipient_unknown')
    for (const [state, status] of [
      ['failed', 200],
      ['deferred', 202],
    ] as const) {
      const answer = bench.send({ ...TO }, '?wait=60s')
      await expect.poll(() => bench.outbox.last().detail.message.state).toBe('queued')
      const id = bench.outbox.last().detail.message.id
      bench.outbox.settle(id, { state, reply: '550 5.1.1', diagnosis })
      expect(await answer).toMatchObject({
        status,
        body: {
          state,
          reply: '550 5.1.1',
          diagnosis: { code: 'recipient_unknown' },
          detail: `${diagnosis.summary} ${diagnosis.remedy}`,
        },
      })
    }
  })

  it('ends at once for mail that is held, and tells why', async () => {
    await using bench = await createSendBench()
    const diagnosis = diagnosisOf('secret_expired')
    const hold = { since: FAKE_NOW, diagnosis, nextProbeAt: FAKE_NOW, probes: 0 }
    bench.outbox.holds.push({ ...hold, profileId: 'default', sender: '' })
    const { status, body } = await bench.send({ ...TO }, '?wait=60s')
    expect(status).toBe(202)
    expect(body).toMatchObject({ state: 'held', diagnosis: { code: 'secret_expired' } })
  })

  it('ends with 202 when the agent stops: the message is accepted', async () => {
    await using bench = await createSendBench()
    const answer = bench.send({ ...TO }, '?wait=60s')
    await expect.poll(() => bench.outbox.kept.size).toBe(1)
    bench.stop.abort(new Error('stopping'))
    expect(await answer).toMatchObject({ status: 202, body: { state: 'queued' } })
  })

  it.each(['0s', '61s', '10', 'soon', '1m'])('refuses wait=%s', async (wait) => {
    await using bench = await createSendBench()
    const { status, body } = await bench.call('POST', `messages?wait=${wait}`, TO)
    expect(body.detail).toMatch(/wait does not have the expected form.*10s/)
    expect([status, body.code]).toEqual([400, 'input_invalid'])
    expect(body.detail).toContain('1s to 60s')
    expect(bench.outbox.kept.size).toBe(0)
  })
})

it('shows the prefix of another profile in front of the subject', async () => {
  await using bench = await createSendBench()
  await bench.rig.profiles.create(profileInput({ id: 'plain', subjectPrefix: '' }), ALICE)
  await bench.send({ ...TO, profile: 'plain', subject: 'Hi' })
  expect(mailOf(bench).subject).toBe('Hi')
})
