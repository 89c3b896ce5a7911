import { describe, expect, it } from 'vitest'
import { readMail } from '../../support/mail.ts'
import { createSendBench, type SendBench } from './send-bench.ts'

const TO = { to: 'ada@example.com' }
const INJECTIONS = [
  'x\r\nBcc: evil@example.com',
  'x\nBcc: evil@example.com',
  'x\rBcc: evil@example.com',
  'x\0Bcc: evil@example.com',
  'x\u0085Bcc: evil@example.com',
  'x\u2028Bcc: evil@example.com',
]
/** One place for a text in a message. */
const PLACES: Readonly<Record<string, (text: string) => object>> = {
  to: (text) => ({ to: text }),
  'the address of to': (text) => ({ to: { address: `a@example.com${text}` } }),
  'the name of to': (text) => ({ to: { name: text, address: 'a@example.com' } }),
  'the name before to': (text) => ({ to: `${text} <a@example.com>` }),
  cc: (text) => ({ ...TO, cc: [text] }),
  bcc: (text) => ({ ...TO, bcc: text }),
  replyTo: (text) => ({ ...TO, replyTo: `${text}@example.com` }),
  from: (text) => ({ ...TO, from: `alerts@contoso.com${text}` }),
  'the name of from': (text) => ({ ...TO, from: { name: text } }),
  subject: (text) => ({ ...TO, subject: text }),
  'a header': (text) => ({ ...TO, headers: { 'X-A': text } }),
  'the name of a header': (text) => ({ ...TO, headers: { [`X-${text}`]: 'a' } }),
  'the Message-ID': (text) => ({ ...TO, headers: { 'Message-ID': `<1@example.com>${text}` } }),
  references: (text) => ({ ...TO, headers: { References: `<1@example.com> ${text}` } }),
  filename: (text) => ({ ...TO, attachments: [{ filename: text, content: '' }] }),
  contentType: (text) => ({ ...TO, attachments: [{ contentType: `a/b${text}`, content: '' }] }),
  'a parameter': (text) => ({
    ...TO,
    attachments: [{ contentType: `a/b; x="${text}"`, content: '' }],
  }),
  contentId: (text) => ({ ...TO, attachments: [{ contentId: text, content: '' }] }),
}

async function refused(bench: SendBench, body: unknown): Promise<string> {
  const answer = await bench.call('POST', 'messages', body)
  expect(answer.status).toBe(400)
  expect(bench.outbox.kept.size).toBe(0)
  return answer.body.detail
}

describe('A line break or control character', () => {
  it.each(Object.entries(PLACES))('in %s is refused', async (_name, place) => {
    await using bench = await createSendBench()
    for (const text of INJECTIONS) {
      expect(await refused(bench, place(text)), JSON.stringify(text)).not.toMatch(/\p{Cc}|\u2028/u)
    }
  })

  it('in the texts adds no field and no part', async () => {
    await using bench = await createSendBench()
    const evil = '\r\n.\r\nMAIL FROM:<x>\r\n\r\nBcc: evil@example.com\r\r\n--_NmP--\r\n\n.\n'
    await bench.send({ ...TO, text: evil, html: evil })
    const { body, draft } = bench.outbox.last()
    const raw = body.toString('latin1')
    expect(raw.slice(0, raw.indexOf('\r\n\r\n'))).not.toMatch(/^bcc|evil@/im)
    expect(raw).not.toMatch(/[^\r]\n|\r[^\n]/)
    expect(draft.envelope.recipients.map(({ address }) => address)).toEqual(['ada@example.com'])
  })
})

