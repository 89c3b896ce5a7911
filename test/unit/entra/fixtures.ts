import { UnsecuredJWT } from 'jose'
import {
  type ClientCredential,
  type Cloud,
  createEntraTransport,
  createTokenSource,
  customCloud,
} from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { createCertificates } from '../../../src/sandbox/index.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'
import { type HttpsScriptedAnswer, startScriptedHttps } from '../../support/scripted-https.ts'

export const certificates = await createCertificates({ clock: systemClock })
export const trust = createTrust({ extraCaPem: certificates.caPem })

export const TENANT_ID = '9b0d1a2c-3e4f-4a5b-8c6d-7e8f90a1b2c3'
export const CLIENT_ID = '4d1c6e2f-0a1b-4c2d-9e3f-5a6b7c8d9e0f'
// With characters that URL encoding changes: the secret must not be shown in that form either.
export const SECRET = 'abc8Q~s3cret/Value+With=Odd~Characters_12'

export function clientSecret(value: string): ClientCredential {
  return { type: 'clientSecret', value: new Secret(value) }
}

export function cloudAt(origin: string): Cloud {
  return customCloud({
    authority: origin,
    scope: 'https://outlook.office365.com/.default',
    graphUrl: 'https://graph.example',
    smtpHost: 'localhost',
    smtpPort: 587,
  })
}

export function jwt(claims: Record<string, unknown> = {}): string {
  return new UnsecuredJWT({
    aud: 'https://outlook.office365.com',
    appid: CLIENT_ID,
    tid: TENANT_ID,
    oid: 'b7f7c1de-0000-4000-8000-000000000001',
    roles: ['SMTP.SendAsApp'],
    exp: FAKE_NOW / 1_000 + 3_599,
    uti: 'not of interest',
    ...claims,
  }).encode()
}

let counter = 0

/** A success answer; every token is another one. */
export function issued(lifetimeSeconds: number | string = 3_600) {
  const access_token = jwt({ nonce: String(++counter) })
  const body = {
    token_type: 'Bearer',
    expires_in: lifetimeSeconds,
    ext_expires_in: 3_600,
    access_token,
  }
  return { status: 200, body: JSON.stringify(body) }
}

const TRACE = '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b'
const CORRELATION = '1f2a3b4c-5d6e-4f8a-9b0c-1d2e3f4a5b6c'

/** An error answer as Entra writes it. */
export function refusal(
  code: number,
  options: {
    status?: number
    error?: string
    text?: string
    separator?: string
    more?: object
  } = {},
) {
  const { status = 401, error = 'invalid_client', text = 'No.', separator = '\r\n', more } = options
  const parts = [
    `AADSTS${code}: ${text}`,
    `Trace ID: ${TRACE}`,
    `Correlation ID: ${CORRELATION}`,
    'Timestamp: 2026-11-23 10:00:00Z',
  ]
  const body = {
    error,
    error_description: parts.join(separator),
    error_codes: [code],
    timestamp: '2026-11-23 10:00:00Z',
    trace_id: TRACE,
    correlation_id: CORRELATION,
    ...more,
  }
  return { status, body: JSON.stringify(body) }
}

export const IDS = { traceId: TRACE, correlationId: CORRELATION, timestamp: '2026-11-23 10:00:00Z' }

/** A token endpoint with a script, and a token source that asks it; time stands still. */
export async function startEntra(options: {
  answers: HttpsScriptedAnswer[]
  certificate?: 'valid' | 'expired' | 'wrongName' | 'selfSigned'
  timeoutMs?: number
}) {
  const { answers, certificate = 'valid', timeoutMs = 20_000 } = options
  await using opened = new AsyncDisposableStack()
  const server = opened.use(
    await startScriptedHttps({ certificates: certificates.server, certificate, answers }),
  )
  const transport = opened.use(createEntraTransport({ trust, clock: systemClock, timeoutMs }))
  const clock = createFakeClock()
  const capture = captureLog()
  let monotonic = 0
  const source = createTokenSource({
    transport,
    clock,
    log: capture.log,
    monotonicMs: () => clock.elapsedMs + monotonic,
  })
  const request = {
    cloud: cloudAt(server.origin),
    tenantId: TENANT_ID,
    clientId: CLIENT_ID,
    credential: clientSecret(SECRET),
  }
  const resources = opened.move()
  return {
    server,
    clock,
    source,
    request,
    lines: capture.lines,
    /** Time passes without the clock showing it. */
    passUnseen: (ms: number) => {
      monotonic += ms
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
