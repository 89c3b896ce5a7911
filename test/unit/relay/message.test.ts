import { expect, test } from 'vitest'
import { encodePhrase, encodeText, readable, readSenderField } from '../../../src/outbox/index.ts'
import { toRfc5322 } from '../../../src/platform/clock.ts'
import { createDotDecoder, planHead, receivedField } from '../../../src/relay/message/index.ts'
import { senderRules } from '../../../src/relay/message/sender-rules.ts'
import { FAKE_NOW } from '../../support/clock.ts'

/** Feeds the bytes in pieces of one size; what comes after the end is left. */
function decode(bytes: string, size: number) {
  const decoder = createDotDecoder()
  let content = ''
  for (let at = 0; at < bytes.length; at += size) {
    const decoded = decoder.feed(Buffer.from(bytes.slice(at, at + size), 'latin1'))
    content += decoded.content.toString('latin1')
    if (decoded.rest !== null) {
      const rest = decoded.rest.toString('latin1') + bytes.slice(at + size)
      return { content, rest, flaw: decoder.flaw }
    }
  }
  return { content, rest: null, flaw: decoder.flaw }
}

test.each([
  ['.\r\nQUIT\r\n', { content: '', rest: 'QUIT\r\n', flaw: null }],
  ['a\r\n.\r\n', { content: 'a\r\n', rest: '', flaw: null }],
  ['..\r\n...\r\n.\r\n', { content: '.\r\n..\r\n', rest: '', flaw: null }],
  ['.a\r\n..b\r\na.\r\n.\r\nx', { content: 'a\r\n.b\r\na.\r\n', rest: 'x', flaw: null }],
  ['a\n.\nb\r\n.\r\n', { content: 'a\n.\nb\r\n', rest: '', flaw: 'bareLf' }],
  ['a\n.\r\nb\r\n.\r\n', { content: 'a\n.\r\nb\r\n', rest: '', flaw: 'bareLf' }],
  ['a\r\n.\nb\r\n.\r\n', { content: 'a\r\n\nb\r\n', rest: '', flaw: 'bareLf' }],
  ['a\r.\rb\r\n.\r\n', { content: 'a\r.\rb\r\n', rest: '', flaw: 'bareCr' }],
  ['a\r\n.\rb\r\n.\r\n', { content: 'a\r\nb\r\n', rest: '', flaw: 'bareCr' }],
  ['a\r\r\n.\r\n', { content: 'a\r\r\n', rest: '', flaw: 'bareCr' }],
  ['a\0b\r\n.\r\n', { content: 'a\0b\r\n', rest: '', flaw: 'nul' }],
  ['\r\n.\r\n', { content: '\r\n', rest: '', flaw: null }],
  ['a\r\n.', { content: 'a\r\n', rest: null, flaw: null }],
])('dots are unstuffed and %j ends where it ends, however it is cut', (bytes, expected) => {
  for (let size = 1; size <= bytes.length; size++) expect(decode(bytes, size)).toEqual(expected)
})

test.each([
  ['alice@contoso.com', ['alice@contoso.com']],
  ['<Alice@Contoso.com>', ['alice@contoso.com']],
  ['"Alice, the <first>" <alice@contoso.com>', ['alice@contoso.com']],
  ['Alice (a (nested) comment) <alice@contoso.com>', ['alice@contoso.com']],
  ['a@x.com, "B" <b@y.com>', ['a@x.com', 'b@y.com']],
  ['a@x.com <b@y.com>', ['b@y.com', 'a@x.com']],
  ['jürgen@bücher.example', ['jürgen@bücher.example']],
  ['Printer', undefined],
  ['', undefined],
  ['<>', undefined],
  ['"Alice <alice@contoso.com>', undefined],
  ['<alice@contoso.com> <bob@x.com>', undefined],
  ['<alice@contoso.com> trailing', undefined],
  ['undisclosed:;', undefined],
  ['<@route:alice@contoso.com>', undefined],
  ['"a b"@contoso.com', undefined],
  ['alice@contoso.com,', undefined],
  ['alice@@contoso.com', undefined],
  ['alice @contoso.com', undefined],
  ['alice@contoso.com (<ceo@contoso.com>)', undefined],
  ['root@contoso.com (Cron Daemon)', ['root@contoso.com']],
  ['"ceo@contoso.com,"@x <alice@contoso.com>', undefined],
])('the addresses of From %j', (value, expected) => {
  expect(readSenderField(value)).toEqual(expected)
})

const PROFILE = {
  senderEmailAddress: 'alerts@contoso.com',
  senderDisplayName: 'Process Alerts',
  subjectPrefix: '[Process] ',
}
const CLIENT = {
  allowedFrom: [],
  fromPolicy: 'reject',
  applySubjectPrefix: false,
  repair: { missingDate: false, missingMessageId: false, brokenFrom: false },
} as const

interface Changes {
  client?: Partial<Parameters<typeof planHead>[1]['client']>
  allowedFrom?: string[]
  profile?: Partial<typeof PROFILE>
}

