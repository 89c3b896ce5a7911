import { createPrivateKey, X509Certificate } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ClientCredential } from '../entra/index.ts'
import { PosternError } from '../platform/errors.ts'
import { Secret } from '../platform/secret.ts'
import type { CredentialFacts } from './profile.ts'

/** A credential as it is handed to the client that logs in. */
export type OpenedCredential = { readonly credentialId: string } & (
  | ClientCredential
  | { readonly type: 'password'; readonly value: Secret }
)

const SealedPair = Type.Object({ certificate: Type.String(), privateKey: Type.String() })

/**
 * What is sealed of a certificate: both parts, because one is of no use without the other, and in one canonical form,
 * so that the same pair entered again is recognised. The pair has been checked before.
 */
export function sealablePair(certificate: string, privateKey: string): Secret {
  return new Secret(
    JSON.stringify({
      certificate: new X509Certificate(certificate).toString(),
      privateKey: createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    }),
  )
}

/** `plain`: what was sealed. Throws secret_unreadable. */
export function toOpened(
  { id, type }: Pick<CredentialFacts, 'id' | 'type'>,
  plain: Secret,
): OpenedCredential {
  if (type !== 'certificate') return { credentialId: id, type, value: plain }
  const pair = parse(plain.reveal())
  if (!Value.Check(SealedPair, pair)) {
    throw new PosternError(
      'The stored certificate is damaged: enter certificate and private key again.',
      { kind: 'unavailable', code: 'secret_unreadable' },
    )
  }
  const { certificate, privateKey } = pair
  return { credentialId: id, type, certificate, privateKey: new Secret(privateKey) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
