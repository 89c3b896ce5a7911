import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { SignJWT } from 'jose'
import { DAY_MS, SECOND_MS, toDate } from '../../../src/platform/clock.ts'
import { FAKE_NOW } from '../../support/clock.ts'

/** A self-signed RSA certificate with its key, as an application would use it. */
export interface ClientCertificate {
  /** DER in base64. */
  certificate: string
  privateKey: KeyObject
  /** Upper-case hex. */
  sha1: string
  /** In base64url. */
  x5t: string
  x5tS256: string
}

const SHA256_WITH_RSA = new AlgorithmIdentifier({
  algorithm: '1.2.840.113549.1.1.11',
  parameters: new Uint8Array([5, 0]).buffer,
})

export function createClientCertificate(
  life: { from?: number; to?: number } = {},
): ClientCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const name = new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({
        type: '2.5.4.3',
        value: new AttributeValue({ utf8String: 'postern' }),
      }),
    ]),
  ])
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: new Uint8Array([1, 2, 3]).buffer,
    signature: SHA256_WITH_RSA,
    issuer: name,
    subject: name,
    validity: new Validity({
      notBefore: toDate(life.from ?? FAKE_NOW - DAY_MS),
      notAfter: toDate(life.to ?? FAKE_NOW + 365 * DAY_MS),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      SubjectPublicKeyInfo,
    ),
  })
  const tbs = Buffer.from(AsnConvert.serialize(tbsCertificate))
  const signatureValue = Uint8Array.from(sign('sha256', tbs, privateKey)).buffer
  const der = Buffer.from(
    AsnConvert.serialize(
      new Certificate({ tbsCertificate, signatureAlgorithm: SHA256_WITH_RSA, signatureValue }),
    ),
  )
  const sha1 = createHash('sha1').update(der).digest()
  return {
    certificate: der.toString('base64'),
    privateKey,
    sha1: sha1.toString('hex').toUpperCase(),
    x5t: sha1.toString('base64url'),
    x5tS256: createHash('sha256').update(der).digest('base64url'),
  }
}

/** PS256 with x5t#S256 unless `header` says otherwise. */
export function signWith(
  { privateKey, x5tS256 }: ClientCertificate,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const now = FAKE_NOW / SECOND_MS
  return new SignJWT({ nbf: now, iat: now, exp: now + 600, jti: 'one', ...claims })
    .setProtectedHeader({ alg: 'PS256', typ: 'JWT', 'x5t#S256': x5tS256, ...header })
    .sign(privateKey)
}
