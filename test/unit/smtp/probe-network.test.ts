import { describe, expect, test } from 'vitest'
import { createFakeClock } from '../../support/clock.ts'
import { closedPort } from '../../support/closed-port.ts'
import { startScriptedProxy } from '../../support/scripted-proxy.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import {
  AUTH,
  at,
  certificates,
  client,
  DATA,
  GREETING,
  HELLO,
  hello,
  MAIL_FROM,
  MESSAGE,
  nobody,
  play,
  RCPT,
  STARTTLS,
  TO_AUTH,
  xoauth2,
} from './fixtures.ts'

const options = (port: number) => ({ server: at(port), authentication: xoauth2, message: MESSAGE })

const PATH: [string, SmtpMove[]][] = [
  ['greeting', []],
  ['ehlo', [GREETING]],
  ['starttls', [GREETING, HELLO]],
  ['ehlo', [GREETING, HELLO, STARTTLS]],
  ['auth', TO_AUTH],
  ['mail', [...TO_AUTH, ...AUTH]],
  ['rcpt', [...TO_AUTH, ...AUTH, MAIL_FROM]],
  ['data', [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT]],
  ['message', [...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA]],
]

describe.each(PATH)('at the step %s', (step, before) => {
  // At the greeting the server acts unasked, else when it has read what the client sent.
  const act = (next: 'close' | 'reset' | 'silent'): SmtpMove =>
    step === 'greeting'
      ? { next }
      : step === 'message'
        ? { content: true, next }
        : { expect: /./, next }

  test.each(['close', 'reset'] as const)(
    'a %s is a broken connection, not a credential',
    async (how) => {
      await using server = await play(...before, act(how))
      const probe = await client().probe(options(server.port))
      // A reset right after the connection may be seen as part of opening it.
      const reached = probe.steps.at(-1)?.step
      expect(step === 'greeting' ? ['connect', 'greeting'] : [step]).toContain(reached)
      expect(probe.steps.at(-1)?.ok).toBe(false)
      expect(probe.failure).toMatchObject({
        source: 'transport',
        peer: 'smtp',
        phase: 'closed',
        step: reached,
        host: 'localhost',
        port: server.port,
      })
    },
  )

  test('silence ends with the time limit, and the connection is closed', async () => {
    const clock = createFakeClock()
    await using server = await play(...before, act('silent'))
    // Fake time stands still until the server has gone silent; then only this step can reach its limit.
    const long = 1e9
    const timeouts = {
      connectMs: step === 'starttls' ? 2_000 : long,
      greetingMs: step === 'greeting' ? 2_000 : long,
      commandMs: step === 'message' ? long : 2_000,
      dataMs: step === 'message' ? 2_000 : long,
    }
    const running = client({ clock, timeouts }).probe(options(server.port))
    await server.played
    let over = false
    const ended = running.finally(() => {
      over = true
    })
    while (!over) await clock.advance(1_000)
    await ended
    const probe = await running
    expect(probe.failure).toMatchObject({
      source: 'transport',
      phase: 'timeout',
      step,
      code: 'ETIMEDOUT',
    })
    await server.allClosed()
  })
})

describe('a connection', () => {
  test('that is refused is told from an unknown name', async () => {
    const port = await closedPort()
    const refused = await client().probe(options(port))
    expect(refused.failure).toMatchObject({
      phase: 'connect',
      step: 'connect',
      code: 'ECONNREFUSED',
      port,
    })
    const unknown = await client().probe({
      server: { host: 'smtp.invalid', port: 587, security: 'starttls' },
      authentication: nobody,
    })
    expect(unknown.failure).toMatchObject({ phase: 'dns', step: 'connect', host: 'smtp.invalid' })
    expect(unknown.steps).toHaveLength(1)
  })

  test('is closed and the probe rejects when the caller gives up', async () => {
    await using server = await play(GREETING, { expect: /^EHLO/, next: 'silent' })
    const controller = new AbortController()
    const reason = new Error('shutting down')
    const running = client().probe({ ...options(server.port), signal: controller.signal })
    const rejected = expect(running).rejects.toBe(reason)
    while ((server.lines[0]?.length ?? 0) === 0)
      await new Promise((resolve) => setImmediate(resolve))
    controller.abort(reason)
    await rejected
    await server.allClosed()
  })

  test('that is no SMTP is a protocol failure', async () => {
    await using server = await play({ reply: 'HTTP/1.1 400 Bad Request', next: 'close' })
    const probe = await client().probe(options(server.port))
    expect(probe.failure).toMatchObject({
      phase: 'protocol',
      step: 'greeting',
      code: 'REPLY_MALFORMED',
    })
  })

  test('whose reply never ends is cut', async () => {
    await using server = await play({ raw: '220-x\r\n'.repeat(10_000), next: 'silent' })
    const probe = await client().probe(options(server.port))
    expect(probe.failure).toMatchObject({
      phase: 'protocol',
      step: 'greeting',
      code: 'REPLY_TOO_LONG',
    })
    await server.allClosed()
  })
})

