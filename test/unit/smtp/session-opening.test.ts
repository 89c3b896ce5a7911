import { describe, expect, test } from 'vitest'
import { createFakeClock } from '../../support/clock.ts'
import { closedPort } from '../../support/closed-port.ts'
import { captureLog } from '../../support/log.ts'
import { startScriptedProxy } from '../../support/scripted-proxy.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import {
  ACCEPTED,
  AUTH,
  at,
  CONTENT,
  certificates,
  DATA,
  GREETING,
  HELLO,
  hello,
  login,
  MAIL_FROM,
  PASSWORD,
  play,
  RCPT,
  STARTTLS,
  TO_AUTH,
  TOKEN,
  xoauth2,
} from './fixtures.ts'
import { openSession, outgoing, sessions } from './session-bench.ts'

const options = (port: number) => ({ server: at(port), authentication: xoauth2 })

describe('a session', () => {
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
    const session = await openSession(server.port, { security: 'tls', authentication: login })
    expect(await session.send(outgoing())).toMatchObject({ failure: null, reply: ACCEPTED })
    await session.quit()
  })

  test('goes through the proxy', async () => {
    await using proxy = await startScriptedProxy()
    await using server = await play(...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, CONTENT)
    const session = await openSession(server.port, {
      deps: { proxy: proxy.url },
      security: 'starttls',
      authentication: xoauth2,
    })
    expect(await session.send(outgoing())).toMatchObject({ failure: null, reply: ACCEPTED })
    expect(proxy.asked).toHaveLength(1)
    await session.quit()
  })
})

