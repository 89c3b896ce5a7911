import { createHash } from 'node:crypto'
import { compactVerify, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export interface VerifiedToken {
  /** The signature was checked with the tenant's key; nothing else was. */
  claims: Readonly<Record<string, unknown>>
}

/** The tenant's token-signing key: RS256, 2048 bits, new in each run. */
export interface TokenSigner {
  sign(claims: Record<string, unknown>): Promise<string>
  verify(token: string): Promise<VerifiedToken | undefined>
  readonly publicKeys: { keys: readonly JWK[] }
}

export async function createTokenSigner(): Promise<TokenSigner> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  // Entra names a key by its certificate's SHA-1 thumbprint; here the public key itself is hashed.
  const kid = createHash('sha1').update(JSON.stringify(jwk)).digest('base64url')
  const header = { typ: 'JWT', alg: 'RS256', x5t: kid, kid }

  return {
    sign: (claims) => new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
    async verify(token) {
      const checked = await compactVerify(token, publicKey, { algorithms: ['RS256'] }).catch(
        () => undefined,
      )
      if (checked === undefined) return undefined
      const claims: unknown = parseJson(new TextDecoder().decode(checked.payload))
      return isObject(claims) ? { claims } : undefined
    },
    publicKeys: { keys: [{ ...jwk, kid, x5t: kid, use: 'sig' }] },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