describe('Header smuggling', () => {
  it.each([
    '"quoted" \\ name',
    'a, b@example.com',
    'x <evil@example.com>',
    '=?utf-8?Q?=0D=0ABcc:_evil@example.com?=',
    'evil@example.com, ',
    '(comment) ; group:',
    '\u202eevil\u202c \u200b',
    'é'.repeat(250),
  ])('through the display name %s reaches one recipient alone', async (name) => {
    await using bench = await createSendBench()
    await bench.send({ to: { name, address: 'ada@example.com' }, from: { name } })
    const { body, draft } = bench.outbox.last()
    expect(draft.envelope.recipients).toHaveLength(1)
    const mail = readMail(body.toString('latin1'))
    for (const field of ['to', 'from'] as const) {
      expect(mail.header(field)).toHaveLength(1)
      // What stands outside of quotes is the one address in angle brackets.
      const bare = mail.header(field)[0]?.replace(/"(?:[^"\\]|\\.)*"/g, '') ?? ''
      expect(bare).toMatch(/<(ada@example\.com|alerts@contoso\.com)>$/)
    }
    expect(mail.raw.slice(0, mail.raw.indexOf('\r\n\r\n'))).not.toMatch(/^bcc:/im)
  })

  it.each([
    'From',
    'from',
    'Sender',
    'To',
    'Cc',
    'Bcc',
    'Resent-Bcc',
    'Reply-To',
    'Return-Path',
    'Received',
    'DKIM-Signature',
    'ARC-Seal',
    'Content-Type',
    'MIME-Version',
    'Date',
    'Subject',
    'X A',
    'X-A:',
    'X-Ä',
    '__proto__',
    '',
  ])('through the header field “%s” is refused', async (name) => {
    await using bench = await createSendBench()
    const body = `{"to":"ada@example.com","headers":{${JSON.stringify(name)}:"x@example.com"}}`
    await refused(bench, body)
  })

  it.each([
    '<a@b',
    'a@b',
    '<a b@c>',
    '<a@b> <c@d>',
    '<<a@b>>',
    '<ä@b.example>',
    `<${'a'.repeat(990)}@b>`,
  ])('through the Message-ID %s is refused', async (id) => {
    await using bench = await createSendBench()
    await refused(bench, { ...TO, headers: { 'Message-ID': id } })
  })

  it.each(['multipart/mixed', 'message/rfc822', 'text', 'a/b;', 'a/b; c', 'a/b; c=d e=f'])(
    'through the content type %s is refused',
    async (contentType) => {
      await using bench = await createSendBench()
      await refused(bench, { ...TO, attachments: [{ contentType, content: '' }] })
    },
  )
})

describe('Nothing of this machine', () => {
  it.each([
    [{ text: { path: '/etc/passwd' } }],
    [{ html: { href: 'http://127.0.0.1/' } }],
    [{ attachments: [{ path: '/etc/passwd', content: '' }] }],
    [{ attachments: [{ content: { path: '/etc/passwd' } }] }],
    [{ raw: 'x' }],
    [{ envelope: { to: 'x@example.com' } }],
  ])('is read for %j', async (part) => {
    await using bench = await createSendBench()
    await refused(bench, { ...TO, ...part })
  })
})

