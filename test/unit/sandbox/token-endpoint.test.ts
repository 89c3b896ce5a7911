import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, toIso } from '../../../src/platform/clock.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { startTestTenant, type TestTenant } from './harness.ts'

const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/
const OTHER_GUID = '11111111-2222-4333-8444-555555555555'

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.sandbox.tenant.reset()
  t.clock.set(FAKE_NOW)
})

const patchApp = (change: object) =>
  t.sandbox.tenant.patch({ apps: { [t.sandbox.clientId]: change } })
const secretKeyId = () =>
  Object.keys(t.sandbox.tenant.state().apps[t.sandbox.clientId]?.secrets ?? {})[0] ?? ''
const patchSecret = (change: object) => patchApp({ secrets: { [secretKeyId()]: change } })

describe('a granted token', () => {
  it('has the exact members and headers of the live endpoint', async () => {
    const answer = await t.requestToken()
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({
      token_type: 'Bearer',
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: expect.stringMatching(/^eyJ/),
    })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store, no-cache',
      pragma: 'no-cache',
      expires: '-1',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      p3p: 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
      'x-ms-request-id': expect.stringMatching(GUID),
      'x-ms-ests-server': expect.stringContaining('ProdSlices'),
      date: 'Mon, 23 Nov 2026 10:00:00 GMT',
    })
    expect(answer.headers['set-cookie']).toHaveLength(3)
  })

  it('carries the claims of an application token for Exchange and verifies with the published keys', async () => {
    const token = String((await t.requestToken()).json()['access_token'])
    const keys = await t.call(`${t.sandbox.authority}/common/discovery/v2.0/keys`)
    const { payload } = await jwtVerify(token, createLocalJWKSet(JSON.parse(keys.text)), {
      currentDate: new Date(FAKE_NOW),
    })
    const { tenantId, clientId, tenant } = t.sandbox
    const objectId = tenant.state().apps[clientId]?.servicePrincipal.objectId
    expect(payload).toMatchObject({
      aud: 'https://outlook.office365.com',
      iss: `https://sts.windows.net/${tenantId}/`,
      appid: clientId,
      appidacr: '1',
      tid: tenantId,
      oid: objectId,
      sub: objectId,
      roles: ['SMTP.SendAsApp'],
      ver: '1.0',
      exp: FAKE_NOW / 1000 + 3599,
    })
    expect(payload).not.toHaveProperty('scp')
    expect(payload).not.toHaveProperty('upn')
    const header = decodeProtectedHeader(token)
    expect(header).toMatchObject({ typ: 'JWT', alg: 'RS256' })
    expect(header['x5t']).toBe(header.kid)
    expect((await tenant.verifyToken(token))?.claims['appid']).toBe(clientId)
    expect(await tenant.verifyToken(`${token.slice(0, -8)}AAAAAAAA`)).toBeUndefined()
  })

  it.each(['contoso.onmicrosoft.com', 'CONTOSO.com'])(
    'is had under the domain %s',
    async (name) => {
      expect((await t.requestToken({}, name)).status).toBe(200)
    },
  )

  it('is had with HTTP Basic client authentication, form-encoded before base64', async () => {
    patchSecret({ value: 'a b+c:d%e~f' })
    const basic = (secret: string) =>
      t.call(`${t.sandbox.authority}/${t.sandbox.tenantId}/oauth2/v2.0/token`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
          authorization: `Basic ${Buffer.from(`${t.sandbox.clientId}:${secret}`).toString('base64')}`,
        },
        body: `grant_type=client_credentials&scope=${encodeURIComponent(t.sandbox.exchangeScope)}`,
      })
    expect((await basic('a+b%2Bc%3Ad%25e~f')).status).toBe(200)
    expect((await basic('wrong')).json()['error_codes']).toEqual([7000215])
  })

  it('lacks the roles claim without consent, and is issued all the same', async () => {
    patchApp({ exchangeRoles: [] })
    const answer = await t.requestToken()
    expect(answer.status).toBe(200)
    expect(decodeJwt(String(answer.json()['access_token']))).not.toHaveProperty('roles')
  })

  it('follows the knobs for audience, delegation, length and lifetime', async () => {
    t.sandbox.tenant.patch({
      entra: {
        audience: 'https://graph.microsoft.com',
        delegated: true,
        paddingBytes: 3000,
        tokenLifetimeSeconds: 600,
      },
    })
    const body = (await t.requestToken()).json()
    expect(body['expires_in']).toBe(600)
    const token = String(body['access_token'])
    expect(token.length).toBeGreaterThan(4000)
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({
      aud: 'https://graph.microsoft.com',
      scp: 'SMTP.Send',
      upn: 'alerts@contoso.com',
    })
    expect(claims).not.toHaveProperty('roles')
  })

  it('lives a random 60 to 90 minutes when told so', async () => {
    t.sandbox.tenant.patch({ entra: { tokenLifetimeSeconds: 'random' } })
    const lifetime = Number((await t.requestToken()).json()['expires_in'])
    expect(lifetime).toBeGreaterThanOrEqual(3600)
    expect(lifetime).toBeLessThanOrEqual(5400)
  })

  it('runs on the tenant’s clock', async () => {
    t.sandbox.tenant.patch({ clockOffsetMs: 2 * HOUR_MS })
    const answer = await t.requestToken()
    expect(answer.headers['date']).toBe('Mon, 23 Nov 2026 12:00:00 GMT')
    const claims = decodeJwt(String(answer.json()['access_token']))
    expect(claims.exp).toBe((FAKE_NOW + 2 * HOUR_MS) / 1000 + 3599)
  })
})

