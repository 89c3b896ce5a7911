import { X509Certificate } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HOUR_MS, SECOND_MS, toIso } from '../../../src/platform/clock.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { createClientCertificate, signWith } from './client-certificate.ts'
import { startTestTenant, type TestTenant } from './harness.ts'

const KEY_ID = '0d2f7c1a-8e54-4b06-9a63-c7b1f2e3d495'
const good = createClientCertificate()
const other = createClientCertificate()

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.sandbox.tenant.reset()
  t.clock.set(FAKE_NOW)
  register({ certificate: good.certificate })
})

function register(change: object | null): void {
  t.sandbox.tenant.patch({ apps: { [t.sandbox.clientId]: { certificates: { [KEY_ID]: change } } } })
}

const endpoint = (tenant = t.sandbox.tenantId) =>
  `${t.sandbox.authority}/${tenant}/oauth2/v2.0/token`

/** A token request with an assertion of the registered certificate. */
async function ask(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  signer = good,
) {
  const { clientId } = t.sandbox
  const own = { aud: endpoint(), iss: clientId, sub: clientId }
  const assertion = await signWith(signer, { ...own, ...claims }, header)
  return send(assertion)
}

async function send(assertion: string) {
  const answer = await t.requestToken({
    client_secret: undefined,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  })
  const body = answer.json()
  return { status: answer.status, body, text: String(body['error_description'] ?? '') }
}

describe('a client assertion', () => {
  it('signed with PS256 and named by SHA-256 gets a token that says so', async () => {
    const { status, body } = await ask()
    expect(status).toBe(200)
    expect(decodeJwt(String(body['access_token']))).toMatchObject({
      appid: t.sandbox.clientId,
      appidacr: '2',
      roles: ['SMTP.SendAsApp'],
    })
  })

  it('may be signed with RS256 and named by SHA-1, name the tenant by domain, and come twice', async () => {
    const header = { alg: 'RS256', x5t: good.x5t, 'x5t#S256': undefined }
    expect((await ask({}, header)).status).toBe(200)
    const { clientId } = t.sandbox
    const aud = endpoint('contoso.com')
    const assertion = await signWith(good, { aud, iss: clientId, sub: clientId })
    const again = () =>
      t.requestToken({ client_secret: undefined, client_assertion: assertion }, 'contoso.com')
    expect((await again()).status).toBe(200)
    expect((await again()).status).toBe(200)
  })

  it('is found where the certificate was registered as PEM', async () => {
    register({
      certificate: new X509Certificate(Buffer.from(good.certificate, 'base64')).toString(),
    })
    expect((await ask()).status).toBe(200)
  })

  it('named by SHA-256 is unknown to a tenant that looks for SHA-1 alone', async () => {
    t.sandbox.tenant.patch({ entra: { assertionHeader: 'x5t' } })
    expect((await ask()).text).toContain('is not registered on application')
    expect((await ask({}, { x5t: good.x5t })).status).toBe(200)
  })

  it('of a certificate that is not registered names its thumbprint', async () => {
    const header = { alg: 'RS256', x5t: other.x5t, 'x5t#S256': undefined }
    const { status, text } = await ask({}, header, other)
    expect(status).toBe(401)
    expect(text).toMatch(/^AADSTS700027: The certificate with identifier .* is not registered/)
    expect(text).toContain(`Thumbprint of key used by client: '${other.sha1}'`)
  })

  it('of a certificate that has ended gets the text about the key, and a date in the directory wins', async () => {
    register({ endDateTime: toIso(FAKE_NOW) })
    const { text } = await ask()
    expect(text).toMatch(
      /^AADSTS700027: Client assertion contains an invalid signature\. \[Reason - The key used is expired\., Thumbprint of key used by client: '[0-9A-F]{40}', Found key 'Start=11\/22\/2026 10:00:00, End=11\/23\/2026 10:00:00'/,
    )
    const ended = createClientCertificate({ from: FAKE_NOW - 2 * HOUR_MS, to: FAKE_NOW - HOUR_MS })
    register({ certificate: ended.certificate, endDateTime: null })
    expect((await ask({}, {}, ended)).text).toContain('The key used is expired.')
  })

  it('works once the certificate has replicated', async () => {
    register({ effectiveAt: toIso(FAKE_NOW + 60_000) })
    expect((await ask()).text).toContain('The key was not found.')
    await t.clock.advance(60_000)
    expect((await ask()).status).toBe(200)
  })

  it('signed with another key than the named certificate’s is refused', async () => {
    const { text } = await ask({}, { 'x5t#S256': good.x5tS256 }, other)
    expect(text).toContain('AADSTS700027: Client assertion contains an invalid signature.')
    expect(text).not.toMatch(/expired|not registered/)
  })

  it.each([
    ['another audience', { aud: 'https://login.example/token' }],
    ['another issuer', { iss: 'someone' }],
    ['another subject', { sub: 'someone' }],
  ])('with %s is AADSTS50012', async (_title, claims) => {
    expect((await ask(claims)).text).toMatch(/^AADSTS50012: /)
  })

  it.each([
    ['has ended', { exp: FAKE_NOW / SECOND_MS }],
    ['has not begun', { nbf: FAKE_NOW / SECOND_MS + 1 }],
    ['never ends', { exp: undefined }],
  ])('that %s is AADSTS700024 with the tenant’s time', async (_title, claims) => {
    const { text } = await ask(claims)
    expect(text).toMatch(/^AADSTS700024: .*Current time: 2026-11-23T10:00:00\.0000000Z, /)
  })

  it('is judged by the tenant’s clock, not by the machine’s', async () => {
    t.sandbox.tenant.patch({ clockOffsetMs: 2 * HOUR_MS })
    expect((await ask()).text).toContain('expiry time of assertion 2026-11-23T10:10:00.0000000Z')
  })

  it.each(['nonsense', 'e30.e30.', 'e30.e30.AA=='])(
    'in the form %j is AADSTS50027',
    async (text) => {
      expect((await send(text)).text).toMatch(/^AADSTS50027: /)
    },
  )

  it('needs a certificate in the model that can be read', () => {
    expect(() => register({ certificate: 'nonsense' })).toThrow(/is no X\.509 certificate/)
  })
})
