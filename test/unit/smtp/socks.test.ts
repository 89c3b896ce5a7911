import { describe, expect, test } from 'vitest'
import { closedPort } from '../../support/closed-port.ts'
import { startScriptedSmtp } from '../../support/scripted-smtp.ts'
import { type SocksAnswer, startScriptedSocks } from '../../support/scripted-socks.ts'
import {
  AUTH,
  at,
  CONTENT,
  certificates,
  client,
  DATA,
  GREETING,
  HELLO,
  hello,
  MAIL_FROM,
  nobody,
  RCPT,
  STARTTLS,
  TO_AUTH,
  xoauth2,
} from './fixtures.ts'
import { openSession, outgoing } from './session-bench.ts'

const NO_LOGIN: SocksAnswer = [5, 0]
const LOGIN: SocksAnswer = [5, 2]
const LOGGED_IN: SocksAnswer = [1, 0]
const CONNECTED: SocksAnswer = [5, 0, 0, 1, 10, 0, 0, 1, 4, 210]

const hex = (text: string) => Buffer.from(text).toString('hex')
const portHex = (port: number) => port.toString(16).padStart(4, '0')

function smtpServer(...moves: Parameters<typeof startScriptedSmtp>[0]['scripts'][number]) {
  return startScriptedSmtp({ scripts: [moves], certificates: certificates.server })
}