describe('an error answer', () => {
  it('has the exact JSON of the live endpoint, its trace id in the header too', async () => {
    const answer = await t.requestToken({ client_secret: 'wrong' })
    expect(answer.status).toBe(401)
    const body = answer.json()
    const trace = answer.headers['x-ms-request-id']
    expect(Object.keys(body)).toEqual([
      'error',
      'error_description',
      'error_codes',
      'timestamp',
      'trace_id',
      'correlation_id',
      'error_uri',
    ])
    expect(body).toEqual({
      error: 'invalid_client',
      error_description: `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${t.sandbox.clientId}'.\r\nTrace ID: ${trace}\r\nCorrelation ID: ${body['correlation_id']}\r\nTimestamp: 2026-11-23 10:00:00Z`,
      error_codes: [7000215],
      timestamp: '2026-11-23 10:00:00Z',
      trace_id: trace,
      correlation_id: expect.stringMatching(GUID),
      error_uri: 'https://login.microsoftonline.com/error?code=7000215',
    })
  })

  it('separates its parts by single spaces when told so', async () => {
    t.sandbox.tenant.patch({ entra: { separator: 'space' } })
    const body = (await t.requestToken({ client_secret: 'wrong' })).json()
    expect(body['error_description']).toMatch(/'\. Trace ID: \S+ Correlation ID: \S+ Timestamp: /)
  })

  it('names the policy of Conditional Access in claims', async () => {
    patchApp({ blockedByPolicy: OTHER_GUID })
    const answer = await t.requestToken()
    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({
      error: 'invalid_grant',
      error_codes: [53003],
      suberror: 'message_only',
      claims: `{"access_token":{"capolids":{"essential":true,"values":["${OTHER_GUID}"]}}}`,
    })
  })
})

describe('each refusal', () => {
  type Case = [
    string,
    { code: number; status: number; error: string; text: string },
    () => Promise<{ status: number; json(): Record<string, unknown> }>,
  ]
  const form = (body: string, contentType = 'application/x-www-form-urlencoded') =>
    t.call(`${t.sandbox.authority}/${t.sandbox.tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body,
    })
  const bad = (code: number, error: string, text: string) => ({ code, status: 400, error, text })
  const client = (code: number, text: string) => ({
    code,
    status: 401,
    error: 'invalid_client',
    text,
  })
  const invalid = 'invalid_request'
  const cases: Case[] = [
    [
      'a GET',
      {
        code: 900561,
        status: 405,
        error: invalid,
        text: 'only accepts POST requests. Received a GET',
      },
      () => t.call(`${t.sandbox.authority}/${t.sandbox.tenantId}/oauth2/v2.0/token`),
    ],
    [
      'a garbage form',
      bad(9002313, 'invalid_grant', 'Request is malformed'),
      () => form('garbage'),
    ],
    [
      'a JSON body',
      bad(900144, invalid, "parameter: 'grant_type'."),
      () => form('{"grant_type":"client_credentials"}', 'application/json'),
    ],
    [
      'an unknown tenant',
      bad(90002, invalid, `Tenant '${OTHER_GUID}' not found.`),
      () => t.requestToken({}, OTHER_GUID),
    ],
    [
      'an unknown domain',
      bad(90002, invalid, "Tenant 'fabrikam.com' not found."),
      () => t.requestToken({}, 'fabrikam.com'),
    ],
    [
      'a display name as tenant',
      bad(900023, invalid, "Specified tenant identifier 'Contoso Ltd' is neither a valid DNS name"),
      () => t.requestToken({}, 'Contoso Ltd'),
    ],
    [
      'the nil GUID as tenant',
      bad(900021, invalid, 'may not be an empty GUID'),
      () => t.requestToken({}, '00000000-0000-0000-0000-000000000000'),
    ],
    ['common', bad(9001023, invalid, '/common or /consumers'), () => t.requestToken({}, 'common')],
    [
      'organizations',
      bad(50194, 'unauthorized_client', 'not configured as a multi-tenant application'),
      () => t.requestToken({}, 'organizations'),
    ],
    [
      'no grant type',
      bad(900144, invalid, "parameter: 'grant_type'."),
      () => t.requestToken({ grant_type: undefined }),
    ],
    [
      'no client id',
      bad(900144, invalid, "parameter: 'client_id'."),
      () => t.requestToken({ client_id: undefined }),
    ],
    [
      'no scope',
      bad(900144, invalid, "parameter: 'scope'."),
      () => t.requestToken({ scope: undefined }),
    ],
    [
      'another grant type',
      bad(70003, 'unsupported_grant_type', "unsupported grant type 'password'"),
      () => t.requestToken({ grant_type: 'password' }),
    ],
    [
      'a scope without /.default',
      bad(1002012, 'invalid_scope', 'must have a scope value with /.default suffixed'),
      () => t.requestToken({ scope: 'https://outlook.office365.com/SMTP.SendAsApp' }),
    ],
    [
      'a scope that was encoded twice',
      bad(1002012, 'invalid_scope', 'scope https%3A%2F%2Foutlook.office365.com%2F.default is not'),
      () => t.requestToken({ scope: encodeURIComponent(t.sandbox.exchangeScope) }),
    ],
    [
      'two resources',
      bad(28000, invalid, 'more than one resource'),
      () =>
        t.requestToken({
          scope: `${t.sandbox.exchangeScope} https://graph.microsoft.com/.default`,
        }),
    ],
    [
      'a scope without resource',
      bad(70011, 'invalid_scope', 'The scope /.default is not valid.'),
      () => t.requestToken({ scope: '/.default' }),
    ],
    [
      'an unknown application',
      bad(
        700016,
        'unauthorized_client',
        `Application with identifier '${OTHER_GUID}' was not found in the directory 'Contoso'.`,
      ),
      () => t.requestToken({ client_id: OTHER_GUID }),
    ],
    [
      'an application named like a member of every object',
      bad(700016, 'unauthorized_client', "identifier 'constructor' was not found"),
      () => t.requestToken({ client_id: 'constructor' }),
    ],
    [
      'no service principal',
      client(7000229, 'is missing service principal in the tenant'),
      () => {
        patchApp({ servicePrincipal: { exists: false } })
        return t.requestToken()
      },
    ],
    [
      'a disabled service principal',
      bad(7000112, 'unauthorized_client', '(Process Alerts Mail) is disabled.'),
      () => {
        patchApp({ servicePrincipal: { enabled: false } })
        return t.requestToken()
      },
    ],
    [
      'no credential',
      client(7000216, "'client_assertion', 'client_secret' or 'request' is required"),
      () => t.requestToken({ client_secret: undefined }),
    ],
    [
      'the secret’s ID instead of its value',
      client(7000215, 'not the client secret ID'),
      () => t.requestToken({ client_secret: secretKeyId() }),
    ],
    [
      'an ended secret',
      client(7000222, 'are expired. Visit the Azure portal'),
      () => {
        patchSecret({ endDateTime: toIso(FAKE_NOW - 1) })
        return t.requestToken()
      },
    ],
    [
      'a certificate that is not registered',
      client(700027, "Thumbprint of key used by client: 'AABBCC'"),
      () => {
        const header = Buffer.from('{"alg":"RS256","x5t":"qrvM"}').toString('base64url')
        return t.requestToken({ client_secret: undefined, client_assertion: `${header}.e30.AA` })
      },
    ],
    [
      'an assertion without thumbprint',
      client(50027, 'No certificate thumbprint specified'),
      () => t.requestToken({ client_secret: undefined, client_assertion: 'nonsense' }),
    ],
    [
      'the resource of another cloud',
      bad(500011, 'invalid_resource', 'principal named https://outlook.office365.us was not found'),
      () => t.requestToken({ scope: 'https://outlook.office365.us/.default' }),
    ],
    [
      'a tenant without Exchange',
      bad(500011, 'invalid_resource', 'in the tenant named Contoso'),
      () => {
        t.sandbox.tenant.patch({ tenant: { hasExchange: false } })
        return t.requestToken()
      },
    ],
  ]

  it.each(cases)('of %s has its code, status, error and text', async (_title, expected, ask) => {
    const answer = await ask()
    const body = answer.json()
    expect(body['error_codes']).toEqual([expected.code])
    expect(answer.status).toBe(expected.status)
    expect(body['error']).toBe(expected.error)
    expect(body['error_description']).toContain(`AADSTS${expected.code}: `)
    expect(body['error_description']).toContain(expected.text)
  })

  it('comes in the order tenant, parameters, scope, application, principal, credential, resource, policy', async () => {
    patchApp({ servicePrincipal: { exists: false }, blockedByPolicy: OTHER_GUID })
    const wrong: Record<string, string | undefined> = {
      grant_type: undefined,
      scope: 'x',
      client_id: OTHER_GUID,
      client_secret: 'wrong',
    }
    const code = async (tenant?: string) =>
      (await t.requestToken(wrong, tenant)).json()['error_codes']
    expect(await code('fabrikam.com')).toEqual([90002])
    expect(await code()).toEqual([900144])
    wrong['grant_type'] = 'client_credentials'
    expect(await code()).toEqual([1002012])
    wrong['scope'] = 'https://nowhere.example/.default'
    expect(await code()).toEqual([700016])
    wrong['client_id'] = t.sandbox.clientId
    expect(await code()).toEqual([7000229])
    patchApp({ servicePrincipal: { exists: true, enabled: false } })
    expect(await code()).toEqual([7000112])
    patchApp({ servicePrincipal: { enabled: true } })
    expect(await code()).toEqual([7000215])
    wrong['client_secret'] = t.sandbox.clientSecret
    expect(await code()).toEqual([500011])
    wrong['scope'] = t.sandbox.exchangeScope
    expect(await code()).toEqual([53003])
  })
})

describe('a secret in the course of time', () => {
  it('is unknown until it has replicated, works, and ends by itself', async () => {
    patchSecret({
      effectiveAt: toIso(FAKE_NOW + 15_000),
      endDateTime: toIso(FAKE_NOW + 12 * DAY_MS),
    })
    expect((await t.requestToken()).json()['error_codes']).toEqual([7000215])
    await t.clock.advance(15_000)
    expect((await t.requestToken()).status).toBe(200)
    await t.clock.advance(12 * DAY_MS)
    expect((await t.requestToken()).json()['error_codes']).toEqual([7000222])
  })

  it('ends twelve days after the start of the sandbox', () => {
    const secret = t.sandbox.tenant.state().apps[t.sandbox.clientId]?.secrets[secretKeyId()]
    expect(secret?.endDateTime).toBe('2026-12-05T10:00:00.000Z')
    expect(t.sandbox.clientSecret).toMatch(/^\S{3}8Q~\S{34}$/)
  })
})
