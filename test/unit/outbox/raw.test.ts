import { describe, expect, it } from 'vitest'
import { createLineEnds } from '../../../src/outbox/compose/line-ends.ts'
import { createSendBench } from './send-bench.ts'

const QUERY = '?to=ada@example.com'
const HEADER = [
  'From: Desk <alerts@contoso.com>',
  'To: header-only@example.com',
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?B?/A==?=',
  'Date: Mon, 23 Nov 2026 10:42:00 +0100',
  'Message-ID: <own@contoso.com>',
]
const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join('')
const text = (bench: { outbox: { last(): { body: Buffer } } }) =>
  bench.outbox.last().body.toString('latin1')

/** Of a profile without a subject prefix. */
const rawBench = (options: Parameters<typeof createSendBench>[0] = {}) =>
  createSendBench({ subjectPrefix: '', ...options })

describe('A finished message', () => {
  it('is stored byte for byte, with the envelope of the query', async () => {
    await using bench = await rawBench()
    const message = `${lines(...HEADER, '', 'Hellö', '.', '..dots', '')}`
    const query = '?to=ada@example.com&to=bob@example.com&to=ADA@example.com'
    const { status, body } = await bench.raw(query, [message])
    expect(status).toBe(202)
    expect(JSON.parse(body)).toMatchObject({ messageId: '<own@contoso.com>', state: 'queued' })
    expect(bench.outbox.last().body.toString()).toBe(message)
    const { draft } = bench.outbox.last()
    expect(draft).toMatchObject({
      headerFrom: 'alerts@contoso.com',
      subject: 'Grüßeü',
      messageId: '<own@contoso.com>',
      envelope: { sender: 'alerts@contoso.com', smtpUtf8: false, eightBit: true },
    })
    expect(draft.envelope.recipients.map(({ address }) => address)).toEqual([
      'ADA@example.com',
      'bob@example.com',
    ])
  })

  it('loses its Bcc, folded or not, and gets what is missing', async () => {
    await using bench = await rawBench()
    const given = lines(
      'Bcc: a@example.com,',
      '\tb@example.com',
      'X-A: 1',
      'BCC : c@example.com',
      '',
      'hi',
    )
    expect((await bench.raw(QUERY, [given])).status).toBe(202)
    const [id] = [...bench.outbox.kept.keys()]
    expect(text(bench)).toBe(
      lines(
        'X-A: 1',
        'From: Process Alerts <alerts@contoso.com>',
        'Date: Mon, 23 Nov 2026 10:00:00 +0000',
        `Message-ID: <${id}@contoso.com>`,
        '',
        'hi',
      ),
    )
  })

  it('gets CR LF for line feeds alone, wherever the pieces end', async () => {
    await using bench = await rawBench()
    const given = `${HEADER.join('\n')}\n\none\r\ntwo\n\nthree`
    const wanted = lines(...HEADER, '', 'one', 'two', '', 'three')
    for (const size of [1, 2, 3, 7, given.length]) {
      const pieces = Array.from({ length: Math.ceil(given.length / size) }, (_, i) =>
        given.slice(i * size, (i + 1) * size),
      )
      expect((await bench.raw(QUERY, pieces)).status).toBe(202)
      expect(text(bench)).toBe(wanted)
    }
  })

  it.each([
    ['a carriage return in the header', 'Subject: a\rBcc: x@example.com\r\n\r\nx'],
    ['a carriage return in the text', 'Subject: a\r\n\r\nx\ry'],
    ['a carriage return at the end', 'Subject: a\r\n\r\nx\r'],
    ['a NUL', 'Subject: a\r\n\r\nx\0y'],
    ['a line without a colon', 'Subject: a\r\nnonsense\r\n\r\nx'],
    ['a blank before the first field', ' Subject: a\r\n\r\nx'],
    ['an envelope line of a mailbox file', 'From root Mon Nov 23\nSubject: a\n\nx'],
    ['two From fields', 'From: alerts@contoso.com\r\nFrom : x@y.example\r\n\r\nx'],
    ['a header without end', `${'X-A: 1\r\n'.repeat(40_000)}`],
  ])('with %s is refused', async (_name, given) => {
    await using bench = await rawBench()
    const { status, body } = await bench.raw(QUERY, [given])
    expect([status, JSON.parse(body).code]).toEqual([400, 'message_malformed'])
    expect(bench.outbox.kept.size).toBe(0)
  })

  it.each([
    ['no recipient', '', 'From: alerts@contoso.com', 'to'],
    ['a wrong recipient', '?to=ada', 'From: alerts@contoso.com', 'to'],
    ['a recipient with a command', '?to=a@b.example%0d%0aDATA', 'From: alerts@contoso.com', 'to'],
    ['another envelope sender', `${QUERY}&from=x@y.example`, 'From: alerts@contoso.com', 'from'],
    ['another From', QUERY, 'From: Alerts <x@y.example>', 'header.from'],
    ['another From beside', QUERY, 'From: alerts@contoso.com, x@y.example', 'header.from'],
    ['another From in a group', QUERY, 'From: a:alerts@contoso.com,x@y.example;', 'header.from'],
    ['an empty From', QUERY, 'From: ', 'header.from'],
    ['another Sender', QUERY, 'From: alerts@contoso.com\r\nSender: x@y.example', 'header.sender'],
    ['two Senders', QUERY, 'Sender: alerts@contoso.com\r\nSender: x@y.example', 'header.sender'],
    ['a Sender without From', QUERY, 'Sender: x@y.example', 'header.sender'],
    ['an unreadable Sender', QUERY, 'Sender: alerts@contoso.com <', 'header.sender'],
    ['another name', QUERY, 'From: x@y.example <alerts@contoso.com>', 'header.from'],
    ['an open bracket', QUERY, 'From: x@y.example <alerts@contoso.com', 'header.from'],
    ['a quoted comma', QUERY, 'From: "x@y.example,"@x <alerts@contoso.com>', 'header.from'],
    ['a comment', QUERY, 'From: alerts@contoso.com (<x@y.example>)', 'header.from'],
    ['a group of its own', QUERY, 'From: a: alerts@contoso.com;', 'header.from'],
    ['a route', QUERY, 'From: "alerts@contoso.com" <@x:x@y.example>', 'header.from'],
    ['a semicolon', QUERY, 'From: x@y.example;alerts@contoso.com', 'header.from'],
    ['two addresses', QUERY, 'From: x@y.example alerts@contoso.com', 'header.from'],
  ])('with %s is refused', async (_name, query, from, field) => {
    await using bench = await rawBench()
    const { status, body } = await bench.raw(query, [lines(from, '', 'x')])
    expect(status).toBe(400)
    expect(JSON.parse(body)).toMatchObject({ code: 'message_invalid', problems: [{ field }] })
    expect(bench.outbox.kept.size).toBe(0)
  })

  it.each([
    'Alerts <ALERTS@contoso.com>',
    '"x@y.example" <alerts@contoso.com>',
    'alerts@contoso.com (Process)',
    '=?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n <alerts@contoso.com>',
  ])('with From: %s is taken', async (from) => {
    await using bench = await rawBench()
    const given = lines(`From: ${from}`, 'Sender: <alerts@contoso.com>', '', 'x')
    expect((await bench.raw(QUERY, [given])).status).toBe(202)
    expect(bench.outbox.last().draft.headerFrom).toBe('alerts@contoso.com')
    expect(text(bench).startsWith(`From: ${from}\r\n`)).toBe(true)
  })

  it.each([
    ['[Process] ', 'Subject: Hello', 'Subject: [Process] Hello', '[Process] Hello'],
    [
      '[Process] ',
      'Subject:\tHello\r\n you',
      'Subject: [Process] Hello\r\n you',
      '[Process] Hello you',
    ],
    [
      '[Process]',
      'Subject: =?utf-8?Q?=C3=BC?=',
      'Subject: [Process] =?utf-8?Q?=C3=BC?=',
      '[Process] ü',
    ],
    ['Gruß: ', 'Subject: a', 'Subject: =?UTF-8?B?R3J1w586?= a', 'Gruß: a'],
    [
      'Gruß: ',
      'Subject: =?utf-8?Q?=C3=BC?=',
      'Subject: =?UTF-8?B?R3J1w586IA==?= =?utf-8?Q?=C3=BC?=',
      'Gruß: ü',
    ],
    [
      '[Process] ',
      'Subject: =?utf-8?Q?=5BProcess=5D_a?=',
      'Subject: =?utf-8?Q?=5BProcess=5D_a?=',
      '[Process] a',
    ],
    ['[Process] ', 'X-A: 1', 'X-A: 1\r\nSubject: [Process]', '[Process]'],
    [
      '[Process] ',
      `Subject: ${'x'.repeat(985)}`,
      `Subject: [Process]\r\n ${'x'.repeat(985)}`,
      undefined,
    ],
  ])('with the prefix %j has it in front of %j', async (subjectPrefix, given, wanted, shown) => {
    await using bench = await rawBench({ subjectPrefix })
    const rest = lines('From: alerts@contoso.com', 'Date: x', 'Message-ID: <1@a.b>')
    expect((await bench.raw(QUERY, [`${rest}${given}\r\n\r\nbody`])).status).toBe(202)
    expect(text(bench)).toBe(`${rest}${wanted}\r\n\r\nbody\r\n`)
    if (shown !== undefined) expect(bench.outbox.last().draft.subject).toBe(shown)
  })

  it.each([[[]], [['']]])('without a byte is refused', async (pieces) => {
    await using bench = await rawBench()
    const { status, body } = await bench.raw(QUERY, pieces)
    expect([status, JSON.parse(body).code]).toEqual([400, 'message_empty'])
    expect(bench.outbox.intakes.map(({ end }) => end)).toEqual(['aborted'])
  })

  it('of several megabytes is written piece by piece', async () => {
    await using bench = await rawBench()
    const line = lines('x'.repeat(70)).repeat(1000)
    const pieces = [lines(...HEADER, ''), ...Array.from({ length: 100 }, () => line)]
    expect((await bench.raw(QUERY, pieces)).status).toBe(202)
    const [intake] = bench.outbox.intakes
    expect(intake?.sizeBytes).toBe(pieces.join('').length)
    expect(intake?.largestWrite).toBeLessThan(256 * 1024)
  })

  it('that is too large is refused, and the connection stays sound', async () => {
    await using bench = await rawBench({ limitBytes: 100_000 })
    const pieces = [lines(...HEADER, ''), ...Array.from({ length: 200 }, () => 'x'.repeat(999))]
    const { status, body } = await bench.raw(QUERY, pieces)
    expect([status, JSON.parse(body).code]).toEqual([413, 'message_too_large'])
    expect(bench.outbox.intakes.map(({ end }) => end)).toEqual(['aborted'])
    expect((await bench.raw(QUERY, [lines(...HEADER, '', 'x')])).status).toBe(202)
  })

  it('that breaks off is not accepted', async () => {
    await using bench = await rawBench()
    const { request } = await import('node:http')
    const outgoing = request(`${bench.url}/api/v1/messages${QUERY}`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer app send',
        'content-type': 'message/rfc822',
        'content-length': '1000000',
      },
    })
    outgoing.on('error', () => {})
    outgoing.write(lines(...HEADER, '') + 'x'.repeat(200_000))
    await expect.poll(() => bench.outbox.intakes[0]?.sizeBytes ?? 0).toBeGreaterThan(60_000)
    outgoing.destroy()
    await expect.poll(() => bench.outbox.intakes[0]?.end).toBe('aborted')
    expect(bench.outbox.kept.size).toBe(0)
    expect(JSON.stringify(bench.server.log.lines)).not.toMatch(/request failed/)
  })

  it('is accepted once for one Idempotency-Key', async () => {
    await using bench = await rawBench()
    const post = async (query: string, message: string) => {
      const headers = { 'content-type': 'message/rfc822', 'idempotency-key': 'k' }
      return await bench.call('POST', `messages${query}`, message, { headers })
    }
    const message = lines('Subject: a', '', 'x')
    const first = await post(QUERY, message)
    expect((await post(QUERY, message)).body).toMatchObject({ id: first.body.id, duplicate: true })
    expect((await post(QUERY, `${message}y`)).status).toBe(409)
    expect((await post('?to=bob@example.com', message)).status).toBe(409)
    expect(bench.outbox.kept.size).toBe(1)
  })

  it('without a header at all, or without a text, is one', async () => {
    await using bench = await rawBench()
    expect((await bench.raw(QUERY, ['\r\nhi'])).status).toBe(202)
    expect(text(bench)).toMatch(/^From: [^\n]*\nDate: [^\n]*\nMessage-ID: [^\n]*\n\r\nhi\r\n$/)
    expect((await bench.raw(QUERY, ['Subject: x'])).status).toBe(202)
    expect(text(bench)).toMatch(/^Subject: x\r\nFrom: [\s\S]*\r\n\r\n$/)
  })
})

