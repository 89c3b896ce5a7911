import { X509Certificate } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createSelfSignedCertificate } from '../../../src/entra/index.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { CLIENT_ID, issued, refusal, startEntra, TENANT_ID } from './fixtures.ts'

const clock = createFakeClock()
const options = { commonName: 'postern', days: 30, keyBits: 2048, clock } as const
const pair = await createSelfSignedCertificate(options)
const credential = { type: 'certificate', ...pair } as const
const newer = { type: 'certificate', ...(await createSelfSignedCertificate(options)) } as const
const x509 = new X509Certificate(pair.certificate)

const base64url = (fingerprint: string) =>
  Buffer.from(fingerprint.replaceAll(':', ''), 'hex').toString('base64url')

type Answers = Parameters<typeof startEntra>[0]['answers']

async function start(answers: Answers) {
  const entra = await startEntra({ answers })
  const request = { ...entra.request, credential }
  const assertions = () =>
    entra.server.requests.map(
      ({ body }) => new URLSearchParams(body).get('client_assertion') ?? 'none',
    )
  const forms = () =>
    assertions().map((assertion) =>
      decodeProtectedHeader(assertion)['x5t#S256'] === undefined ? 'x5t' : 'x5t#S256',
    )
  return Object.assign(entra, { request, assertions, forms })
}

const NOT_FOUND = () => refusal(700027, { text: '[Reason - The key was not found.]' })

describe('a token request with a certificate', () => {
  test('carries an assertion signed by its key, for ten minutes, to this endpoint', async () => {
    await using entra = await start([issued()])
    expect((await entra.source.acquire(entra.request)).ok).toBe(true)
    const form = new URLSearchParams(entra.server.requests[0]?.body)
    expect(form.get('client_secret')).toBeNull()
    expect(form.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    )
    const verified = await jwtVerify(entra.assertions()[0] ?? '', x509.publicKey, {
      currentDate: new globalThis.Date(FAKE_NOW),
      audience: `${entra.server.origin}/${TENANT_ID}/oauth2/v2.0/token`,
      issuer: CLIENT_ID,
      subject: CLIENT_ID,
    })
    const { nbf = 0, exp = 0, jti } = verified.payload
    expect(exp - nbf).toBe(600)
    expect(nbf).toBe(FAKE_NOW / 1_000 - 60)
    expect(jti).toMatch(/^[0-9a-f-]{36}$/)
    expect(verified.protectedHeader).toEqual({
      alg: 'PS256',
      typ: 'JWT',
      'x5t#S256': base64url(x509.fingerprint256),
    })
  })

  test('falls back to x5t, 30 s later, where the tenant knows the key only by that', async () => {
    await using entra = await start([NOT_FOUND(), issued(), issued()])
    const outcome = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    // Whoever asks meanwhile waits for the other half of the answer, too.
    const second = entra.source.acquire(entra.request)
    await entra.clock.advance(29_999)
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(1)
    expect((await outcome).ok && (await second).ok).toBe(true)
    expect(entra.server.requests).toHaveLength(2)
    expect(decodeProtectedHeader(entra.assertions()[1] ?? '')).toEqual({
      alg: 'RS256',
      typ: 'JWT',
      x5t: base64url(x509.fingerprint),
    })
    // The application is known by then, also for its next certificate.
    const next = { ...entra.request, credential: newer }
    expect((await entra.source.acquire(next)).ok).toBe(true)
    expect(entra.forms()).toEqual(['x5t#S256', 'x5t', 'x5t'])
  })

  test('falls back too where x5t#S256 is not understood', async () => {
    await using entra = await start([refusal(50027, { error: 'invalid_request' }), issued()])
    const outcome = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    await entra.clock.advance(30_000)
    expect((await outcome).ok).toBe(true)
  })

  test('does not wait for the other half when the caller leaves', async () => {
    await using entra = await start([NOT_FOUND()])
    const leaving = new AbortController()
    const outcome = entra.source.acquire(entra.request, { signal: leaving.signal })
    await entra.clock.untilSleeping()
    leaving.abort(new Error('gone'))
    await expect(outcome).rejects.toThrow('gone')
    expect(entra.clock.sleepers).toBe(0)
  })

  test('does not ask more often while the certificate is not uploaded', async () => {
    await using entra = await start([NOT_FOUND(), NOT_FOUND(), NOT_FOUND(), NOT_FOUND(), issued()])
    const outcome = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(30_000)
    expect((await outcome).ok).toBe(false)
    expect(entra.server.requests).toHaveLength(2)
    for (const count of [3, 4, 5]) {
      await entra.clock.advance(30_000)
      await entra.source.acquire(entra.request)
      await entra.source.acquire(entra.request)
      expect(entra.server.requests).toHaveLength(count)
    }
    expect(entra.forms()).toEqual(['x5t#S256', 'x5t', 'x5t#S256', 'x5t', 'x5t#S256'])
  })

  test('does not fall back for another refusal', async () => {
    await using entra = await start([refusal(700024)])
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { codes: [700024] },
    })
  })

  test('shows neither key nor assertion, whatever Entra repeats', async () => {
    const key = pair.privateKey.reveal()
    await using entra = await start([refusal(700030, { text: `Bad: ${key}` })])
    const outcome = await entra.source.acquire(entra.request)
    expect(outcome).toMatchObject({ failure: { description: expect.stringMatching(/\[secret\]/) } })
    const shown = JSON.stringify(outcome) + entra.lines.join()
    expect(shown).not.toContain(key.slice(100, 140))
    expect(shown).not.toContain(entra.assertions()[0]?.slice(-40))
  })

  test.each([
    ['a key that is none', { privateKey: new Secret('nonsense') }],
    ['a certificate that is none', { certificate: 'nonsense' }],
  ])('with %s is a failure of the settings, and nothing is sent', async (_title, change) => {
    await using entra = await start([])
    const request = { ...entra.request, credential: { ...credential, ...change } }
    const outcome = await entra.source.acquire(request)
    expect(outcome).toMatchObject({ failure: { source: 'settings', problem: 'incomplete' } })
    expect(JSON.stringify(outcome)).not.toContain('nonsense')
  })

  test('is another one for another certificate', async () => {
    await using entra = await start([issued(), issued()])
    const first = await entra.source.acquire(entra.request)
    const second = await entra.source.acquire({ ...entra.request, credential: newer })
    expect(first.ok && second.ok).toBe(true)
    expect(entra.server.requests).toHaveLength(2)
  })
})

test('a token for Graph is asked for with Graph’s scope and kept beside the other one', async () => {
  await using entra = await start([issued(), refusal(7000215)])
  const graph = { ...entra.request, resource: 'graph' } as const
  expect((await entra.source.acquire(graph)).ok).toBe(true)
  const scope = new URLSearchParams(entra.server.requests[0]?.body).get('scope')
  expect(scope?.split(' ')).toContain('https://graph.example/.default')
  expect((await entra.source.acquire(entra.request)).ok).toBe(false)
  expect(await entra.source.acquire(graph)).toMatchObject({ ok: true, trace: { fromCache: true } })
})