function plan(lines: readonly string[], { client, profile, allowedFrom = [] }: Changes = {}) {
  const rules = {
    client: { ...CLIENT, ...client },
    profile: { ...PROFILE, ...profile },
    rules: senderRules({ allowedFrom }, PROFILE.senderEmailAddress),
    id: 'm-1',
    date: toRfc5322(FAKE_NOW),
  }
  const head = Buffer.from(lines.map((line) => `${line}\r\n`).join('')).toString('latin1')
  return planHead(head, rules)
}

const SENDER = 'From: alerts@contoso.com'
const edited = (lines: readonly string[]) => lines.map((line) => `${line}\r\n`).join('')

test('a head that breaks no rule stays as it is', () => {
  expect(plan([SENDER, 'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=', 'Message-ID: <a@b>'])).toEqual({
    added: '',
    head: null,
    headerFrom: 'alerts@contoso.com',
    subject: 'Grüße',
    messageId: '<a@b>',
  })
})

test.each([
  ['another address', ['From: mallory@evil.example']],
  ['no From', ['To: bob@example.com']],
  ['two From fields', [SENDER, 'From: mallory@evil.example']],
  ['two From fields of the obsolete form', [SENDER, 'From : mallory@evil.example']],
  ['an allowed and another address', ['From: alerts@contoso.com, mallory@evil.example']],
  ['an allowed display name', ['From: alerts@contoso.com <mallory@evil.example>']],
  ['another Sender', [SENDER, 'Sender: mallory@evil.example']],
  ['an unreadable Sender', [SENDER, 'Sender: ?']],
])('a message with %s is refused', (_, lines) => {
  expect(plan(lines)).toMatchObject({ code: 550, enhanced: '5.7.1' })
})

test('a list allows addresses and whole domains, in any case and in both forms of a domain', () => {
  const allowedFrom = ['Alice@contoso.com', '@xn--bcher-kva.example']
  const codeOf = (from: string) => plan([`From: ${from}`], { allowedFrom })
  expect(codeOf('alice@CONTOSO.com')).toHaveProperty('headerFrom', 'alice@contoso.com')
  expect(codeOf('x@bücher.example')).toHaveProperty('headerFrom', 'x@bücher.example')
  expect(codeOf('x@sub.bücher.example')).toHaveProperty('code', 550)
  expect(codeOf('alerts@contoso.com')).toHaveProperty('code', 550)
})

test('rewrite puts the sender of the profile in place and keeps the original in Reply-To', () => {
  const client = { fromPolicy: 'rewrite' } as const
  expect(
    plan(['X-First: 1', 'From: "Old\tPrinter"', ' <printer@local>', 'Sender: root@local'], {
      client,
    }),
  ).toMatchObject({
    head: edited([
      'X-First: 1',
      'From: "Process Alerts" <alerts@contoso.com>',
      'Reply-To: "Old\tPrinter"',
      ' <printer@local>',
    ]),
    headerFrom: 'alerts@contoso.com',
  })
  expect(plan(['From: a@b.example', 'Reply-To: c@d.example'], { client })).toHaveProperty(
    'head',
    edited(['From: "Process Alerts" <alerts@contoso.com>', 'Reply-To: c@d.example']),
  )
  expect(plan(['From: Printer'], { client })).toHaveProperty(
    'head',
    edited(['From: "Process Alerts" <alerts@contoso.com>']),
  )
  expect(plan([SENDER], { client })).toHaveProperty('head', null)
})

test.each(['reject', 'rewrite', 'keep'] as const)(
  'Bcc leaves no relay, and nothing else is changed (%s)',
  (fromPolicy) => {
    const lines = [
      'Resent-Bcc: a@secret.example',
      'X-Odd :  two  blanks ',
      'BCC: b@secret.example,',
      '\tc@secret.example',
      SENDER,
      'Bcc : d@secret.example',
      'Subject: =?utf-8?q?a?=',
      ' folded',
      'X-Bcc: stays',
      'Bcc:',
    ]
    expect(plan(lines, { client: { fromPolicy } })).toHaveProperty(
      'head',
      edited([
        'X-Odd :  two  blanks ',
        SENDER,
        'Subject: =?utf-8?q?a?=',
        ' folded',
        'X-Bcc: stays',
      ]),
    )
  },
)

test('what is listed of a message holds no control character', () => {
  const planned = plan([
    SENDER,
    'Subject: =?utf-8?q?a=0D=0A=0D=0AForged_line=1B[31m=E2=80=A8b=C2=85?=\tc',
    'Message-ID: <a\x1b[31mb@c>',
  ])
  expect(planned).toMatchObject({ head: null, subject: 'a Forged line [31m b c', messageId: null })
  expect(plan([SENDER, 'Message-ID: <a\xc2\x85b@c> <d@e>'])).toHaveProperty('messageId', null)
})

