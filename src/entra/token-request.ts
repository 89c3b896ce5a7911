import { ConfidentialClientApplication, type INetworkModule } from '@azure/msal-node'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Failure, Outcome } from '../diagnosis/index.ts'
import { type Clock, SECOND_MS } from '../platform/clock.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type ClientCredential, secretTextsOf } from './client-credential.ts'
import { type Cloud, type Resource, scopeOf } from './clouds.ts'
import { excerpt, hideAll, parseJson, readErrorAnswer } from './error-answer.ts'
import { readRetryAfter } from './retry-after.ts'
import { clientAssertionClaims, signAssertion } from './signed-assertion.ts'
import type { ThumbprintForm } from './thumbprint-choice.ts'
import type { ConnectionTrace, EntraTransport, HttpsAnswer } from './transport.ts'

export interface TokenRequest {
  cloud: Cloud
  /** GUID or verified domain. */
  tenantId: string
  clientId: string
  credential: ClientCredential
  /** What the token is for; default Exchange Online. */
  resource?: Resource | undefined
}

export interface IssuedToken {
  token: string
  lifetimeMs: number
}

export interface TokenAnswer {
  outcome: Outcome<IssuedToken>
  connection: ConnectionTrace | null
}

const SuccessBody = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  // Some gateways write the number as a string.
  expires_in: Type.Union([
    Type.Number({ exclusiveMinimum: 0 }),
    Type.String({ pattern: '^\\d+$' }),
  ]),
})

/**
 * One POST to the token endpoint with MSAL. `form` matters for certificates only.
 *
 * The application object is made for this request alone: MSAL's token cache and its refusal to call after a 429 or
 * 5xx live in that object, and both are kept by the token source instead. MSAL replaces what goes wrong by general
 * words, so the answer is judged as it came over the wire.
 */
export async function requestToken(
  deps: { transport: EntraTransport; clock: Clock; log: Logger },
  request: TokenRequest,
  form: ThumbprintForm = 'sha256',
): Promise<TokenAnswer> {
  const { transport, clock, log } = deps
  const { cloud, tenantId, clientId, credential, resource = 'exchange' } = request
  const tenantUrl = `${cloud.authority}/${encodeURIComponent(tenantId)}`
  const tokenEndpoint = `${tenantUrl}/oauth2/v2.0/token`
  const proof = await toProof(credential, { form, clientId, tokenEndpoint, now: clock.now() })
  if (proof === undefined) {
    const detail = 'the certificate or its private key cannot be used.'
    return { outcome: refused(detail), connection: null }
  }
  // An assertion is good for ten minutes for whoever reads it.
  const hide = [...secretTextsOf(credential), ...Object.values(proof)].filter((text) => text !== '')
  let seen: { outcome: Outcome<HttpsAnswer>; connection: ConnectionTrace | null } | undefined

  const networkClient: INetworkModule = {
    sendGetRequestAsync: () => Promise.reject(new Error('discovery is not needed')),
    async sendPostRequestAsync(url, options) {
      const { headers, body } = options ?? {}
      seen = await transport.send({
        peer: 'entra',
        step: 'token',
        method: 'POST',
        url: new URL(url),
        headers,
        body,
      })
      if (!seen.outcome.ok) throw new Error('no answer')
      const answer = seen.outcome.value
      return {
        status: answer.status,
        headers: { ...answer.headers },
        body: JSON.parse(answer.body),
      }
    },
  }

  let unsent = ''
  try {
    const application = new ConfidentialClientApplication({
      auth: {
        clientId,
        ...proof,
        authority: tenantUrl,
        // With both, MSAL asks nobody where the endpoints are, whatever the cloud.
        knownAuthorities: [new URL(cloud.authority).host],
        authorityMetadata: JSON.stringify({
          issuer: `${tenantUrl}/v2.0`,
          authorization_endpoint: `${tenantUrl}/oauth2/v2.0/authorize`,
          token_endpoint: tokenEndpoint,
          jwks_uri: `${tenantUrl}/discovery/v2.0/keys`,
        }),
      },
      system: { networkClient },
    })
    await application.acquireTokenByClientCredential({
      scopes: [scopeOf(cloud, resource)],
      // The environment must not move the request to a regional host (MSAL_FORCE_REGION).
      azureRegion: 'DisableMsalForceRegion',
    })
  } catch (error) {
    unsent = hideAll(`${codeOf(error) ?? messageOf(error)}`, hide)
  }

  if (seen === undefined) {
    return { outcome: refused(`The request could not be made: ${unsent}.`), connection: null }
  }
  const { outcome, connection } = seen
  if (!outcome.ok) return { outcome, connection }
  const { status, headers, body } = outcome.value
  if (status === 200) return { outcome: readToken(request, body), connection }
  const retryAfterMs = readRetryAfter(headers, clock.now())
  const { failure, suberror } = readErrorAnswer({ status, body, retryAfterMs, hide })
  log.debug({ status, codes: failure.codes, suberror }, 'token request refused')
  return { outcome: { ok: false, failure }, connection }
}

/**
 * The credential in MSAL's form; undefined when the certificate or its key cannot be used. MSAL would sign with the
 * machine's time and without leeway, so the assertion is made here.
 */
async function toProof(
  credential: ClientCredential,
  facts: { form: ThumbprintForm; clientId: string; tokenEndpoint: string; now: number },
): Promise<{ clientSecret: string } | { clientAssertion: string } | undefined> {
  if (credential.type === 'clientSecret') return { clientSecret: credential.value.reveal() }
  const { form, clientId, tokenEndpoint, now } = facts
  const claims = clientAssertionClaims(clientId, tokenEndpoint)
  const clientAssertion = await signAssertion({ credential, form, claims, now })
  return clientAssertion === undefined ? undefined : { clientAssertion }
}

/** MSAL refused before anything was sent, for example an empty secret or the tenant `common`. */
function refused(detail: string): Outcome<IssuedToken> {
  return { ok: false, failure: { source: 'settings', problem: 'incomplete', detail } }
}

function readToken(request: TokenRequest, body: string): Outcome<IssuedToken> {
  const parsed = parseJson(body)
  if (Value.Check(SuccessBody, parsed)) {
    const lifetimeMs = Number(parsed.expires_in) * SECOND_MS
    return { ok: true, value: { token: parsed.access_token, lifetimeMs } }
  }
  return { ok: false, failure: unreadable(request, body, parsed) }
}

function unreadable(request: TokenRequest, body: string, parsed: unknown): Failure {
  const { hostname, port, host } = new URL(request.cloud.authority)
  // Half a JSON body may hold half a token: nothing of it is shown.
  const html = /^\s*</.test(body) ? `: ${excerpt(body)}` : ''
  const what = parsed === undefined ? 'something that is no JSON' : 'JSON without a token'
  return {
    source: 'transport',
    peer: 'entra',
    phase: 'protocol',
    step: 'token',
    host: hostname,
    port: Number(port || 443),
    code: 'INVALID_ANSWER',
    message: `${host} answered 200 with ${what}${html}.`,
  }
}
