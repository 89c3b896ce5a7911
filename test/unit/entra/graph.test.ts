import { X509Certificate } from 'node:crypto'
import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  createEntraTransport,
  createGraphClient,
  createSelfSignedCertificate,
  createTokenSource,
} from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'
import { type HttpsScriptedAnswer, startScriptedHttps } from '../../support/scripted-https.ts'
import {
  CLIENT_ID,
  certificates,
  clientSecret,
  cloudAt,
  issued,
  refusal,
  SECRET,
  TENANT_ID,
  trust,
} from './fixtures.ts'

const clock = createFakeClock()
const pair = await createSelfSignedCertificate({
  commonName: 'postern',
  days: 30,
  keyBits: 2048,
  clock,
})
const OBJECT_ID = '22222222-2222-4222-8222-222222222222'
const REQUEST_ID = '2a3b4c5d-0000-4000-8000-000000000001'

const json = (body: unknown, status = 200): HttpsScriptedAnswer => ({
  status,
  headers: { 'request-id': REQUEST_ID },
  body: JSON.stringify(body),
})
const graphError = (status: number, code: string, message: string) =>
  json({ error: { code, message, innerError: { date: '2026-11-23T10:00:00' } } }, status)
const FORBIDDEN = () =>
  graphError(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation.',
  )