test('keep changes no sender at all', () => {
  const client = { fromPolicy: 'keep' } as const
  expect(plan(['From: x@y.example', 'no header line'], { client })).toMatchObject({
    head: null,
    headerFrom: 'x@y.example',
  })
})

test('only what is asked for is repaired', () => {
  const repair = { missingDate: true, missingMessageId: true, brokenFrom: true }
  expect(plan(['From: Printer', 'Subject: Scan'], { client: { repair } })).toEqual({
    added: edited(['Date: Mon, 23 Nov 2026 10:00:00 +0000', 'Message-ID: <m-1@contoso.com>']),
    head: edited(['From: "Process Alerts" <alerts@contoso.com>', 'Subject: Scan']),
    headerFrom: 'alerts@contoso.com',
    subject: 'Scan',
    messageId: '<m-1@contoso.com>',
  })
  const whole = [SENDER, 'Date: Mon, 23 Nov 2026 10:00:00 +0000', 'Message-ID: <a@b>']
  expect(plan(whole, { client: { repair } })).toMatchObject({ added: '', head: null })
  expect(plan(['From: x@y.example'], { client: { repair } })).toHaveProperty('code', 550)
})

test.each([
  ['Subject: Hi', '[Process] ', 'Subject: [Process] Hi'],
  ['Subject: [Process] Hi', '[Process] ', 'Subject: [Process] Hi'],
  ['Subject: =?utf-8?q?H=C3=AF?=', '[P]', 'Subject: [P] =?utf-8?q?H=C3=AF?='],
  ['Subject: Hi', '[ß] ', 'Subject: =?UTF-8?B?W8OfXQ==?= Hi'],
  ['Subject: =?utf-8?q?H=C3=AF?=', '[ß] ', 'Subject: =?UTF-8?B?W8OfXSA=?= =?utf-8?q?H=C3=AF?='],
  ['X: 1', '[Process] ', 'X: 1\r\nSubject: [Process]'],
])('%j with the prefix %j', (line, subjectPrefix, expected) => {
  const planned = plan([SENDER, line], {
    client: { applySubjectPrefix: true },
    profile: { subjectPrefix },
  })
  const head = 'head' in planned ? (planned.head ?? edited([SENDER, line])) : ''
  expect(head).toBe(edited([SENDER, expected]))
})

test('a line that is no header is refused where the sender is checked', () => {
  expect(plan([SENDER, 'garbage'])).toMatchObject({ code: 554, enhanced: '5.6.0' })
  expect(plan([' From: x', SENDER])).toMatchObject({ code: 554, enhanced: '5.6.0' })
})

test('a message that has passed more than fifty servers goes in circles', () => {
  const hops = (count: number) => Array.from({ length: count }, (_, i) => `Received: from s${i}`)
  expect(plan([...hops(50), SENDER])).toHaveProperty('head', null)
  expect(plan([...hops(51), SENDER])).toMatchObject({ code: 554, enhanced: '5.4.6' })
})

test('a Received line tells the way and nothing that others must not read', () => {
  const trace = {
    helo: 'client.test',
    address: '2001:db8::1',
    hostname: 'relay.test',
    isExtended: true,
    isSecure: true,
    isAuthenticated: true,
    smtpUtf8: false,
    messageId: 'm-1',
    recipients: ['bob@example.com'],
    date: toRfc5322(FAKE_NOW),
  }
  const unfolded = (field: string) => field.replace(/\r\n /g, ' ')
  expect(unfolded(receivedField(trace))).toBe(
    'Received: from client.test ([IPv6:2001:db8::1]) by relay.test (Postern) with ESMTPSA id m-1 for <bob@example.com>; Mon, 23 Nov 2026 10:00:00 +0000\r\n',
  )
  const two = receivedField({ ...trace, recipients: ['bob@example.com', 'bcc@example.com'] })
  expect(two).not.toContain('example.com')
  expect(receivedField({ ...trace, helo: 'evil)\r\nX: (' })).toMatch(/^Received: from \[IPv6/)
  expect(receivedField({ ...trace, isExtended: false })).toContain('with SMTP id')
  expect(receivedField({ ...trace, smtpUtf8: true })).toContain('with UTF8SMTPSA')
  for (const line of receivedField({ ...trace, helo: `${'a'.repeat(60)}.test` }).split('\r\n')) {
    expect(line.length).toBeLessThanOrEqual(998)
  }
})

test('encoded words go both ways and are never cut inside a character', () => {
  const long = 'ä€😀'.repeat(40)
  const encoded = encodeText(long)
  for (const line of encoded.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76)
  expect(readable(encoded.replaceAll('\r\n', ''))).toBe(long)
  expect(encodePhrase('He said "hi" \\')).toBe('"He said \\"hi\\" \\\\"')
  expect(readable('=?iso-8859-1?Q?caf=E9_au?= =?utf-8?b?IGxhaXQ=?= x')).toBe('café au lait x')
  expect(readable('=?no-such-charset?q?a?=')).toBe('=?no-such-charset?q?a?=')
})