describe('a SOCKS proxy', () => {
  test('resolves the name itself, and its words and the greeting may come together', async () => {
    await using proxy = await startScriptedSocks([NO_LOGIN, 'connect'])
    await using server = await smtpServer(GREETING, HELLO, STARTTLS, hello('SMTPUTF8'))
    const probe = await client({ proxy: proxy.url }).probe({
      server: at(server.port),
      authentication: nobody,
    })
    expect(probe.failure).toBeNull()
    expect(probe.steps.map(({ step }) => step)).toContain('starttls')
    expect(proxy.heard).toEqual(['050100', `0501000309${hex('localhost')}${portHex(server.port)}`])
  })

  test('is told user name and password when it asks for them', async () => {
    await using proxy = await startScriptedSocks([LOGIN, LOGGED_IN, 'connect'])
    await using server = await smtpServer(GREETING, HELLO, STARTTLS, hello('SMTPUTF8'))
    const url = new URL(proxy.url)
    url.username = 'us%40er'
    url.password = 'p%C3%A4ss'
    const probe = await client({ proxy: url }).probe({
      server: at(server.port),
      authentication: nobody,
    })
    expect(probe.failure).toBeNull()
    expect(proxy.heard.slice(0, 2)).toEqual(['05020002', `0105${hex('us@er')}05${hex('päss')}`])
  })

  test('carries a whole message', async () => {
    await using proxy = await startScriptedSocks([NO_LOGIN, 'connect'])
    await using server = await smtpServer(...TO_AUTH, ...AUTH, MAIL_FROM, RCPT, DATA, CONTENT)
    const session = await openSession(server.port, {
      deps: { proxy: proxy.url },
      security: 'starttls',
      authentication: xoauth2,
    })
    expect(await session.send(outgoing())).toMatchObject({ failure: null })
    await session.quit()
  })

  test('carries implicit TLS', async () => {
    await using proxy = await startScriptedSocks([NO_LOGIN, CONNECTED])
    const probe = await client({ proxy: proxy.url }).probe({
      server: at(465, 'tls'),
      authentication: nobody,
    })
    // The proxy's script ends here: what it hears first is the client's TLS hello.
    expect(probe.failure).toMatchObject({ phase: 'closed', step: 'starttls' })
    expect(proxy.heard[2]).toMatch(/^1603/)
  })

  test.each([
    ['192.0.2.7', '01c0000207'],
    ['2001:db8::7', '0420010db8000000000000000000000007'],
    ['::ffff:192.0.2.7', '0400000000000000000000ffffc0000207'],
  ])('is given the address %s as such', async (host, address) => {
    await using proxy = await startScriptedSocks([NO_LOGIN, [5, 2, 0, 1, 0, 0, 0, 0, 0, 0]])
    const probe = await client({ proxy: proxy.url }).probe({
      server: { host, port: 587, security: 'starttls' },
      authentication: nobody,
    })
    expect(probe.failure).toMatchObject({ phase: 'proxy', code: 'SOCKS_REPLY_2', host })
    expect(proxy.heard[1]).toBe(`050100${address}024b`)
  })

  test.each<[string, SocksAnswer[], string, RegExp]>([
    ['that asks for a login nobody entered', [[5, 0xff]], 'SOCKS_NO_METHOD', /asks for a login/],
    ['that chooses what was not offered', [[5, 2]], 'SOCKS_NO_METHOD', /asks for a login/],
    ['that speaks SOCKS 4', [[0, 91]], 'SOCKS_VERSION', /does not speak SOCKS 5/],
    ['that closes at once', ['close'], 'SOCKS_CLOSED', /closed the connection/],
    ['that closes later', [NO_LOGIN, 'close'], 'SOCKS_CLOSED', /closed the connection/],
    [
      'whose answer has an unknown address',
      [NO_LOGIN, [5, 0, 0, 9, 0, 0]],
      'SOCKS_VERSION',
      /not SOCKS 5/,
    ],
    [
      'whose server refuses',
      [NO_LOGIN, [5, 5, 0, 1, 0, 0, 0, 0, 0, 0]],
      'SOCKS_REPLY_5',
      /CONNECT localhost:587 with 5 \(connection refused/,
    ],
    [
      'with a reason of its own',
      [NO_LOGIN, [5, 200, 0, 1, 0, 0, 0, 0, 0, 0]],
      'SOCKS_REPLY_200',
      /200/,
    ],
  ])('%s is told from the server', async (_title, script, code, words) => {
    await using proxy = await startScriptedSocks(script)
    const probe = await client({ proxy: proxy.url }).probe({
      server: at(587),
      authentication: nobody,
    })
    expect(probe.failure).toMatchObject({
      source: 'transport',
      phase: 'proxy',
      step: 'connect',
      code,
      host: 'localhost',
    })
    expect(probe.failure).toHaveProperty('message', expect.stringMatching(words))
    expect(probe.failure).toHaveProperty('message', expect.stringContaining(proxy.url.host))
    await proxy.allClosed()
  })

  test('that refuses the password does not make it known', async () => {
    await using proxy = await startScriptedSocks([LOGIN, [1, 1]])
    const url = new URL(proxy.url)
    url.username = 'user'
    url.password = 'hidden-password'
    const smtp = client({ proxy: url })
    const probe = await smtp.probe({ server: at(587), authentication: nobody })
    expect(probe.failure).toMatchObject({ phase: 'proxy', code: 'SOCKS_LOGIN_REFUSED' })
    expect(JSON.stringify(probe) + smtp.lines.join()).not.toContain('hidden-password')
  })

  test('that is not there is told from the server', async () => {
    const gone = new URL(`socks5://127.0.0.1:${await closedPort()}`)
    const probe = await client({ proxy: gone }).probe({
      server: at(587),
      authentication: nobody,
    })
    expect(probe.failure).toMatchObject({ phase: 'proxy', code: 'ECONNREFUSED' })
  })

  test('that says nothing is waited for within the limit only, and left', async () => {
    await using proxy = await startScriptedSocks(['silent'])
    const timeouts = { connectMs: 100, greetingMs: 100, commandMs: 100, dataMs: 100 }
    const probe = await client({ proxy: proxy.url, timeouts }).probe({
      server: at(587),
      authentication: nobody,
    })
    expect(probe.failure).toMatchObject({ phase: 'timeout', step: 'connect' })
    await proxy.allClosed()
  })
})
