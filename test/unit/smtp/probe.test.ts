import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import {
  ACCEPTED,
  AUTH,
  at,
  BLOB,
  CONTENT,
  certificates,
  client,
  DATA,
  GREETING,
  HELLO,
  hello,
  login,
  MAIL_FROM,
  MESSAGE,
  nobody,
  PASSWORD,
  play,
  RCPT,
  STARTTLS,
  TO_AUTH,
  TOKEN,
  xoauth2,
} from './fixtures.ts'

describe('a probe that succeeds', () => {
  test('walks through STARTTLS, XOAUTH2 and a message, each step with its evidence', async () => {
    await using server = await play(...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, CONTENT)
    const probe = await client().probe({
      server: at(server.port),
      authentication: xoauth2,
      message: MESSAGE,
    })
    expect(probe.failure).toBeNull()
    expect(probe.steps.map(({ step, ok }) => [step, ok])).toEqual(
      [
        'connect',
        'greeting',
        'ehlo',
        'starttls',
        'ehlo',
        'offer',
        'auth',
        'mail',
        'rcpt',
        'data',
        'message',
      ].map((step) => [step, true]),
    )
    expect(probe.steps.find(({ step }) => step === 'starttls')?.evidence).toMatch(
      /^TLSv1\.3, CN=localhost, issued by CN=Postern Sandbox CA/,
    )
    expect(probe.tlsProtocol).toBe('TLSv1.3')
    expect(probe.certificate?.names).toContain('localhost')
    expect(probe.capabilities).toEqual(['SIZE 157286400', 'AUTH LOGIN XOAUTH2'])
    expect(probe.greeting).toContain('Microsoft ESMTP')
    expect(probe.receipt).toEqual({
      reply: ACCEPTED,
      messageId: '<m1@contoso.com>',
      serverMessageId: '<server-id@PROD.OUTLOOK.COM>',
    })
    expect(server.contents[0]).toContain('\r\n\r\n..dot\r\nend')
    expect(server.lines[0]?.at(-1)).toBe('QUIT')
    expect(server.lines[0]).toContain(`MAIL FROM:<alerts@contoso.com> SIZE=${MESSAGE.data.length}`)
  })

  test('speaks TLS from the first byte when the server does', async () => {
    await using server = await startScriptedSmtp({
      scripts: [[GREETING, hello('AUTH PLAIN LOGIN'), { expect: /^AUTH PLAIN /, reply: '235 ok' }]],
      certificates: certificates.server,
      implicitTls: true,
    })
    const probe = await client().probe({ server: at(server.port, 'tls'), authentication: login })
    expect(probe.failure).toBeNull()
    expect(probe.steps.map(({ step }) => step)).toEqual([
      'connect',
      'starttls',
      'greeting',
      'ehlo',
      'offer',
      'auth',
    ])
    expect(server.lines[0]?.at(1)).toBe(
      `AUTH PLAIN ${Buffer.from(`\0alerts@contoso.com\0${PASSWORD}`).toString('base64')}`,
    )
  })

  test('uses LOGIN when PLAIN is not offered', async () => {
    await using server = await play(
      ...TO_AUTH,
      { expect: /^AUTH LOGIN$/, reply: '334 VXNlcm5hbWU6' },
      { expect: /^YWxlcnRzQGNvbnRvc28uY29t$/, reply: '334 UGFzc3dvcmQ6' },
      { expect: /^Q29ycmVjdC1Ib3JzZS00Mg==$/, reply: '235 2.7.0 Authentication successful' },
    )
    const probe = await client().probe({ server: at(server.port), authentication: login })
    expect(probe.failure).toBeNull()
  })

  test('needs neither TLS nor login where the settings ask for none, and falls back to HELO', async () => {
    await using server = await play(
      { reply: '220 old.example' },
      { expect: /^EHLO/, reply: '502 5.5.1 unknown' },
      { expect: /^HELO postern\.contoso\.com$/, reply: '250 old.example' },
      { expect: /^MAIL FROM:<alerts@contoso\.com>$/, reply: '250 ok' },
      RCPT,
      DATA,
      { content: true, reply: '250 queued' },
    )
    const probe = await client().probe({
      server: at(server.port, 'none'),
      authentication: nobody,
      message: MESSAGE,
    })
    expect(probe.failure).toBeNull()
    expect(probe.receipt?.serverMessageId).toBeNull()
  })

  test('sends a short token in one line and a long one as an answer to 334', async () => {
    const { Secret } = await import('../../../src/platform/secret.ts')
    await using server = await play(...TO_AUTH, { expect: /^AUTH XOAUTH2 dXNl/, reply: '235 ok' })
    const short = { ...xoauth2, token: new Secret('short-token') }
    const probe = await client().probe({ server: at(server.port), authentication: short })
    expect(probe.failure).toBeNull()
    expect(server.lines[0]?.at(3)?.length).toBeLessThanOrEqual(510)
  })
})