/** Graph with a script; the tokens come from a scripted Entra. */
async function start(answers: HttpsScriptedAnswer[], tokens: HttpsScriptedAnswer[] = [issued()]) {
  await using opened = new AsyncDisposableStack()
  const script = { certificates: certificates.server }
  const graph = opened.use(await startScriptedHttps({ ...script, answers }))
  const entra = opened.use(await startScriptedHttps({ ...script, answers: tokens }))
  const transport = opened.use(
    createEntraTransport({ trust, clock: systemClock, timeoutMs: 20_000 }),
  )
  const time = createFakeClock()
  const { log, lines } = captureLog()
  const source = createTokenSource({ transport, clock: time, log, monotonicMs: () => 0 })
  const client = createGraphClient({ transport, tokens: source, clock: time, log })
  const cloud = { ...cloudAt(entra.origin), graphUrl: graph.origin }
  const access = {
    cloud,
    tenantId: TENANT_ID,
    clientId: CLIENT_ID,
    credential: clientSecret(SECRET),
  }
  const certificate = { ...access, credential: { type: 'certificate', ...pair } as const }
  const resources = opened.move()
  return {
    client,
    access,
    certificate,
    clock: time,
    lines,
    requests: graph.requests,
    tokenRequests: entra.requests,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

const APPLICATION = {
  '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#applications/$entity',
  id: OBJECT_ID,
  appId: CLIENT_ID,
  displayName: 'SMTP sender',
  passwordCredentials: [
    {
      customKeyIdentifier: null,
      displayName: 'smtp',
      endDateTime: '2027-01-31T10:11:12.3086381Z',
      hint: 'abC',
      keyId: 'f0b0b335-1d71-4883-8f98-567911bfdca6',
      secretText: null,
      startDateTime: '2026-01-31T10:11:12Z',
    },
  ],
  keyCredentials: [
    {
      customKeyIdentifier: 'a1B2C3D4E5F60718293A4B5C6D7E8F9012345678',
      displayName: 'SMTP sender',
      endDateTime: '2028-08-20T01:46:44Z',
      key: null,
      keyId: '33333333-3333-4333-8333-333333333333',
      startDateTime: '2026-08-21T01:41:44.1Z',
      type: 'AsymmetricX509Cert',
      usage: 'Verify',
    },
    {
      customKeyIdentifier: Buffer.from('A1B2C3D4E5F60718293A4B5C6D7E8F9012345678', 'hex').toString(
        'base64',
      ),
      displayName: null,
      endDateTime: null,
      keyId: '44444444-4444-4444-8444-444444444444',
    },
  ],
}

describe('the application', () => {
  test('is read by its client id, with dates and thumbprints of every form', async () => {
    await using t = await start([json(APPLICATION)])
    expect(await t.client.readApplication(t.access)).toEqual({
      ok: true,
      value: {
        objectId: OBJECT_ID,
        clientId: CLIENT_ID,
        displayName: 'SMTP sender',
        passwordCredentials: [
          {
            type: 'password',
            keyId: 'f0b0b335-1d71-4883-8f98-567911bfdca6',
            displayName: 'smtp',
            hint: 'abC',
            startsAt: globalThis.Date.parse('2026-01-31T10:11:12Z'),
            endsAt: globalThis.Date.parse('2027-01-31T10:11:12.308Z'),
          },
        ],
        keyCredentials: [
          {
            type: 'certificate',
            keyId: '33333333-3333-4333-8333-333333333333',
            displayName: 'SMTP sender',
            thumbprint: 'A1B2C3D4E5F60718293A4B5C6D7E8F9012345678',
            startsAt: globalThis.Date.parse('2026-08-21T01:41:44.100Z'),
            endsAt: globalThis.Date.parse('2028-08-20T01:46:44Z'),
          },
          {
            type: 'certificate',
            keyId: '44444444-4444-4444-8444-444444444444',
            displayName: '',
            thumbprint: 'A1B2C3D4E5F60718293A4B5C6D7E8F9012345678',
            startsAt: null,
            endsAt: null,
          },
        ],
      },
    })
    const [request] = t.requests
    expect(request?.method).toBe('GET')
    expect(request?.path).toBe(
      `/v1.0/applications(appId='${CLIENT_ID}')?$select=id,appId,displayName,passwordCredentials,keyCredentials`,
    )
    expect(request?.headers['authorization']).toMatch(/^Bearer eyJ/)
    expect(new URLSearchParams(t.tokenRequests[0]?.body).get('scope')).toContain(
      `${t.access.cloud.graphUrl}/.default`,
    )
  })

  test('that may not be read is a failure with Microsoft’s words and request id', async () => {
    await using t = await start([FORBIDDEN()])
    expect(await t.client.readApplication(t.access)).toEqual({
      ok: false,
      failure: {
        source: 'graph',
        operation: 'read the application’s credentials',
        status: 403,
        code: 'Authorization_RequestDenied',
        message: 'Insufficient privileges to complete the operation.',
        requestId: REQUEST_ID,
        retryAfterMs: null,
      },
    })
  })

  test('cannot be read without a token, and the token’s failure says why', async () => {
    await using t = await start([], [refusal(7000222)])
    expect(await t.client.readApplication(t.access)).toMatchObject({
      ok: false,
      failure: { source: 'entra', codes: [7000222] },
    })
  })

  test.each([
    ['another shape', json({ id: OBJECT_ID })],
    ['no JSON', { status: 200, body: '<html>captive portal</html>' }],
  ])('that comes as %s is a protocol failure', async (_title, answer) => {
    await using t = await start([answer])
    expect(await t.client.readApplication(t.access)).toMatchObject({
      failure: { source: 'transport', peer: 'graph', phase: 'protocol', code: 'INVALID_ANSWER' },
    })
  })

  test('behind a gateway’s error page is a failure with its words', async () => {
    await using t = await start([{ status: 502, body: '<html><h1>502 Bad Gateway</h1></html>' }])
    expect(await t.client.readApplication(t.access)).toMatchObject({
      failure: { source: 'graph', status: 502, code: '', message: '502 Bad Gateway' },
    })
  })

  test('is asked for once more with a new token when a permission may have come since', async () => {
    await using t = await start([FORBIDDEN(), FORBIDDEN(), json(APPLICATION)], [issued(), issued()])
    await t.client.readApplication(t.access)
    // Until then the token is young: it knows what Entra knows.
    await t.clock.advance(5 * 60_000 + 1)
    expect((await t.client.readApplication(t.access)).ok).toBe(true)
    expect(t.tokenRequests).toHaveLength(2)
    const [first, , last] = t.requests.map(({ headers }) => headers['authorization'])
    expect(last).not.toBe(first)
  })
})

describe('after 429', () => {
  test('Graph is left alone for the time it asked for, a fraction included', async () => {
    const busy = {
      status: 429,
      headers: { 'retry-after': '2.128' },
      body: JSON.stringify({
        error: { code: 'TooManyRequests', message: 'Please retry again later.' },
      }),
    }
    await using t = await start([busy, json(APPLICATION)])
    expect(await t.client.readApplication(t.access)).toMatchObject({
      failure: { status: 429, code: 'TooManyRequests', retryAfterMs: 2_128 },
    })
    await t.clock.advance(2_000)
    expect(await t.client.removePassword(t.access, 'key-1')).toMatchObject({
      failure: { status: 429, retryAfterMs: 128 },
    })
    await t.clock.advance(128)
    expect((await t.client.readApplication(t.access)).ok).toBe(true)
  })

  test('without Retry-After it is left alone for a minute', async () => {
    await using t = await start([graphError(429, 'TooManyRequests', 'No.'), json(APPLICATION)])
    await t.client.readApplication(t.access)
    await t.clock.advance(59_999)
    expect((await t.client.readApplication(t.access)).ok).toBe(false)
    await t.clock.advance(1)
    expect((await t.client.readApplication(t.access)).ok).toBe(true)
  })
})

describe('a new secret', () => {
  const NEW_VALUE = 'abC8Q~brand-new-secret-value-0123456789'
  const wanted = { displayName: 'postern 2026-11', endsAt: FAKE_NOW + 86_400_000 }

  test('is given once, as a Secret', async () => {
    const { displayName } = wanted
    const answer = json({
      displayName,
      endDateTime: '2026-11-24T10:00:00Z',
      startDateTime: '2026-11-23T10:00:00Z',
      hint: 'abC',
      keyId: 'key-1',
      secretText: NEW_VALUE,
    })
    await using t = await start([answer])
    const outcome = await t.client.addPassword(t.access, wanted)
    if (!outcome.ok) throw new Error('refused')
    expect(outcome.value.value.reveal()).toBe(NEW_VALUE)
    expect(outcome.value.credential).toMatchObject({ keyId: 'key-1', endsAt: wanted.endsAt })
    expect(JSON.stringify(outcome) + t.lines.join()).not.toContain(NEW_VALUE)
    const [request] = t.requests
    expect(request?.path).toBe(`/v1.0/applications(appId='${CLIENT_ID}')/addPassword`)
    expect(request?.headers['content-type']).toBe('application/json')
    expect(JSON.parse(request?.body ?? '')).toEqual({
      passwordCredential: { displayName, endDateTime: '2026-11-24T10:00:00.000Z' },
    })
  })

  test('that comes incomplete is not shown in the failure', async () => {
    await using t = await start([json({ secretText: NEW_VALUE })])
    const outcome = await t.client.addPassword(t.access, wanted)
    expect(outcome).toMatchObject({ failure: { code: 'INVALID_ANSWER' } })
    expect(JSON.stringify(outcome) + t.lines.join()).not.toContain(NEW_VALUE)
  })

  test('that a policy forbids is told with its code', async () => {
    const code = 'CredentialInvalidLifetimeAsPerAppPolicy'
    await using t = await start([
      graphError(400, code, 'Credential lifetime exceeds the max value.'),
    ])
    expect(await t.client.addPassword(t.access, wanted)).toMatchObject({
      failure: { source: 'graph', status: 400, code },
    })
  })

  test('is never asked for twice by a connection that breaks', async () => {
    await using t = await start([json(APPLICATION), 'reset'])
    await t.client.readApplication(t.access)
    await t.clock.advance(1)
    expect(await t.client.addPassword(t.access, wanted)).toMatchObject({
      failure: { source: 'transport', phase: 'closed' },
    })
    expect(t.requests).toHaveLength(2)
  })

  test('is removed by its key id', async () => {
    await using t = await start([{ status: 204, body: '' }])
    expect(await t.client.removePassword(t.access, 'key-1')).toEqual({ ok: true, value: null })
    expect(JSON.parse(t.requests[0]?.body ?? '')).toEqual({ keyId: 'key-1' })
  })
})

describe('a new certificate', () => {
  const added = json({ keyId: 'key-2', customKeyIdentifier: 'A1B2', endDateTime: null, key: null })
  const REFUSED = () =>
    graphError(401, 'Authentication_MissingOrMalformed', 'Access Token missing or malformed.')
  const wanted = { certificate: pair.certificate, objectId: OBJECT_ID }
  const x509 = new X509Certificate(pair.certificate)

  async function issuerOf(body: string): Promise<unknown> {
    const { proof } = JSON.parse(body)
    const { payload, protectedHeader } = await jwtVerify(proof, x509.publicKey, {
      currentDate: new globalThis.Date(FAKE_NOW),
      audience: '00000002-0000-0000-c000-000000000000',
    })
    expect((payload.exp ?? 0) - (payload.nbf ?? 0)).toBe(600)
    expect(protectedHeader).toEqual({
      alg: 'RS256',
      typ: 'JWT',
      x5t: Buffer.from(x509.fingerprint.replaceAll(':', ''), 'hex').toString('base64url'),
    })
    return payload.iss
  }

  test('is added with a proof in the application’s name', async () => {
    await using t = await start([added])
    expect(await t.client.addKey(t.certificate, wanted)).toMatchObject({
      ok: true,
      value: { type: 'certificate', keyId: 'key-2' },
    })
    const [request] = t.requests
    expect(request?.path).toBe(`/v1.0/applications/${OBJECT_ID}/addKey`)
    expect(JSON.parse(request?.body ?? '')).toEqual({
      keyCredential: {
        type: 'AsymmetricX509Cert',
        usage: 'Verify',
        key: x509.raw.toString('base64'),
      },
      passwordCredential: null,
      proof: expect.any(String),
    })
    expect(await issuerOf(request?.body ?? '')).toBe(OBJECT_ID)
  })

  test('is proven by the client id where the object id is not taken', async () => {
    await using t = await start([REFUSED(), added])
    expect((await t.client.addKey(t.certificate, wanted)).ok).toBe(true)
    expect(await issuerOf(t.requests[1]?.body ?? '')).toBe(CLIENT_ID)
  })

  test('is proven by the client id alone where the object id is not known', async () => {
    await using t = await start([REFUSED()])
    const outcome = await t.client.addKey(t.certificate, { ...wanted, objectId: null })
    expect(outcome).toMatchObject({ failure: { source: 'graph', status: 401 } })
    expect(t.requests[0]?.path).toBe(`/v1.0/applications(appId='${CLIENT_ID}')/addKey`)
    expect(await issuerOf(t.requests[0]?.body ?? '')).toBe(CLIENT_ID)
  })

  test('that Graph cannot read is not sent again', async () => {
    const text = 'Invalid credential value. Error: Cannot find the requested object.\r\n'
    await using t = await start([graphError(400, 'Request_BadRequest', text)])
    expect(await t.client.addKey(t.certificate, wanted)).toMatchObject({
      failure: { status: 400, message: text.trim() },
    })
  })

  test('that is none is a failure of the settings, and nothing is sent', async () => {
    await using t = await start([], [])
    const none = { certificate: 'nonsense', objectId: OBJECT_ID }
    expect(await t.client.addKey(t.certificate, none)).toMatchObject({
      failure: { source: 'settings', problem: 'incomplete' },
    })
  })

  test('is removed with a proof', async () => {
    await using t = await start([{ status: 204, body: '' }])
    const removal = { keyId: 'key-2', objectId: OBJECT_ID }
    expect(await t.client.removeKey(t.certificate, removal)).toEqual({ ok: true, value: null })
    const [request] = t.requests
    expect(request?.path).toBe(`/v1.0/applications/${OBJECT_ID}/removeKey`)
    expect(JSON.parse(request?.body ?? '')).toEqual({ keyId: 'key-2', proof: expect.any(String) })
  })

  test('leaves neither proof, token nor key in a failure or the log', async () => {
    await using t = await start([REFUSED(), REFUSED()])
    const outcome = await t.client.addKey(t.certificate, wanted)
    const shown = JSON.stringify(outcome) + t.lines.join()
    for (const { body, headers } of t.requests) {
      expect(shown).not.toContain(JSON.parse(body).proof)
      expect(shown).not.toContain(String(headers['authorization']).slice(7, 60))
    }
  })
})
