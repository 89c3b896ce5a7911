import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { composeMessage } from '../../../src/smtp/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { closedPort } from '../../support/closed-port.ts'
import { startScriptedProxy } from '../../support/scripted-proxy.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import {
  ACCEPTED,
  AUTH,
  at,
  CONTENT,
  certificates,
  client,
  DATA,
  GREETING,
  HELLO,
  hello,
  login,
  MAIL,
  MAIL_FROM,
  nobody,
  PASSWORD,
  RCPT,
  RSET,
  STARTTLS,
  TO_AUTH,
  TOKEN,
  xoauth2,
} from './fixtures.ts'

function play(...moves: SmtpMove[]) {
  return startScriptedSmtp({ scripts: [moves], certificates: certificates.server })
}

const options = (port: number) => ({ server: at(port), authentication: xoauth2, message: MAIL })
const DELIVERED = {
  ok: true,
  value: {
    reply: ACCEPTED,
    messageId: '<m1@contoso.com>',
    serverMessageId: '<server-id@PROD.OUTLOOK.COM>',
    recipients: ['it@contoso.com'],
  },
}

describe('a submission that succeeds', () => {
  test('sends the token as an answer to 334 and returns the whole reply', async () => {
    await using server = await play(...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, CONTENT)
    expect(await client().submit(options(server.port))).toEqual(DELIVERED)
    const message = server.contents[0] ?? ''
    expect(message).toContain('From: Process Alerts <alerts@contoso.com>')
    expect(message).toContain('Message-ID: <m1@contoso.com>')
    expect(message).toContain('Date: Mon, 23 Nov 2026 10:00:00 +0000')
    expect(message).toMatch(/Subject: =\?UTF-8\?Q\?Gr=C3=BC=C3=9Fe\?=/)
    expect(message).toContain('\r\n..dot')
    expect(message).not.toMatch(/x-mailer/i)
    await server.allClosed()
  })

  test('works over implicit TLS and with a password', async () => {
    await using server = await startScriptedSmtp({
      scripts: [
        [
          GREETING,
          hello('AUTH PLAIN'),
          { expect: /^AUTH PLAIN /, reply: '235 ok' },
          MAIL_FROM,
          RCPT,
          DATA,
          CONTENT,
        ],
      ],
      certificates: certificates.server,
      implicitTls: true,
    })
    const outcome = await client().submit({
      server: at(server.port, 'tls'),
      authentication: login,
      message: MAIL,
    })
    expect(outcome).toEqual(DELIVERED)
  })

  test('needs no login where the settings ask for none', async () => {
    await using server = await play(GREETING, HELLO, MAIL_FROM, RCPT, DATA, CONTENT)
    const outcome = await client().submit({
      server: at(server.port, 'none'),
      authentication: nobody,
      message: MAIL,
    })
    expect(outcome).toEqual(DELIVERED)
  })

  test('goes through the proxy', async () => {
    await using proxy = await startScriptedProxy()
    await using server = await play(...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, CONTENT)
    expect(await client({ proxy: proxy.url }).submit(options(server.port))).toEqual(DELIVERED)
    expect(proxy.asked).toHaveLength(1)
  })
})

