import { describe, expect, test } from 'vitest'
import { createEntraTransport, createTokenSource } from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { createFakeClock } from '../../support/clock.ts'
import { closedPort } from '../../support/closed-port.ts'
import { captureLog } from '../../support/log.ts'
import { startScriptedHttps } from '../../support/scripted-https.ts'
import { startScriptedProxy } from '../../support/scripted-proxy.ts'
import {
  CLIENT_ID,
  certificates,
  clientSecret,
  cloudAt,
  IDS,
  issued,
  jwt,
  refusal,
  SECRET,
  startEntra,
  TENANT_ID,
  trust,
} from './fixtures.ts'

describe('an error answer of Entra', () => {
  test.each(['\r\n', ' '])('is read with %j between its parts', async (separator) => {
    const answer = refusal(7000215, { text: 'Invalid client secret provided.', separator })
    await using entra = await startEntra({ answers: [answer] })
    const { trace: _, ...outcome } = await entra.source.acquire(entra.request)
    expect(outcome).toEqual({
      ok: false,
      failure: {
        source: 'entra',
        status: 401,
        error: 'invalid_client',
        codes: [7000215],
        description: expect.stringContaining('AADSTS7000215: Invalid client secret provided.'),
        ...IDS,
        policyIds: [],
        retryAfterMs: null,
      },
    })
  })

  test('is read from its text alone when the members are missing', async () => {
    const { body } = refusal(700016, { separator: ' ' })
    const { error_description } = JSON.parse(body)
    const text = `${error_description} AADSTS50034: inner`
    const answer = {
      status: 400,
      body: JSON.stringify({ error: 'unauthorized_client', error_description: text }),
    }
    await using entra = await startEntra({ answers: [answer] })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { codes: [700016, 50034], ...IDS },
    })
  })

  test('names the Conditional Access policies that blocked', async () => {
    const policy = 'c0ffee00-0000-4000-8000-000000000001'
    const claims = JSON.stringify({
      access_token: { capolids: { essential: true, values: [policy] } },
    })
    const more = { suberror: 'message_only', claims }
    const answer = refusal(53003, { status: 400, error: 'invalid_grant', more })
    await using entra = await startEntra({ answers: [answer] })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { codes: [53003], policyIds: [policy] },
    })
  })

  test('that is an HTML page of a gateway shows its words', async () => {
    const page = '<html><style>p{}</style><h1>502 Bad\nGateway</h1><script>x()</script></html>'
    await using entra = await startEntra({ answers: [{ status: 502, body: page }] })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { source: 'entra', status: 502, codes: [], description: '502 Bad Gateway' },
    })
  })

  test('never carries the secret, whatever the server repeats', async () => {
    for (const form of [SECRET, encodeURIComponent(SECRET)]) {
      const answers = [
        refusal(7000215, { text: `the secret ${form} is wrong` }),
        { status: 502, body: `<p>you posted client_secret=${form}</p>` },
      ]
      await using entra = await startEntra({ answers })
      for (let i = 0; i < answers.length; i++) {
        const outcome = await entra.source.acquire(entra.request)
        const shown = JSON.stringify(outcome) + entra.lines.join()
        expect(outcome.ok).toBe(false)
        expect(shown).toContain('[secret]')
        expect(shown).not.toContain(form)
        await entra.clock.advance(60_000)
      }
    }
  })
})

