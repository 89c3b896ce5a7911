import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { toIso } from '../../platform/clock.ts'
import { codeOf } from '../../platform/errors.ts'
import type { Secret } from '../../platform/secret.ts'

/** An application's certificate as the portal shows it. */
export interface ClientCertificateFacts {
  /** `CN=postern, O=Contoso` */
  readonly subject: string
  /** SHA-1 of the DER form, 40 upper-case hex digits: the portal's "Thumbprint". */
  readonly thumbprint: string
  /** SHA-256 of the DER form, 64 upper-case hex digits. */
  readonly thumbprintSha256: string
  /** Epoch milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly keyType: 'rsa' | 'ec' | 'other'
  /** Of the RSA modulus; null for other keys. */
  readonly keyBits: number | null
}

/** Of the first certificate in the text; undefined when there is none. */
export function certificateFactsOf(pem: string): ClientCertificateFacts | undefined {
  const certificate = readCertificate(pem)
  if (certificate === undefined) return undefined
  const { asymmetricKeyType = '', asymmetricKeyDetails } = certificate.publicKey
  return {
    subject: certificate.subject.trim().split('\n').join(', '),
    thumbprint: certificate.fingerprint.replaceAll(':', ''),
    thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    keyType: KEY_TYPES[asymmetricKeyType] ?? 'other',
    keyBits: asymmetricKeyDetails?.modulusLength ?? null,
  }
}

const KEY_TYPES: Readonly<Record<string, 'rsa' | 'ec'>> = { rsa: 'rsa', ec: 'ec' }

/** The DER form of the first certificate in the text. */
export function certificateDer(pem: string): Buffer | undefined {
  return readCertificate(pem)?.raw
}

function readCertificate(pem: string): X509Certificate | undefined {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return undefined
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

/** Least size that Entra takes. */
const LEAST_BITS = 2_048

/**
 * Everything that is wrong with a certificate and its private key (both PEM) as a credential of an application, one
 * sentence each; empty when they can be used.
 */
export function checkCertificatePair(options: {
  certificate: string
  privateKey: Secret
  now: number
}): string[] {
  const { certificate, privateKey, now } = options
  const facts = certificateFactsOf(certificate)
  const key = readPrivateKey(privateKey)
  const problems: string[] = []
  if (facts === undefined) {
    problems.push(
      'The certificate cannot be read: paste it as PEM, from "-----BEGIN CERTIFICATE-----" on.',
    )
  }
  if (typeof key === 'string') problems.push(key)
  if (facts === undefined) return problems

  if (facts.keyType !== 'rsa') {
    problems.push(
      `The certificate has ${facts.keyType === 'ec' ? 'an elliptic-curve key' : 'a key that is not RSA'}, which Entra does not take for applications: make one with an RSA key.`,
    )
  } else if (facts.keyBits !== null && facts.keyBits < LEAST_BITS) {
    problems.push(
      `The certificate has an RSA key of ${facts.keyBits} bits: Entra asks for at least ${LEAST_BITS}.`,
    )
  }
  if (facts.notAfter <= now) {
    problems.push(`The certificate ended at ${toIso(facts.notAfter)}: make a new one.`)
  }
  if (facts.notBefore > now) {
    problems.push(
      `The certificate is valid only from ${toIso(facts.notBefore)} on, and the time here is ${toIso(now)}.`,
    )
  }
  if (typeof key !== 'string' && !readCertificate(certificate)?.checkPrivateKey(key)) {
    problems.push(
      'The private key does not belong to the certificate: take both from the same pair.',
    )
  }
  return problems
}

/** A sentence when it cannot be used. */
function readPrivateKey(privateKey: Secret): KeyObject | string {
  try {
    return createPrivateKey(privateKey.reveal())
  } catch (error) {
    if (codeOf(error) === 'ERR_MISSING_PASSPHRASE' || /ENCRYPTED/.test(privateKey.reveal())) {
      return 'The private key is protected with a passphrase: remove it first, for example with "openssl pkcs8 -in key.pem -out plain.pem".'
    }
    return 'The private key cannot be read: paste it as PEM, from "-----BEGIN PRIVATE KEY-----" on.'
  }
}
