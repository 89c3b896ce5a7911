import { createHash } from 'node:crypto'
import type { Secret } from '../platform/secret.ts'

/** What an application proves itself with at the token endpoint. */
export type ClientCredential = ClientSecretCredential | CertificateCredential

export interface ClientSecretCredential {
  readonly type: 'clientSecret'
  readonly value: Secret
}

export interface CertificateCredential {
  readonly type: 'certificate'
  /** PEM; public. */
  readonly certificate: string
  /** PEM, not encrypted. */
  readonly privateKey: Secret
}

/** Tells credentials apart without holding one. */
export function fingerprintOf(credential: ClientCredential): string {
  const parts =
    credential.type === 'clientSecret'
      ? [credential.type, credential.value.reveal()]
      : [credential.type, credential.certificate, credential.privateKey.reveal()]
  return createHash('sha256').update(parts.join('\0')).digest('base64')
}

/** What must not be repeated in a message, whatever a server wrote. */
export function secretTextsOf(credential: ClientCredential): string[] {
  const texts =
    credential.type === 'clientSecret'
      ? [credential.value.reveal(), encodeURIComponent(credential.value.reveal())]
      : [credential.privateKey.reveal()]
  return texts.filter((text) => text !== '')
}
