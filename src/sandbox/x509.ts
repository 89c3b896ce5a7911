import { X509Certificate } from 'node:crypto'
import { parseInstant } from '../platform/clock.ts'
import type { CertificateModel } from './model.ts'

/** What the tenant needs to know of a public certificate. */
export interface RegisteredCertificate {
  /** Upper-case hex, as Entra shows it. */
  sha1: string
  sha256: string
  publicKey: X509Certificate['publicKey']
  /** Epoch milliseconds. */
  startsAt: number
  endsAt: number
  /** `CN=…` */
  subject: string
}

/** DER in base64, or PEM; undefined when it is neither. */
export function readCertificate(text: string): RegisteredCertificate | undefined {
  try {
    const isPem = text.includes('-----BEGIN CERTIFICATE-----')
    const x509 = new X509Certificate(isPem ? text : Buffer.from(text, 'base64'))
    return {
      sha1: x509.fingerprint.replaceAll(':', ''),
      sha256: x509.fingerprint256.replaceAll(':', ''),
      publicKey: x509.publicKey,
      startsAt: x509.validFromDate.getTime(),
      endsAt: x509.validToDate.getTime(),
      subject: (x509.subject ?? '').split('\n').join(', '),
    }
  } catch {
    return undefined
  }
}

/** A certificate of the model with the dates that count in the directory. */
export function readRegistered(model: CertificateModel): RegisteredCertificate | undefined {
  const read = readCertificate(model.certificate)
  if (read === undefined) return undefined
  return {
    ...read,
    startsAt: parseInstant(model.startDateTime ?? '') ?? read.startsAt,
    endsAt: parseInstant(model.endDateTime ?? '') ?? read.endsAt,
  }
}