describe('a refusal', () => {
  const refusals: [string, string, SmtpMove[], Record<string, unknown>][] = [
    [
      'of the connection',
      'greeting',
      [{ reply: '421 4.3.2 Service not available' }],
      { code: 421, enhancedCode: '4.3.2' },
    ],
    [
      'of EHLO',
      'ehlo',
      [GREETING, { expect: /^EHLO/, reply: '550 5.5.4 Invalid domain name' }],
      { code: 550 },
    ],
    [
      'of STARTTLS',
      'starttls',
      [GREETING, HELLO, { expect: /^STARTTLS/, reply: '454 4.7.0 TLS not available' }],
      { code: 454 },
    ],
    [
      'of AUTH',
      'auth',
      [...TO_AUTH, { expect: /^AUTH/, reply: '504 5.7.4 Unrecognized authentication type' }],
      { code: 504 },
    ],
    [
      'of the sender',
      'mail',
      [...TO_AUTH, ...AUTH, { ...MAIL_FROM, reply: '530 5.7.57 Client not authenticated' }],
      { code: 530, enhancedCode: '5.7.57' },
    ],
    [
      'of the recipient',
      'rcpt',
      [...TO_AUTH, ...AUTH, MAIL_FROM, { ...RCPT, reply: '501 5.1.3 Invalid address' }],
      { code: 501 },
    ],
    [
      'of DATA',
      'data',
      [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, { ...DATA, reply: '451 4.7.0 later' }],
      { code: 451 },
    ],
    [
      'of the message',
      'message',
      [
        ...TO_AUTH,
        ...AUTH,
        MAIL_FROM,
        RCPT,
        DATA,
        { ...CONTENT, reply: '554-5.2.252 SendAsDenied;\r\n554 5.2.252 more' },
      ],
      { code: 554, enhancedCode: '5.2.252', text: '554-5.2.252 SendAsDenied;\n554 5.2.252 more' },
    ],
  ]
  test.each(refusals)(
    '%s is reported with its step, code and text',
    async (_title, step, moves, facts) => {
      await using server = await play(...moves)
      const probe = await client().probe({
        server: at(server.port),
        authentication: xoauth2,
        message: MESSAGE,
      })
      expect(probe.failure).toMatchObject({ source: 'smtp', host: 'localhost', step, ...facts })
      expect(probe.steps.at(-1)).toMatchObject({ step, ok: false })
      expect(probe.steps.slice(0, -1).every(({ ok }) => ok)).toBe(true)
      expect(probe.receipt).toBeNull()
      await server.allClosed()
    },
  )

  test('of the token by a 334 challenge is answered with an empty line, and the final reply counts', async () => {
    const challenge = Buffer.from('{"status":"401","schemes":"Bearer"}').toString('base64')
    await using server = await play(
      ...TO_AUTH,
      { expect: /^AUTH XOAUTH2$/, reply: '334 ' },
      { expect: /^dXNl/, reply: `334 ${challenge}` },
      { expect: /^$/, reply: '535 5.7.3 Authentication unsuccessful' },
    )
    const probe = await client().probe({ server: at(server.port), authentication: xoauth2 })
    expect(probe.failure).toMatchObject({ step: 'auth', code: 535, enhancedCode: '5.7.3' })
  })

  test('that repeats the credential, whole or cut, is shown without it', async () => {
    for (const echo of [BLOB, BLOB.slice(20, 220), TOKEN, TOKEN.slice(50, 300)]) {
      await using server = await play(
        ...TO_AUTH,
        { expect: /^AUTH XOAUTH2$/, reply: '334 ' },
        { expect: /^dXNl/, reply: `500 5.5.2 Line too long: ${echo} [mx.example]` },
      )
      const smtp = client()
      const probe = await smtp.probe({ server: at(server.port), authentication: xoauth2 })
      const shown = JSON.stringify(probe) + smtp.lines.join()
      expect(probe.failure).toMatchObject({ code: 500 })
      expect(shown).toContain('Line too long: [secret]')
      expect(shown).not.toContain(echo.slice(0, 40))
    }
  })
})