describe('a failure', () => {
  const refusals: [string, SmtpMove[], Record<string, unknown>][] = [
    ['greeting', [{ reply: '421 4.3.2 Service not available' }], { code: 421 }],
    ['ehlo', [GREETING, { expect: /^EHLO/, reply: '421 4.7.0 go away' }], { code: 421 }],
    [
      'starttls',
      [GREETING, HELLO, { expect: /^STARTTLS/, reply: '454 4.7.0 not now' }],
      { code: 454 },
    ],
    [
      'auth',
      [
        ...TO_AUTH,
        { expect: /^AUTH XOAUTH2$/, reply: '334 ' },
        { expect: /^dXNl/, reply: '535 5.7.3 Authentication unsuccessful [mx 2026 08D]' },
      ],
      {
        code: 535,
        enhancedCode: '5.7.3',
        text: '535 5.7.3 Authentication unsuccessful [mx 2026 08D]',
      },
    ],
    [
      'mail',
      [...TO_AUTH, ...AUTH, { ...MAIL_FROM, reply: '530 5.7.57 Client not authenticated' }, RSET],
      { code: 530 },
    ],
    [
      'rcpt',
      [...TO_AUTH, ...AUTH, MAIL_FROM, { ...RCPT, reply: '550 5.1.1 User unknown' }, RSET],
      { code: 550 },
    ],
    [
      'data',
      [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, { ...DATA, reply: '451 4.7.0 later' }, RSET],
      { code: 451 },
    ],
    [
      'message',
      [
        ...TO_AUTH,
        ...AUTH,
        MAIL_FROM,
        RCPT,
        DATA,
        { ...CONTENT, reply: '430 4.2.0 STOREDRV; mailbox logon failure' },
        RSET,
      ],
      { code: 430, enhancedCode: '4.2.0' },
    ],
  ]
  test.each(refusals)(
    'by a reply at the step %s keeps its step and text',
    async (step, moves, facts) => {
      await using server = await play(...moves)
      const outcome = await client().submit(options(server.port))
      expect(outcome).toMatchObject({
        ok: false,
        failure: { source: 'smtp', host: 'localhost', step, ...facts },
      })
      await server.allClosed()
    },
  )

  const drops: [string, SmtpMove[]][] = [
    ['greeting', [{ next: 'close' }]],
    ['ehlo', [GREETING, { expect: /./, next: 'close' }]],
    ['starttls', [GREETING, HELLO, { expect: /./, next: 'close' }]],
    ['auth', [...TO_AUTH, { expect: /./, next: 'close' }]],
    ['mail', [...TO_AUTH, ...AUTH, { expect: /./, next: 'close' }]],
    ['rcpt', [...TO_AUTH, ...AUTH, MAIL_FROM, { expect: /./, next: 'reset' }]],
    ['data', [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, { expect: /./, next: 'close' }]],
    ['message', [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, { content: true, next: 'close' }]],
  ]
  test.each(drops)(
    'by a connection dropped at the step %s is one of transport',
    async (step, moves) => {
      await using server = await play(...moves)
      const outcome = await client().submit(options(server.port))
      expect(outcome).toMatchObject({
        ok: false,
        failure: { source: 'transport', peer: 'smtp', phase: 'closed', step, port: server.port },
      })
    },
  )

  test('by silence ends with the time limit of the step', async () => {
    const clock = createFakeClock()
    await using server = await play(...TO_AUTH, { expect: /^AUTH/, next: 'silent' })
    let over = false
    const running = client({ clock })
      .submit(options(server.port))
      .finally(() => {
        over = true
      })
    await server.played
    while (!over) await clock.advance(10_000)
    expect(await running).toMatchObject({
      ok: false,
      failure: { phase: 'timeout', step: 'auth', code: 'ETIMEDOUT' },
    })
    await server.allClosed()
  })

  test('to connect is told apart: refused, unknown name', async () => {
    const refused = await client().submit(options(await closedPort()))
    expect(refused).toMatchObject({
      failure: { phase: 'connect', code: 'ECONNREFUSED', step: 'connect' },
    })
    const unknown = await client().submit({
      ...options(587),
      server: { host: 'smtp.invalid', port: 587, security: 'starttls' },
    })
    expect(unknown).toMatchObject({ failure: { phase: 'dns', step: 'connect' } })
  })

  test.each([
    ['expired', 'CERT_HAS_EXPIRED', 'localhost'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID', 'mail.wrong.example'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'localhost'],
  ] as const)(
    'by a certificate that is %s shows the certificate',
    async (certificate, code, name) => {
      await using server = await startScriptedSmtp({
        scripts: [[GREETING, HELLO, STARTTLS]],
        certificates: certificates.server,
        certificate,
      })
      const outcome = await client().submit(options(server.port))
      expect(outcome).toMatchObject({
        failure: {
          phase: 'tls',
          step: 'starttls',
          code,
          certificate: { names: expect.arrayContaining([name]) },
        },
      })
      expect(server.lines.flat().some((line) => line.startsWith('AUTH'))).toBe(false)
    },
  )

  test('because STARTTLS or XOAUTH2 is not offered sends no credential', async () => {
    await using plain = await play(GREETING, { ...HELLO, reply: '250-mx\r\n250 AUTH XOAUTH2' })
    const clear = await client().submit(options(plain.port))
    expect(clear).toMatchObject({ failure: { source: 'smtp_offer', problem: 'no_starttls' } })
    await using server = await play(GREETING, HELLO, STARTTLS, hello('AUTH LOGIN'))
    const outcome = await client().submit(options(server.port))
    expect(outcome).toMatchObject({
      failure: {
        source: 'smtp_offer',
        problem: 'no_auth_mechanism',
        offered: ['LOGIN'],
        wanted: 'XOAUTH2',
      },
    })
    await using none = await play(GREETING, HELLO, STARTTLS, hello('SMTPUTF8'))
    const silent = await client().submit(options(none.port))
    expect(silent).toMatchObject({ failure: { problem: 'no_auth_mechanism', offered: [] } })
  })

  test('never shows the token or the password', async () => {
    const smtp = client()
    for (const authentication of [xoauth2, login]) {
      await using server = await play(
        ...TO_AUTH,
        { expect: /^AUTH/, reply: '334 ' },
        {
          expect: /./,
          reply: `500 5.5.2 unknown: ${TOKEN} ${PASSWORD} ${Buffer.from(PASSWORD).toString('base64')}`,
        },
      )
      const outcome = await smtp.submit({ server: at(server.port), authentication, message: MAIL })
      const shown = JSON.stringify(outcome) + smtp.lines.join()
      expect(outcome.ok).toBe(false)
      if (authentication.type === 'xoauth2') expect(shown).not.toContain(TOKEN.slice(40, 80))
      else expect(shown).not.toContain(PASSWORD)
    }
  })

  test('by the caller giving up rejects with the reason and closes the connection', async () => {
    await using server = await play(GREETING, { expect: /^EHLO/, next: 'silent' })
    const controller = new AbortController()
    const reason = new Error('shutting down')
    const rejected = expect(
      client().submit({ ...options(server.port), signal: controller.signal }),
    ).rejects.toBe(reason)
    await server.played
    controller.abort(reason)
    await rejected
    await server.allClosed()
  })
})

describe('a composed message', () => {
  test('has CR LF on every line, so that the probe can send it', async () => {
    const data = (
      await composeMessage({ ...MAIL, text: 'a\nb\n.c', headers: { 'X-Postern': 'test' } })
    ).toString()
    expect(data.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(data).toContain('X-Postern: test\r\n')
    expect(data).toContain('To: it@contoso.com\r\n')
    expect(data).not.toMatch(/^Bcc:/im)
  })

  test('gets a message id of the sender’s domain when it has none', async () => {
    const data = await composeMessage({ ...MAIL, messageId: undefined })
    expect(data.toString()).toMatch(/Message-ID: <[0-9a-f-]{36}@contoso\.com>\r\n/)
  })

  test.each([
    ['subject', { subject: 'x\r\nBcc: thief@evil.example' }],
    ['sender name', { from: { name: 'x\r\nBcc: thief@evil.example', address: 'a@b.example' } }],
    ['sender', { from: { name: '', address: 'a@b.example, c@d.example' } }],
    ['recipient', { to: ['it@contoso.com\r\nBcc: thief@evil.example'] }],
    ['header value', { headers: { 'X-A': 'x\r\nBcc: thief@evil.example' } }],
    ['header name', { headers: { 'X-A: 1\r\nBcc': 'thief@evil.example' } }],
    ['reply address', { replyTo: 'a@b.example\r\nBcc: thief@evil.example' }],
    ['message id', { messageId: '<x>\r\nBcc: thief@evil.example' }],
  ])('refuses an attack in the %s', async (_field, change) => {
    const compose = async () => composeMessage({ ...MAIL, ...change })
    await expect(compose()).rejects.toBeInstanceOf(PosternError)
  })
})

describe('a server that answers nonsense', () => {
  test.each([
    ['an unknown code', '600 nope'],
    ['an informational code', '199 nope'],
    ['lines with different codes', '550-a\r\n551 b'],
    ['a line without end', `550 ${'x'.repeat(20_000)}`],
    ['lines without end', `${'550-x\r\n'.repeat(300)}550 x`],
  ])('%s becomes a failure like that of a verification', async (_title, reply) => {
    const broken: SmtpMove = { expect: /^MAIL FROM/, reply }
    await using server = await play(...TO_AUTH, ...AUTH, broken)
    const outcome = await client().submit(options(server.port))
    expect(outcome).toMatchObject({ ok: false, failure: { source: 'transport', peer: 'smtp' } })
  })

  test('a web server in its place becomes an unreadable answer', async () => {
    await using server = await play({ reply: 'HTTP/1.1 400 Bad Request' })
    expect(await client().submit(options(server.port))).toMatchObject({
      ok: false,
      failure: { source: 'transport', phase: 'protocol', step: 'greeting' },
    })
  })
})

test.each(['selfSigned', 'wrongName', 'expired'] as const)(
  'a %s certificate is refused even where the environment tells Node not to care',
  async (certificate) => {
    await using server = await startScriptedSmtp({
      scripts: [[GREETING, HELLO, STARTTLS]],
      certificates: certificates.server,
      certificate,
    })
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      expect(await client().submit(options(server.port))).toMatchObject({
        ok: false,
        failure: { source: 'transport', phase: 'tls' },
      })
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    }
  },
)
