import { generateKeyPair, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
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
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { type Clock, DAY_MS, HOUR_MS, toDate } from '../../platform/clock.ts'
import { Secret } from '../../platform/secret.ts'

/** Both PEM. */
export interface ServerCertificate {
  readonly certificate: string
  readonly key: Secret
}

/** Devices whose clock is a little slow take it at once. */
const BACKDATED_MS = HOUR_MS
/** Old devices know RSA best; 3072 bits would cost three times the work of each handshake. */
const KEY_BITS = 2_048
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11'
const COMMON_NAME = '2.5.4.3'
/** RFC 5280 appendix A.1, ub-common-name. */
const LONGEST_COMMON_NAME = 64

const generate = promisify(generateKeyPair)
const signAsync = promisify(sign)

/** A new key and a certificate for a server with these names and addresses, signed by itself (RFC 5280 §4.1). */
export async function makeServerCertificate(options: {
  names: readonly string[]
  days: number
  clock: Clock
}): Promise<ServerCertificate> {
  const { names, days, clock } = options
  const pair = await generate('rsa', { modulusLength: KEY_BITS })
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
  // RFC 4055 §5: the parameters are NULL, not absent.
  const algorithm = new AlgorithmIdentifier({ algorithm: SHA256_WITH_RSA, parameters: null })
  const name = distinguishedName((names[0] ?? 'postern').slice(0, LONGEST_COMMON_NAME))
  const usage = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    // Positive and not zero in any case (RFC 5280 §4.1.2.2).
    serialNumber: new Uint8Array([1, ...randomBytes(15)]).buffer,
    signature: algorithm,
    issuer: name,
    validity: new Validity({
      notBefore: toDate(clock.now() - BACKDATED_MS),
      notAfter: toDate(clock.now() + days * DAY_MS),
    }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions([
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
      extension(id_ce_keyUsage, new KeyUsage(usage), true),
      extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth]), false),
      extension(id_ce_subjectAltName, new SubjectAlternativeName(names.map(generalName)), false),
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
    certificate: toPem(new Uint8Array(AsnConvert.serialize(certificate))),
    key: new Secret(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
  }
}

function generalName(name: string): GeneralName {
  return new GeneralName(isIP(name) === 0 ? { dNSName: name } : { iPAddress: name })
}

function extension(extnID: string, value: object, critical: boolean): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  })
}

function distinguishedName(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName })
  const attribute = new AttributeTypeAndValue({ type: COMMON_NAME, value })
  return new Name([new RelativeDistinguishedName([attribute])])
}

/** RFC 7468 §2. */
function toPem(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64')
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