describe('an answer that is none', () => {
  test.each([
    [
      'an HTML page with 200',
      { status: 200, body: '<html>Welcome to the hotel</html>' },
      'protocol',
      'INVALID_ANSWER',
    ],
    [
      'half of the JSON',
      { status: 200, body: '{"token_type":"Bearer","access_token":"eyJhbGci' },
      'protocol',
      'INVALID_ANSWER',
    ],
    ['JSON without a token', { status: 200, body: '{"ok":true}' }, 'protocol', 'INVALID_ANSWER'],
    ['null', { status: 200, body: 'null' }, 'protocol', 'INVALID_ANSWER'],
    ['an empty body', { status: 200, body: '' }, 'protocol', 'INVALID_ANSWER'],
    [
      'more than 1 MB',
      { status: 200, body: `"${'x'.repeat(1_100_000)}"` },
      'protocol',
      'UND_ERR_RES_EXCEEDED_MAX_SIZE',
    ],
    ['half of the announced body', 'half', 'closed', 'UND_ERR_SOCKET'],
    ['a dropped connection', 'reset', 'closed', 'UND_ERR_SOCKET'],
  ] as const)('%s is a failure of transport', async (_title, answer, phase, code) => {
    await using entra = await startEntra({ answers: [answer] })
    const outcome = await entra.source.acquire(entra.request)
    expect(outcome).toMatchObject({
      ok: false,
      failure: {
        source: 'transport',
        peer: 'entra',
        step: 'token',
        phase,
        code,
        host: 'localhost',
        port: entra.server.port,
      },
    })
    expect(JSON.stringify(outcome)).not.toContain('eyJhbGci')
  })

  test('a redirect is refused and not followed', async () => {
    const answer = {
      status: 302,
      headers: { location: 'https://evil.example/token?x=1' },
      body: '',
    }
    await using entra = await startEntra({ answers: [answer] })
    const outcome = await entra.source.acquire(entra.request)
    expect(outcome).toMatchObject({ failure: { phase: 'redirect', code: '302' } })
    expect(JSON.stringify(outcome)).toContain('https://evil.example')
  })

  test('silence ends with the time limit', async () => {
    await using entra = await startEntra({ answers: ['silent'], timeoutMs: 1_500 })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { phase: 'timeout', code: 'ETIMEDOUT' },
    })
  })

  test('a token that cannot be read is a failure of its claims', async () => {
    const answer = {
      status: 200,
      body: JSON.stringify({ expires_in: 3600, access_token: 'opaque' }),
    }
    await using entra = await startEntra({ answers: [answer] })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { source: 'claims', problem: 'unreadable' },
    })
  })
})

