import { SECOND_MS } from '../../platform/clock.ts'
import type { ApplicationModel, TenantModel } from '../model.ts'
import { namesCertificate, readSignedJwt } from '../signed-jwt.ts'
import { readRegistered } from '../x509.ts'
import { type GraphAnswer, type GraphContext, graphError } from './answers.ts'

/** Azure AD Graph's application id, as the documents ask for. */
const PROOF_AUDIENCE = '00000002-0000-0000-c000-000000000000'

/**
 * The answer that refuses a proof of possession; undefined when it is signed with the key of a certificate that is registered and
 * valid. https://learn.microsoft.com/graph/application-rollkey-prooftoken
 */
export function refuseProof(
  proof: string,
  given: { app: ApplicationModel; clientId: string; model: TenantModel; context: GraphContext },
): GraphAnswer | undefined {
  const { app, clientId, model, context } = given
  const refuse = (code: string, message: string) => graphError(401, code, message, context)
  const malformed = () =>
    refuse('Authentication_MissingOrMalformed', 'Access Token missing or malformed.')

  const jwt = readSignedJwt(proof)
  if (jwt === undefined) return malformed()
  const isNamed = jwt.x5t !== undefined || jwt.x5tS256 !== undefined
  const isSigned = Object.values(app.certificates)
    .flatMap((entry) => readRegistered(entry) ?? [])
    .filter(({ startsAt, endsAt }) => startsAt <= context.nowMs && context.nowMs < endsAt)
    .filter((certificate) => !isNamed || namesCertificate(jwt, certificate))
    .some(({ publicKey }) => jwt.isSignedBy(publicKey))
  const { aud, iss, nbf, exp } = jwt.claims
  const issuers = { objectId: [app.objectId], clientId: [clientId] }
  const { proofIssuer } = model.graph
  const accepted =
    proofIssuer === 'both' ? [...issuers.objectId, ...issuers.clientId] : issuers[proofIssuer]
  if (!isSigned || aud !== PROOF_AUDIENCE || !accepted.some((issuer) => issuer === iss)) {
    return malformed()
  }
  const isCurrent =
    typeof exp === 'number' &&
    context.nowMs < exp * SECOND_MS &&
    (typeof nbf !== 'number' || nbf * SECOND_MS <= context.nowMs)
  return isCurrent
    ? undefined
    : refuse(
        'Authentication_ExpiredToken',
        'Your access token has expired. Please renew it before submitting the request.',
      )
}