describe('an offer that does not fit', () => {
  test('STARTTLS is missing: nothing is sent in the clear', async () => {
    await using server = await play(GREETING, {
      expect: /^EHLO/,
      reply: '250-mx\r\n250 AUTH LOGIN XOAUTH2',
    })
    const probe = await client().probe({ server: at(server.port), authentication: xoauth2 })
    expect(probe.failure).toEqual({
      source: 'smtp_offer',
      problem: 'no_starttls',
      host: 'localhost',
      offered: ['AUTH LOGIN XOAUTH2'],
      wanted: 'STARTTLS',
    })
    expect(probe.steps.at(-1)).toMatchObject({ step: 'starttls', ok: false })
  })

  test.each([
    ['XOAUTH2', xoauth2, 'AUTH LOGIN PLAIN', ['LOGIN', 'PLAIN'], 'XOAUTH2'],
    ['a password', login, 'AUTH XOAUTH2', ['XOAUTH2'], 'PLAIN or LOGIN'],
    ['any login', login, 'SMTPUTF8', [], 'PLAIN or LOGIN'],
  ] as const)('%s is not offered', async (_title, authentication, auth, offered, wanted) => {
    await using server = await play(GREETING, HELLO, STARTTLS, hello(auth))
    const probe = await client().probe({ server: at(server.port), authentication })
    expect(probe.failure).toMatchObject({ problem: 'no_auth_mechanism', offered, wanted })
    expect(probe.steps.at(-1)).toMatchObject({ step: 'offer', ok: false })
  })

  test('what was offered before STARTTLS does not count after it', async () => {
    await using server = await play(
      GREETING,
      { ...HELLO, reply: '250-mx\r\n250-AUTH XOAUTH2\r\n250 STARTTLS' },
      STARTTLS,
      hello('SMTPUTF8'),
    )
    const probe = await client().probe({ server: at(server.port), authentication: xoauth2 })
    expect(probe.failure).toMatchObject({ problem: 'no_auth_mechanism' })
  })
})

describe('input that cannot be sent', () => {
  test.each([
    ['a recipient with a line break', { ...MESSAGE, to: ['a@b.example>\r\nQUIT'] }],
    ['bare LF in the message', { ...MESSAGE, data: Buffer.from('a: b\n\nx') }],
  ])('%s is refused before anything is opened', async (_title, message) => {
    const probe = client().probe({ server: at(1), authentication: xoauth2, message })
    await expect(probe).rejects.toBeInstanceOf(PosternError)
  })

  test('a user name with a separator is refused', async () => {
    const authentication = { ...xoauth2, username: 'a\u0001auth=Bearer stolen' }
    await expect(client().probe({ server: at(1), authentication })).rejects.toBeInstanceOf(
      PosternError,
    )
  })

  test('an EHLO name with a line break is refused', () => {
    expect(() => client({ hostname: 'a\r\nMAIL FROM:<x@y>' })).toThrow(PosternError)
  })
})
