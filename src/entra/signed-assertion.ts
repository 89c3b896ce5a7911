import { createPrivateKey } from 'node:crypto'
import { type JWTPayload, SignJWT } from 'jose'
import { MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import { newId } from '../platform/ids.ts'
import { certificateFactsOf } from './certificate/index.ts'
import type { CertificateCredential } from './client-credential.ts'
import type { ThumbprintForm } from './thumbprint-choice.ts'

/** Microsoft's clocks may be behind the one here. */
const BACKDATED_MS = MINUTE_MS
const LIFE_MS = 10 * MINUTE_MS

/**
 * A JWT signed with the certificate's key, good for ten minutes from a minute ago. Undefined when the certificate or
 * its key cannot be used for that.
 */
export async function signAssertion(options: {
  credential: CertificateCredential
  /** `sha256`: PS256 and `x5t#S256`; `sha1`: RS256 and `x5t`. */
  form: ThumbprintForm
  claims: JWTPayload
  now: number
}): Promise<string | undefined> {
  const { credential, form, claims, now } = options
  const facts = certificateFactsOf(credential.certificate)
  if (facts === undefined) return undefined
  const notBefore = Math.floor((now - BACKDATED_MS) / SECOND_MS)
  const thumbprint = (hex: string) => Buffer.from(hex, 'hex').toString('base64url')
  const header =
    form === 'sha256'
      ? { alg: 'PS256', 'x5t#S256': thumbprint(facts.thumbprintSha256) }
      : { alg: 'RS256', x5t: thumbprint(facts.thumbprint) }
  try {
    return await new SignJWT(claims)
      .setProtectedHeader({ ...header, typ: 'JWT' })
      .setNotBefore(notBefore)
      .setExpirationTime(notBefore + LIFE_MS / SECOND_MS)
      .sign(createPrivateKey(credential.privateKey.reveal()))
  } catch {
    // A key that is encrypted, not RSA, or too short.
    return undefined
  }
}

/** RFC 7523 §3, https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
export function clientAssertionClaims(clientId: string, tokenEndpoint: string): JWTPayload {
  return { aud: tokenEndpoint, iss: clientId, sub: clientId, jti: newId() }
}

/** https://learn.microsoft.com/graph/application-rollkey-prooftoken */
export function proofClaims(issuer: string): JWTPayload {
  return { aud: '00000002-0000-0000-c000-000000000000', iss: issuer }
}
