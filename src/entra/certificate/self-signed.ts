import { generateKeyPair, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_kp_clientAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { type Clock, DAY_MS, MINUTE_MS, toDate } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import { Secret } from '../../platform/secret.ts'
import { toPem } from './pem.ts'

/** Both PEM; the key in PKCS #8. */
export interface CertificatePair {
  readonly certificate: string
  readonly privateKey: Secret
}

export interface SelfSignedCertificateOptions {
  commonName: string
  days: number
  /** Default 3072. */
  keyBits?: 2048 | 3072 | undefined
  clock: Clock
}

/** Microsoft's clocks may be behind the one here. */
const BACKDATED_MS = 5 * MINUTE_MS
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11'
const COMMON_NAME = '2.5.4.3'
/** RFC 5280 appendix A.1, ub-common-name. */
const LONGEST_COMMON_NAME = 64

const generate = promisify(generateKeyPair)
const signAsync = promisify(sign)

/** A new RSA key and a certificate for it (RFC 5280 §4.1) that is good for an application's sign-in and nothing else. */
export async function createSelfSignedCertificate(
  options: SelfSignedCertificateOptions,
): Promise<CertificatePair> {
  const { commonName, days, keyBits = 3_072, clock } = options
  assertUsable(commonName, days)
  const pair = await generate('rsa', { modulusLength: keyBits })
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
  const notBefore = clock.now() - BACKDATED_MS
  // RFC 4055 §5: the parameters are NULL, not absent.
  const algorithm = new AlgorithmIdentifier({ algorithm: SHA256_WITH_RSA, parameters: null })
  const name = distinguishedName(commonName)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    // Positive and not zero in any case (RFC 5280 §4.1.2.2).
    serialNumber: new Uint8Array([1, ...randomBytes(15)]).buffer,
    signature: algorithm,
    issuer: name,
    validity: new Validity({
      notBefore: toDate(notBefore),
      notAfter: toDate(clock.now() + days * DAY_MS),
    }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions([
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: false })),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature)),
      extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_clientAuth])),
    ]),
  })
  const content = new Uint8Array(AsnConvert.serialize(tbsCertificate))
  const signature = await signAsync('sha256', content, pair.privateKey)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: new Uint8Array(signature).buffer,
  })
  return {
    certificate: toPem('CERTIFICATE', new Uint8Array(AsnConvert.serialize(certificate))),
    privateKey: new Secret(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
  }
}

function assertUsable(commonName: string, days: number): void {
  const isName = commonName.trim() !== '' && commonName.length <= LONGEST_COMMON_NAME
  if (isName && Number.isInteger(days) && days >= 1) return
  throw new PosternError(
    `A certificate needs a name of 1 to ${LONGEST_COMMON_NAME} characters and a life of at least one whole day. Correct these and try again.`,
    { kind: 'invalid', code: 'certificate_options_invalid' },
  )
}

function extension(extnID: string, value: object): Extension {
  return new Extension({
    extnID,
    critical: extnID !== id_ce_extKeyUsage,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  })
}

function distinguishedName(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName })
  const attribute = new AttributeTypeAndValue({ type: COMMON_NAME, value })
  return new Name([new RelativeDistinguishedName([attribute])])
}