describe('TLS', () => {
  test.each([
    ['expired', 'CERT_HAS_EXPIRED', 'localhost'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID', 'mail.wrong.example'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'localhost'],
  ] as const)(
    'refuses a certificate that is %s and shows its names',
    async (certificate, code, name) => {
      for (const implicitTls of [false, true]) {
        await using server = await startScriptedSmtp({
          scripts: [implicitTls ? [] : [GREETING, HELLO, STARTTLS]],
          certificates: certificates.server,
          certificate,
          implicitTls,
        })
        const probe = await client().probe({
          server: at(server.port, implicitTls ? 'tls' : 'starttls'),
          authentication: xoauth2,
        })
        expect(probe.failure).toMatchObject({ phase: 'tls', step: 'starttls', code })
        expect(probe.failure).toHaveProperty('message', expect.stringContaining(name))
        expect(probe.certificate?.names).toContain(name)
        expect(probe.certificate?.validTo).toMatch(/^\d{4}-\d\d-\d\dT/)
        expect(server.lines[0]?.some((line) => line.startsWith('AUTH'))).toBe(false)
      }
    },
  )

  test('refuses an authority that it does not know', async () => {
    const { createTrust } = await import('../../../src/platform/trust.ts')
    await using server = await play(GREETING, HELLO, STARTTLS)
    const probe = await client({ trust: createTrust() }).probe(options(server.port))
    expect(probe.failure).toMatchObject({ phase: 'tls', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  })

  test('does not begin when plain text came in behind the answer to STARTTLS', async () => {
    for (const raw of ['250 AUTH XOAUTH2\r\n', '2', '250-injected\r\n']) {
      await using server = await play(GREETING, HELLO, {
        expect: /^STARTTLS$/,
        reply: '220 ready',
        raw,
        next: 'silent',
      })
      const probe = await client().probe(options(server.port))
      expect(probe.failure).toMatchObject({
        phase: 'protocol',
        step: 'starttls',
        code: 'STARTTLS_INJECTION',
      })
      await server.allClosed()
    }
  })

  test('that the server does not speak after all is a TLS failure', async () => {
    await using server = await play(
      GREETING,
      HELLO,
      { expect: /^STARTTLS$/, reply: '220 ready' },
      { anything: true, reply: 'no TLS here', next: 'close' },
    )
    const probe = await client().probe(options(server.port))
    expect(probe.failure).toMatchObject({ source: 'transport', phase: 'tls', step: 'starttls' })
  })
})

describe('a proxy', () => {
  test('is asked for the server, and its words and the greeting may come together', async () => {
    await using proxy = await startScriptedProxy()
    await using server = await play(GREETING, HELLO, STARTTLS, hello('SMTPUTF8'))
    const url = new URL(proxy.url)
    url.username = 'us%40er'
    url.password = 'pass'
    const probe = await client({ proxy: url }).probe({
      server: at(server.port),
      authentication: nobody,
    })
    expect(probe.failure).toBeNull()
    expect(proxy.asked[0]?.target).toBe(`localhost:${server.port}`)
    expect(proxy.asked[0]?.headers['proxy-authorization']).toBe(
      `Basic ${Buffer.from('us@er:pass').toString('base64')}`,
    )
  })

  test('that refuses, or is not there, is told from the server', async () => {
    await using proxy = await startScriptedProxy({ status: 407 })
    const url = new URL(proxy.url)
    url.password = 'hidden-password'
    const refused = await client({ proxy: url }).probe(options(587))
    expect(refused.failure).toMatchObject({
      phase: 'proxy',
      step: 'connect',
      code: '407',
      host: 'localhost',
    })
    expect(JSON.stringify(refused)).not.toContain('hidden-password')
    const gone = new URL(`http://127.0.0.1:${await closedPort()}`)
    const absent = await client({ proxy: gone }).probe(options(587))
    expect(absent.failure).toMatchObject({ phase: 'proxy', code: 'ECONNREFUSED' })
  })
})
