import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
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
import { type Clock, DAY_MS, toDate } from '../platform/clock.ts'
import type { CERTIFICATES } from './faults.ts'

/** PEM, both. */
export interface ServerCertificate {
  key: string
  cert: string
}

export type ServerCertificates = Record<(typeof CERTIFICATES)[number], ServerCertificate>

/** A certification authority of this run, and what it has issued. Nothing is written to disk. */
export interface Certificates {
  caPem: string
  server: ServerCertificates
}

const YEAR_MS = 365 * DAY_MS
const LIFE_MS = 10 * YEAR_MS
const LOOPBACK_NAMES = { dns: ['localhost'], ip: ['127.0.0.1', '::1'] }

/** `clock` is the machine's: TLS libraries check validity against real time. */
export async function createCertificates(deps: { clock: Clock }): Promise<Certificates> {
  const now = deps.clock.now()
  const long = { from: now - YEAR_MS, to: now + LIFE_MS }
  const past = { from: now - 2 * YEAR_MS, to: now - DAY_MS }
  // A name of its own in each run: a CA of an earlier run may still be trusted beside it.
  const run = randomBytes(4).toString('hex')
  const issuer = { name: `Postern Sandbox CA ${run}`, pair: await createKeyPair() }
  const ca = await createCertificate({ subject: issuer, issuer, life: long, ca: true })

  async function issue(
    commonName: string,
    options: { life?: Life; dns?: string[]; ip?: string[]; by?: Party | 'self' },
  ): Promise<ServerCertificate> {
    const subject = { name: commonName, pair: await createKeyPair() }
    const cert = await createCertificate({
      subject,
      issuer: options.by === 'self' ? subject : (options.by ?? issuer),
      life: options.life ?? long,
      dns: options.dns ?? [],
      ip: options.ip ?? [],
    })
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', subject.pair.privateKey)
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
    return { key: key.export({ format: 'pem', type: 'pkcs8' }).toString(), cert }
  }

  // A product that opens TLS on its way has an authority that this machine does not know.
  const inspector = { name: 'mitmproxy', pair: await createKeyPair() }
  const [valid, expired, wrongName, selfSigned, inspected] = await Promise.all([
    issue('localhost', LOOPBACK_NAMES),
    issue('localhost', { ...LOOPBACK_NAMES, life: past }),
    issue('mail.wrong.example', { dns: ['mail.wrong.example'] }),
    issue('localhost', { ...LOOPBACK_NAMES, by: 'self' }),
    issue('localhost', { ...LOOPBACK_NAMES, by: inspector }),
  ])
  return { caPem: ca, server: { valid, expired, wrongName, selfSigned, inspected } }
}

interface Life {
  from: number
  to: number
}

interface Party {
  name: string
  pair: webcrypto.CryptoKeyPair
}

// P-256 with SHA-256 (RFC 5758 §3.2): keys are made in a millisecond.
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
const COMMON_NAME = '2.5.4.3'

function createKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
}

/** A version 3 certificate (RFC 5280 §4.1) in PEM. */
async function createCertificate(options: {
  subject: Party
  issuer: Party
  life: Life
  dns?: string[]
  ip?: string[]
  ca?: boolean
}): Promise<string> {
  const { subject, issuer, life } = options
  const spki = await webcrypto.subtle.exportKey('spki', subject.pair.publicKey)
  // Positive and not zero in any case (RFC 5280 §4.1.2.2).
  const serialNumber = new Uint8Array([1, ...randomBytes(15)]).buffer
  const algorithm = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 })
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber,
    signature: algorithm,
    issuer: distinguishedName(issuer.name),
    validity: new Validity({ notBefore: toDate(life.from), notAfter: toDate(life.to) }),
    subject: distinguishedName(subject.name),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(options)),
  })
  const raw = AsnConvert.serialize(tbsCertificate)
  const signature = await webcrypto.subtle.sign(CURVE, issuer.pair.privateKey, raw)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: toDerSignature(Buffer.from(signature)),
  })
  const base64 = Buffer.from(AsnConvert.serialize(certificate)).toString('base64')
  const lines = base64.match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function extensionsOf(options: { dns?: string[]; ip?: string[]; ca?: boolean }): Extension[] {
  if (options.ca) {
    return [
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: true })),
      extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
    ]
  }
  const names = [
    ...(options.dns ?? []).map((dNSName) => new GeneralName({ dNSName })),
    ...(options.ip ?? []).map((iPAddress) => new GeneralName({ iPAddress })),
  ]
  return [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
    extension(id_ce_subjectAltName, new SubjectAlternativeName(names)),
  ]
}

function extension(extnID: string, value: object): Extension {
  const critical = extnID === id_ce_basicConstraints || extnID === id_ce_keyUsage
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

/** WebCrypto gives r and s side by side; certificates hold SEQUENCE { INTEGER, INTEGER } (RFC 3279 §2.2.3). */
function toDerSignature(raw: Buffer): ArrayBuffer {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map((half) => {
    const first = half.findIndex((byte) => byte !== 0)
    const digits = [...half.subarray(first)]
    if ((digits[0] ?? 0) >= 0x80) digits.unshift(0)
    return [0x02, digits.length, ...digits]
  })
  const content = integers.flat()
  return new Uint8Array([0x30, content.length, ...content]).buffer
}
