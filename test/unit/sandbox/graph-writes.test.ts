import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DAY_MS, SECOND_MS, toIso } from '../../../src/platform/clock.ts'
import { codeOf } from '../../../src/platform/errors.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { createClientCertificate, signWith } from './client-certificate.ts'
import { startTestTenant, type TestTenant } from './harness.ts'

const PROOF_AUDIENCE = '00000002-0000-0000-c000-000000000000'
const KEY_ID = '0d2f7c1a-8e54-4b06-9a63-c7b1f2e3d495'
const old = createClientCertificate()
const next = createClientCertificate()

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.sandbox.tenant.reset()
  t.clock.set(FAKE_NOW)
  patchApp({ graphRoles: ['Application.ReadWrite.OwnedBy'] })
})

const app = () => t.sandbox.tenant.state().apps[t.sandbox.clientId]
const patchApp = (change: object) =>
  t.sandbox.tenant.patch({ apps: { [t.sandbox.clientId]: change } })

async function post(action: string, body: unknown, id = `(appId='${t.sandbox.clientId}')`) {
  return t.call(`${t.sandbox.graphUrl}/v1.0/applications${id}/${action}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await t.graphToken()}`,
      'content-type': 'application/json',
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function read() {
  const url = `${t.sandbox.graphUrl}/v1.0/applications(appId='${t.sandbox.clientId}')`
  const authorization = `Bearer ${await t.graphToken()}`
  return (await t.call(url, { headers: { authorization } })).json()
}

describe('addPassword', () => {
  it('answers the value once, with its hint, and ends in two years unless another end is asked for', async () => {
    const answer = await post('addPassword', { passwordCredential: { displayName: 'postern' } })
    expect(answer.status).toBe(200)
    const added = answer.json()
    expect(added).toMatchObject({
      displayName: 'postern',
      startDateTime: '2026-11-23T10:00:00Z',
      endDateTime: '2028-11-23T10:00:00Z',
      hint: String(added['secretText']).slice(0, 3),
      customKeyIdentifier: null,
    })
    expect(added['secretText']).toMatch(/^\w{3}8Q~[\w.~-]{34}$/)
    expect((await t.requestToken({ client_secret: String(added['secretText']) })).status).toBe(200)
    const { secretText: _, '@odata.context': __, ...shown } = added
    expect((await read())['passwordCredentials']).toContainEqual({ ...shown, secretText: null })

    const endDateTime = toIso(FAKE_NOW + 30 * DAY_MS)
    const byObjectId = await post(
      'addPassword',
      { passwordCredential: { endDateTime } },
      `/${app()?.objectId}`,
    )
    expect(byObjectId.json()['endDateTime']).toBe('2026-12-23T10:00:00Z')
    expect(t.sandbox.tenant.counters.graphWrites).toBe(2)
  })

  it('makes a secret that works after the replication', async () => {
    t.sandbox.tenant.patch({ graph: { replicationSeconds: 15 } })
    const secret = String((await post('addPassword', {})).json()['secretText'])
    const codes = async () =>
      (await t.requestToken({ client_secret: secret })).json()['error_codes']
    expect(await codes()).toEqual([7000215])
    await t.clock.advance(15_000)
    expect(await codes()).toBeUndefined()
  })

  it.each([
    [[], 403],
    [['Application.Read.All'], 403],
    [['Application.ReadWrite.All'], 200],
  ])('with the permissions %j answers %i', async (graphRoles, status) => {
    patchApp({ graphRoles })
    expect((await post('addPassword', {})).status).toBe(status)
  })

  it.each([
    [{ passwordAddition: false }, 'CredentialTypeNotAllowedAsPerAppPolicy', 'type not allowed'],
    [
      { maxPasswordLifetimeDays: 180 },
      'CredentialInvalidLifetimeAsPerAppPolicy',
      'lifetime exceeds',
    ],
  ])('is refused by the policy %j', async (policy, code, message) => {
    t.sandbox.tenant.patch({ graph: { policy } })
    const answer = await post('addPassword', {})
    expect(answer.status).toBe(400)
    expect(answer.json()['error']).toMatchObject({
      code,
      message: expect.stringMatching(
        new RegExp(`${message}.* assigned policy '[0-9a-f-]{36}'\\.$`),
      ),
    })
    const endDateTime = toIso(FAKE_NOW + 180 * DAY_MS)
    const shorter = await post('addPassword', { passwordCredential: { endDateTime } })
    expect(shorter.status).toBe(code.includes('Lifetime') ? 200 : 400)
  })

  it.each([
    ['nonsense', 'BadRequest'],
    ['[]', 'BadRequest'],
    ['{"passwordCredential":{"endDateTime":"2020-01-01T00:00:00Z"}}', 'Request_BadRequest'],
  ])('refuses the body %j', async (body, code) => {
    const answer = await post('addPassword', body)
    expect([answer.status, answer.json()['error']]).toEqual([
      400,
      expect.objectContaining({ code }),
    ])
    expect(t.sandbox.tenant.counters.graphWrites).toBe(0)
  })

  it('is no GET, and nothing for service principals', async () => {
    const url = `${t.sandbox.graphUrl}/v1.0/applications/${app()?.objectId}/addPassword`
    const headers = { authorization: `Bearer ${await t.graphToken()}` }
    expect((await t.call(url, { headers })).status).toBe(405)
    const principal = url.replace('applications', 'servicePrincipals')
    expect((await t.call(principal, { method: 'POST', headers, body: '{}' })).status).toBe(405)
  })
})

describe('removePassword', () => {
  it('removes one secret, and tells when there is none of this id', async () => {
    const keyId = Object.keys(app()?.secrets ?? {})[0] ?? ''
    // Once the last secret is gone there is no token to ask with.
    await post('addPassword', {})
    const removed = await post('removePassword', { keyId: keyId.toUpperCase() })
    expect([removed.status, removed.text]).toEqual([204, ''])
    expect(app()?.secrets).not.toHaveProperty(keyId)
    expect((await t.requestToken()).json()['error_codes']).toEqual([7000215])
  })

  it('of an unknown id is refused', async () => {
    const answer = await post('removePassword', { keyId: KEY_ID })
    expect(answer.status).toBe(400)
    expect(answer.json()['error']).toMatchObject({
      code: 'Request_BadRequest',
      message: 'No credentials found to be removed.',
    })
  })
})

describe('a certificate', () => {
  beforeEach(() => {
    patchApp({ graphRoles: [], certificates: { [KEY_ID]: { certificate: old.certificate } } })
  })

  const proof = (claims: Record<string, unknown> = {}, header = {}, signer = old) =>
    signWith(signer, { aud: PROOF_AUDIENCE, iss: app()?.objectId, ...claims }, header)
  const addKey = async (given?: string, key = next.certificate) =>
    post('addKey', {
      keyCredential: { type: 'AsymmetricX509Cert', usage: 'Verify', key },
      passwordCredential: null,
      proof: given ?? (await proof()),
    })

  it('is added with a proof and without any permission, and shown with its thumbprint in hex', async () => {
    const rs256 = { alg: 'RS256', x5t: old.x5t, 'x5t#S256': undefined }
    const answer = await addKey(await proof({}, rs256))
    expect(answer.status).toBe(200)
    const shown = {
      customKeyIdentifier: next.sha1,
      displayName: 'CN=postern',
      endDateTime: '2027-11-23T10:00:00Z',
      key: null,
      keyId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      startDateTime: '2026-11-22T10:00:00Z',
      type: 'AsymmetricX509Cert',
      usage: 'Verify',
    }
    expect(answer.json()).toMatchObject(shown)
    patchApp({ graphRoles: ['Application.Read.All'] })
    expect((await read())['keyCredentials']).toEqual([
      expect.objectContaining({ keyId: KEY_ID, customKeyIdentifier: old.sha1 }),
      shown,
    ])
  })

  it('is removed with a proof', async () => {
    const keyId = String((await addKey()).json()['keyId'])
    const removal = { keyId, proof: await proof() }
    expect((await post('removeKey', removal)).status).toBe(204)
    expect(Object.keys(app()?.certificates ?? {})).toEqual([KEY_ID])
    expect((await post('removeKey', removal)).json()['error']).toMatchObject({
      message: 'No credentials found to be removed.',
    })
  })

  it.each([
    ['another audience', () => proof({ aud: 'https://graph.microsoft.com' })],
    ['another issuer', () => proof({ iss: 'someone' })],
    ['a certificate that is not registered', () => proof({}, {}, next)],
    ['a foreign key', () => proof({}, { 'x5t#S256': old.x5tS256 }, next)],
    ['padding', async () => `${await proof()}=`],
    ['nothing', async () => ''],
  ])('proof with %s is refused', async (_title, make) => {
    const answer = await addKey(await make())
    expect([answer.status, answer.json()['error']]).toEqual([
      401,
      expect.objectContaining({ code: 'Authentication_MissingOrMalformed' }),
    ])
    expect(t.sandbox.tenant.counters.graphWrites).toBe(0)
  })

  it('proof that has ended is refused, and so is one by a certificate that has', async () => {
    const ended = await addKey(await proof({ exp: FAKE_NOW / SECOND_MS }))
    expect(ended.json()['error']).toMatchObject({ code: 'Authentication_ExpiredToken' })
    patchApp({ certificates: { [KEY_ID]: { endDateTime: toIso(FAKE_NOW) } } })
    expect((await addKey()).status).toBe(401)
  })

  it('proof is issued by object id or client id, as the tenant wants it', async () => {
    const byClientId = () => proof({ iss: t.sandbox.clientId })
    expect((await addKey(await byClientId())).status).toBe(200)
    t.sandbox.tenant.patch({ graph: { proofIssuer: 'objectId' } })
    expect((await addKey(await byClientId())).status).toBe(401)
    expect((await addKey()).status).toBe(200)
  })

  it('that is none, or that lives too long for the policy, is refused', async () => {
    const bad = await addKey(undefined, 'bm9uc2Vuc2U=')
    expect(bad.json()['error']).toMatchObject({
      code: 'Request_BadRequest',
      message: 'Invalid credential value. Error: Cannot find the requested object.\r\n',
    })
    t.sandbox.tenant.patch({ graph: { policy: { maxKeyLifetimeDays: 365 } } })
    const long = await addKey()
    expect(long.json()['error']).toMatchObject({ code: 'CredentialInvalidLifetimeAsPerAppPolicy' })
  })
})

describe('a fault of Graph', () => {
  it('dropAfterWrite loses the answer of a change that is made, and answers reads', async () => {
    t.sandbox.tenant.patch({ graph: { fault: 'dropAfterWrite' } })
    const before = Object.keys(app()?.secrets ?? {}).length
    await expect(post('addPassword', {})).rejects.toSatisfy((error: unknown) =>
      ['ECONNRESET', 'UND_ERR_SOCKET'].includes(codeOf(error) ?? ''),
    )
    expect(Object.keys(app()?.secrets ?? {})).toHaveLength(before + 1)
    expect((await read())['passwordCredentials']).toHaveLength(before + 1)
    expect((await post('removePassword', { keyId: KEY_ID })).status).toBe(400)
  })

  it('throttled and unauthenticated keep writes from happening', async () => {
    t.sandbox.tenant.patch({ graph: { fault: 'throttled' } })
    expect((await post('addPassword', {})).status).toBe(429)
    t.sandbox.tenant.patch({ graph: { fault: 'unauthenticated' } })
    expect((await post('addPassword', {})).status).toBe(401)
    expect(t.sandbox.tenant.counters.graphWrites).toBe(0)
  })
})
