import { constants, type KeyObject, verify } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { RegisteredCertificate } from './x509.ts'

/** A JWT that a client signed with the key of a certificate; nothing is checked yet. */
export interface SignedJwt {
  /** Thumbprints of the certificate that the header names, upper-case hex. */
  x5t: string | undefined
  x5tS256: string | undefined
  claims: Readonly<Record<string, unknown>>
  isSignedBy(key: KeyObject): boolean
}

const THREE_PARTS = /^([\w-]+\.[\w-]+)\.([\w-]*)$/

/** Undefined for anything that is no JWT in compact form, padded base64url included. */
export function readSignedJwt(text: string): SignedJwt | undefined {
  const [, signed, signature] = THREE_PARTS.exec(text) ?? []
  if (signed === undefined || signature === undefined) return undefined
  try {
    const { alg, x5t, 'x5t#S256': x5tS256 } = decodeProtectedHeader(text)
    return {
      x5t: toHex(x5t),
      x5tS256: toHex(x5tS256),
      claims: decodeJwt(text),
      isSignedBy: (key) => isSigned({ alg, signed, signature, key }),
    }
  } catch {
    return undefined
  }
}

/** By SHA-256 or, where `by` allows no other, by SHA-1. */
export function namesCertificate(
  jwt: Pick<SignedJwt, 'x5t' | 'x5tS256'>,
  certificate: RegisteredCertificate,
  by: 'both' | 'x5t' = 'both',
): boolean {
  return jwt.x5t === certificate.sha1 || (by === 'both' && jwt.x5tS256 === certificate.sha256)
}

function toHex(thumbprint: unknown): string | undefined {
  if (typeof thumbprint !== 'string' || thumbprint === '') return undefined
  return Buffer.from(thumbprint, 'base64url').toString('hex').toUpperCase()
}

/** RFC 7518 §3.3 and §3.5. */
function isSigned(given: {
  alg: string | undefined
  signed: string
  signature: string
  key: KeyObject
}): boolean {
  const { alg, signed, key } = given
  if (key.asymmetricKeyType !== 'rsa') return false
  const data = Buffer.from(signed)
  const signature = Buffer.from(given.signature, 'base64url')
  if (alg === 'RS256') return verify('sha256', data, key, signature)
  if (alg !== 'PS256') return false
  const padding = constants.RSA_PKCS1_PSS_PADDING
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return verify('sha256', data, { key, padding, saltLength }, signature)
}