describe('a session that cannot be opened', () => {
  const failures: [string, SmtpMove[], Record<string, unknown>][] = [
    [
      'busy',
      [{ reply: '421 4.3.2 Service not available' }],
      { source: 'smtp', host: 'localhost', step: 'greeting', code: 421 },
    ],
    [
      'refused at EHLO',
      [GREETING, { expect: /^EHLO/, reply: '421 4.7.0 go away' }],
      { source: 'smtp', step: 'ehlo', code: 421 },
    ],
    [
      'refused at STARTTLS',
      [GREETING, HELLO, { expect: /^STARTTLS/, reply: '454 4.7.0 not now' }],
      { source: 'smtp', step: 'starttls', code: 454 },
    ],
    [
      'refused at AUTH',
      [
        ...TO_AUTH,
        { expect: /^AUTH XOAUTH2$/, reply: '334 ' },
        { expect: /^dXNl/, reply: '535 5.7.3 Authentication unsuccessful [mx 2026 08D]' },
      ],
      {
        source: 'smtp',
        step: 'auth',
        code: 535,
        enhancedCode: '5.7.3',
        text: '535 5.7.3 Authentication unsuccessful [mx 2026 08D]',
      },
    ],
    [
      'without STARTTLS, and sends no credential',
      [GREETING, { ...HELLO, reply: '250-mx\r\n250 AUTH XOAUTH2' }],
      { source: 'smtp_offer', problem: 'no_starttls' },
    ],
    [
      'without XOAUTH2, and sends no credential',
      [GREETING, HELLO, STARTTLS, hello('AUTH LOGIN')],
      {
        source: 'smtp_offer',
        problem: 'no_auth_mechanism',
        offered: ['LOGIN'],
        wanted: 'XOAUTH2',
      },
    ],
    [
      'without any AUTH, and sends no credential',
      [GREETING, HELLO, STARTTLS, hello('SMTPUTF8')],
      { source: 'smtp_offer', problem: 'no_auth_mechanism', offered: [] },
    ],
    [
      'with something slipped in behind the answer to STARTTLS',
      [GREETING, HELLO, { ...STARTTLS, raw: '250 AUTH XOAUTH2\r\n', next: 'silent' }],
      { phase: 'protocol', step: 'starttls', code: 'STARTTLS_INJECTION' },
    ],
    [
      'with a web server in its place',
      [{ reply: 'HTTP/1.1 400 Bad Request' }],
      { source: 'transport', phase: 'protocol', step: 'greeting' },
    ],
  ]
  test.each(failures)('%s: says why, and is closed', async (_title, moves, facts) => {
    await using server = await play(...moves)
    const opened = await sessions().open(options(server.port))
    expect(opened).toMatchObject({ ok: false, failure: facts })
    await server.allClosed()
  })

  const drops: [string, SmtpMove[]][] = [
    ['greeting', [{ next: 'close' }]],
    ['ehlo', [GREETING, { expect: /./, next: 'close' }]],
    ['starttls', [GREETING, HELLO, { expect: /./, next: 'close' }]],
    ['auth', [...TO_AUTH, { expect: /./, next: 'close' }]],
  ]
  test.each(drops)('dropped at the step %s: says so, and is closed', async (step, moves) => {
    await using server = await play(...moves)
    expect(await sessions().open(options(server.port))).toMatchObject({
      ok: false,
      failure: { source: 'transport', peer: 'smtp', phase: 'closed', step, port: server.port },
    })
    await server.allClosed()
  })

  test('because the server says nothing: ends with the time limit of the step', async () => {
    const clock = createFakeClock()
    await using server = await play(...TO_AUTH, { expect: /^AUTH/, next: 'silent' })
    let over = false
    const opening = sessions({ clock })
      .open(options(server.port))
      .finally(() => {
        over = true
      })
    await server.played
    while (!over) await clock.advance(10_000)
    expect(await opening).toMatchObject({
      ok: false,
      failure: { phase: 'timeout', step: 'auth', code: 'ETIMEDOUT' },
    })
    await server.allClosed()
  })

  test('because nobody listens, or the name is unknown: says which', async () => {
    expect(await sessions().open(options(await closedPort()))).toMatchObject({
      ok: false,
      failure: { phase: 'connect', code: 'ECONNREFUSED', step: 'connect' },
    })
    const server = { host: 'smtp.invalid', port: 587, security: 'starttls' } as const
    expect(await sessions().open({ server, authentication: xoauth2 })).toMatchObject({
      ok: false,
      failure: { phase: 'dns', step: 'connect' },
    })
  })

  test('because the caller gives up: rejects with the reason, and is closed', async () => {
    await using server = await play(GREETING, { expect: /^EHLO/, next: 'silent' })
    const controller = new AbortController()
    const reason = new Error('shutting down')
    const { signal } = controller
    const opening = sessions().open({ ...options(server.port), signal })
    const rejected = expect(opening).rejects.toBe(reason)
    await server.played
    controller.abort(reason)
    await rejected
    await server.allClosed()
  })

  test('never shows the token or the password', async () => {
    const capture = captureLog()
    for (const authentication of [xoauth2, login]) {
      await using server = await play(
        ...TO_AUTH,
        { expect: /^AUTH/, reply: '334 ' },
        {
          expect: /./,
          reply: `500 5.5.2 unknown: ${TOKEN} ${PASSWORD} ${Buffer.from(PASSWORD).toString('base64')}`,
        },
      )
      const opened = await sessions({ log: capture.log }).open({
        server: at(server.port),
        authentication,
      })
      const shown = JSON.stringify(opened) + capture.lines.join()
      expect(opened.ok).toBe(false)
      if (authentication.type === 'xoauth2') expect(shown).not.toContain(TOKEN.slice(40, 80))
      else expect(shown).not.toContain(PASSWORD)
    }
  })
})

describe('a certificate', () => {
  const bad = [
    ['expired', 'CERT_HAS_EXPIRED', 'localhost'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID', 'mail.wrong.example'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'localhost'],
  ] as const
  const startBad = (certificate: (typeof bad)[number][0]) =>
    startScriptedSmtp({
      scripts: [[GREETING, HELLO, STARTTLS]],
      certificates: certificates.server,
      certificate,
    })

  test.each(bad)('that is %s is refused and shown', async (certificate, code, name) => {
    await using server = await startBad(certificate)
    expect(await sessions().open(options(server.port))).toMatchObject({
      ok: false,
      failure: {
        phase: 'tls',
        step: 'starttls',
        code,
        certificate: { names: expect.arrayContaining([name]) },
      },
    })
    expect(server.lines.flat().some((line) => line.startsWith('AUTH'))).toBe(false)
  })

  test.each(bad)(
    'that is %s is refused even where the environment tells Node not to care',
    async (certificate) => {
      await using server = await startBad(certificate)
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
      try {
        expect(await sessions().open(options(server.port))).toMatchObject({
          ok: false,
          failure: { source: 'transport', phase: 'tls' },
        })
      } finally {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      }
    },
  )
})