describe('Repaired line ends', () => {
  const repair = (text: string, size: number): string => {
    const ends = createLineEnds('repair')
    const out: Buffer[] = []
    for (let i = 0; i < text.length; i += size)
      out.push(ends.push(Buffer.from(text.slice(i, i + size))))
    return Buffer.concat([...out, ends.end()]).toString()
  }

  it.each([1, 2, 3, 100])('are the same in pieces of %i', (size) => {
    expect(repair('a\nb\r\nc', size)).toBe('a\r\nb\r\nc\r\n')
    expect(repair('a\rb\0c\n', size)).toBe('a bc\r\n')
    expect(repair('\n\n', size)).toBe('\r\n\r\n')
    expect(repair('a\r', size)).toBe('a \r\n')
    expect(repair('\0\r\n\0', size)).toBe('\r\n')
  })
})

it('refuses the recipients of a raw message beside JSON', async () => {
  await using bench = await rawBench()
  const answer = await bench.call('POST', `messages${QUERY}`, { to: 'x@example.com' })
  expect([answer.status, answer.body.code]).toEqual([400, 'input_invalid'])
  const empty = await bench.call('POST', 'messages')
  expect([empty.status, empty.body.code]).toEqual([400, 'body_missing'])
  const other = await bench.call('POST', 'messages', 'x', {
    headers: { 'content-type': 'text/plain' },
  })
  expect([other.status, other.body.code]).toEqual([415, 'media_type_unsupported'])
  const json = await bench.call('POST', 'messages', '', {
    headers: { 'content-type': 'application/json' },
  })
  expect([json.status, json.body.code]).toEqual([400, 'body_missing'])
  for (const { body } of [empty, other, json]) {
    expect(body.detail).toMatch(/application\/json.*message\/rfc822/)
  }
})