describe('Too much', () => {
  it('of recipients is refused, and 1,000 are taken', async () => {
    await using bench = await createSendBench()
    const list = (count: number) => Array.from({ length: count }, (_, i) => `u${i}@example.com`)
    const detail = await refused(bench, { to: list(600), cc: list(1001).slice(600) })
    expect(detail).toContain('at most 1000 recipients (to, cc and bcc), and this one has 1001')
    await bench.send({ to: list(600), cc: list(5), bcc: list(1000) })
    expect(bench.outbox.last().draft.envelope.recipients).toHaveLength(1000)
  })

  it('of depth is refused', async () => {
    await using bench = await createSendBench()
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    await refused(bench, `{"to":${deep}}`)
    await refused(bench, `{"to":"a@example.com","headers":{"X-A":${deep}}}`)
    await refused(bench, `{"to":"a@example.com","__proto__":{"from":"b@example.com"}}`)
  })

  it('of everything in one message is 413', async () => {
    await using bench = await createSendBench({ limitBytes: 100_000 })
    const body = { ...TO, attachments: [{ content: Buffer.alloc(80_000).toString('base64') }] }
    const answer = await bench.call('POST', 'messages', body)
    expect([answer.status, answer.body.code]).toEqual([413, 'message_too_large'])
    expect(bench.outbox.intakes.map(({ end }) => end)).toEqual(['aborted'])
  })

  it('of JSON is 413 before it is read', async () => {
    await using bench = await createSendBench()
    const answer = await bench.call('POST', 'messages', `"${'x'.repeat(53 * 1024 * 1024)}"`)
    expect([answer.status, answer.body.code]).toEqual([413, 'message_too_large'])
  })

  it.each([
    ['blanks before a stop', `${' '.repeat(3_000_000)}!`],
    ['equals signs', `${'='.repeat(3_000_000)}!`],
    ['padding and blanks', `QUJD=${' '.repeat(3_000_000)}=${' '.repeat(1000)}x`],
  ])('of %s in base64 is refused in no time', async (_name, content) => {
    await using bench = await createSendBench()
    const startedAt = performance.now()
    await refused(bench, { ...TO, attachments: [{ content }] })
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })

  it('of one word in a header is refused', async () => {
    await using bench = await createSendBench()
    await refused(bench, { ...TO, headers: { 'X-A': 'a'.repeat(901) } })
    await bench.send({ ...TO, headers: { 'X-A': 'word '.repeat(1500) } })
    const lines = bench.outbox.last().body.toString('latin1').split('\r\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(998)
  })
})

it('refuses what is no base64, and takes it with line breaks and without padding', async () => {
  await using bench = await createSendBench()
  for (const content of ['A', 'AB=C', 'ABC==', 'A===', '====', 'AB-_', 'é']) {
    await refused(bench, { ...TO, attachments: [{ content }] })
  }
  await bench.send({ ...TO, attachments: [{ content: 'QU\r\nJD' }, { content: 'QQ' }] })
  expect(bench.outbox.last().body.toString()).toMatch(/QUJD[\s\S]*QQ==/)
})

describe('A body with far too many entries', () => {
  const many = (count: number, entry: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => entry(index)).join(',')

  it.each([
    ['recipients', `{"to":[${many(300_000, (n) => `"u${n}@example.com"`)}],"text":"x"}`, 'to'],
    ['wrong recipients', `{"cc":[${many(300_000, (n) => `"u${n}"`)}]}`, 'cc'],
    ['recipients of no form', `{"bcc":[${many(300_000, () => '1')}]}`, 'bcc'],
    ['answers', `{"to":"a@b.example","replyTo":[${many(1001, () => '"a@b.example"')}]}`, 'replyTo'],
    [
      'headers',
      `{"to":"a@b.example","headers":{${many(300_000, (n) => `"X-${n}":"a"`)}}}`,
      'headers',
    ],
    [
      'attachments',
      `{"to":"a@b.example","attachments":[${many(300_000, () => '1')}]}`,
      'attachments',
    ],
  ])('of %s is refused by its count alone', async (_name, body, field) => {
    await using bench = await createSendBench()
    const answer = await bench.call('POST', 'messages', body)
    expect([answer.status, answer.body.code]).toEqual([400, 'input_invalid'])
    expect(answer.body.problems).toEqual([
      { field, message: expect.stringMatching(/must have at most \d+ entries/) },
    ])
    expect(bench.outbox.intakes).toEqual([])
  })

  it('of unknown keys is told about the first ones only', async () => {
    await using bench = await createSendBench()
    const answer = await bench.call('POST', 'messages', `{${many(300_000, (n) => `"k${n}":1`)}}`)
    expect(answer.status).toBe(400)
    expect(answer.body.problems.length).toBeLessThanOrEqual(51)
    expect(answer.text.length).toBeLessThan(50_000)
  })
})

it('puts a display name that looks like an address in quotes', async () => {
  await using bench = await createSendBench()
  await bench.send({ ...TO, from: { name: 'ceo@contoso.com <ceo@contoso.com>,' } })
  expect(bench.outbox.last().body.toString()).toMatch(
    /^From: "ceo@contoso\.com <ceo@contoso\.com>,"\s+<alerts@contoso\.com>\r$/m,
  )
})