describe('a connection that fails', () => {
  function sourceAt(
    origin: string,
    options: { trusting?: boolean; proxy?: URL; noProxy?: string } = {},
  ) {
    const { trusting = true, proxy, noProxy } = options
    const transport = createEntraTransport({
      trust: trusting ? trust : createTrust(),
      clock: systemClock,
      timeoutMs: 20_000,
      httpsProxy: proxy,
      noProxy,
    })
    const source = createTokenSource({ transport, clock: createFakeClock(), log: captureLog().log })
    const request = {
      cloud: cloudAt(origin),
      tenantId: TENANT_ID,
      clientId: CLIENT_ID,
      credential: clientSecret(SECRET),
    }
    return {
      acquire: () => source.acquire(request),
      [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
    }
  }

  test.each([
    ['expired', 'CERT_HAS_EXPIRED', 'localhost'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID', 'mail.wrong.example'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'localhost'],
  ] as const)(
    'for a certificate that is %s shows the certificate and sends nothing',
    async (certificate, code, name) => {
      await using entra = await startEntra({ answers: [], certificate })
      // Twice: a second handshake must not be let through as a resumption of the first.
      for (let i = 0; i < 2; i++) {
        expect(await entra.source.acquire(entra.request)).toMatchObject({
          failure: { phase: 'tls', code, certificate: { names: expect.arrayContaining([name]) } },
        })
      }
      expect(entra.server.requests).toHaveLength(0)
    },
  )

  test('for an unknown authority, a refused port and an unknown name is told apart', async () => {
    await using server = await startScriptedHttps({
      certificates: certificates.server,
      answers: [],
    })
    await using unknownCa = sourceAt(server.origin, { trusting: false })
    expect(await unknownCa.acquire()).toMatchObject({
      failure: {
        phase: 'tls',
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        certificate: { names: expect.any(Array) },
      },
    })
    const port = await closedPort()
    await using refused = sourceAt(`https://localhost:${port}`)
    expect(await refused.acquire()).toMatchObject({
      failure: { phase: 'connect', code: 'ECONNREFUSED', port },
    })
    await using nameless = sourceAt('https://login.invalid')
    expect(await nameless.acquire()).toMatchObject({
      failure: { phase: 'dns', host: 'login.invalid', port: 443 },
    })
  })

  test('at the proxy is told from one at Entra', async () => {
    await using proxy = await startScriptedProxy({ status: 403 })
    await using refused = sourceAt('https://login.invalid', { proxy: proxy.url })
    expect(await refused.acquire()).toMatchObject({
      failure: { phase: 'proxy', code: '403', host: 'login.invalid' },
    })
    expect(proxy.asked[0]?.target).toBe('login.invalid:443')
    const gone = new URL(`http://127.0.0.1:${await closedPort()}`)
    await using absent = sourceAt('https://login.invalid', { proxy: gone })
    expect(await absent.acquire()).toMatchObject({
      failure: { phase: 'proxy', code: 'ECONNREFUSED' },
    })
  })

  test('is verified behind a proxy too; NO_PROXY goes around it', async () => {
    await using proxy = await startScriptedProxy()
    await using good = await startScriptedHttps({
      certificates: certificates.server,
      answers: [issued(), issued()],
    })
    await using through = sourceAt(good.origin, { proxy: proxy.url })
    expect(await through.acquire()).toMatchObject({
      ok: true,
      trace: { connection: { proxied: true } },
    })
    await using around = sourceAt(good.origin, {
      proxy: proxy.url,
      noProxy: 'example.com, localhost',
    })
    expect(await around.acquire()).toMatchObject({
      ok: true,
      trace: { connection: { proxied: false } },
    })
    await using bad = await startScriptedHttps({
      certificates: certificates.server,
      certificate: 'wrongName',
      answers: [],
    })
    await using inspected = sourceAt(bad.origin, { proxy: proxy.url })
    expect(await inspected.acquire()).toMatchObject({ failure: { phase: 'tls' } })
    expect(proxy.asked).toHaveLength(2)
  })

  test('because the server closed it while idle is opened again', async () => {
    await using entra = await startEntra({ answers: [issued(), issued(), 'reset', issued()] })
    await entra.source.acquire(entra.request)
    const untilIdle = () => new Promise((resolve) => setImmediate(resolve))
    await untilIdle()
    const reused = await entra.source.acquire(entra.request, { fresh: true })
    expect(reused.trace.connection?.reused).toBe(true)
    await untilIdle()
    const reopened = await entra.source.acquire(entra.request, { fresh: true })
    expect(reopened).toMatchObject({ ok: true, trace: { connection: { reused: false } } })
    expect(entra.server.connections).toBe(2)
  })
})

describe('settings that cannot make a request', () => {
  test.each([
    ['an empty secret', { credential: clientSecret('') }],
    ['the tenant common', { tenantId: 'common' }],
  ])('%s is a failure of the settings, and nothing is sent', async (_title, change) => {
    await using entra = await startEntra({ answers: [] })
    const outcome = await entra.source.acquire({ ...entra.request, ...change })
    expect(outcome).toMatchObject({
      ok: false,
      failure: { source: 'settings', problem: 'incomplete' },
    })
  })

  test('a tenant with path characters stays one path segment', async () => {
    await using entra = await startEntra({ answers: [refusal(900023, { status: 400 })] })
    await entra.source.acquire({ ...entra.request, tenantId: '../evil?x=1' })
    expect(entra.server.requests[0]?.path).toMatch(
      /^\/\.\.%2[Ff]evil%3[Ff]x%3[Dd]1\/oauth2\/v2\.0\/token/,
    )
  })

  test('an address that is not https is refused before the secret leaves', async () => {
    await using transport = createEntraTransport({ trust, clock: systemClock, timeoutMs: 1_000 })
    const url = new URL('http://127.0.0.1:1/token')
    await expect(
      transport.send({ peer: 'graph', step: 'read', method: 'GET', url }),
    ).rejects.toMatchObject({ code: 'entra_address_insecure' })
  })
})

test('a token never appears in the log', async () => {
  await using entra = await startEntra({ answers: [issued()] })
  const outcome = await entra.source.acquire(entra.request)
  expect(JSON.stringify(outcome) + entra.lines.join()).not.toContain(jwt().split('.')[0])
})
