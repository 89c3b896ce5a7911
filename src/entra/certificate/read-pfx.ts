import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { PosternError } from '../../platform/errors.ts'
import { Secret } from '../../platform/secret.ts'
import {
  bytesOf,
  decrypt,
  type FilePassword,
  filePasswords,
  UnknownMethodError,
  verifyMac,
} from './password-encryption.ts'
import { toPem } from './pem.ts'
import {
  AuthenticatedSafe,
  CertBag,
  type ContentInfo,
  EncryptedData,
  EncryptedPrivateKeyInfo,
  Pfx,
  type SafeBag,
  SafeContents,
} from './pkcs12-schema.ts'
import type { CertificatePair } from './self-signed.ts'

const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'
const KEY_BAG = '1.2.840.113549.1.12.10.1.1'
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2'
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3'
/** RFC 7292 §4.2.3, x509Certificate. */
const X509 = '1.2.840.113549.1.9.22.1'

/**
 * The private key of a PKCS #12 file (.pfx, .p12) and the certificate that belongs to it.
 * Throws certificate_file_unreadable, or certificate_file_password when the password is wrong.
 */
export async function readPfx(bytes: Uint8Array, password: Secret): Promise<CertificatePair> {
  const pfx = parsePfx(bytes)
  try {
    const content = contentOf(pfx.authSafe)
    const spelling = choosePassword(pfx, content, password)
    const bags = await openBags(content, spelling)
    const keys = await Promise.all(
      bags.map((bag) => openKey(bag, spelling)).filter((key) => key !== undefined),
    )
    const [key] = keys
    if (key === undefined) throw unreadable('It holds no private key.')
    const own = bags
      .flatMap(readCertificate)
      .find((certificate) => certificate.checkPrivateKey(key))
    if (own === undefined) throw unreadable('It holds no certificate for its private key.')
    return {
      certificate: toPem('CERTIFICATE', own.raw),
      privateKey: new Secret(key.export({ format: 'pem', type: 'pkcs8' }).toString()),
    }
  } catch (error) {
    if (error instanceof PosternError) throw error
    if (error instanceof UnknownMethodError) {
      throw unreadable('It is encrypted with a method that is out of use.', error)
    }
    // What the wrong key makes of the data is noise.
    throw pfx.macData === undefined ? wrongPassword(error) : unreadable('It is damaged.', error)
  }
}

function parsePfx(bytes: Uint8Array): Pfx {
  try {
    const pfx = AsnConvert.parse(bytes, Pfx)
    if (pfx.version === 3 && pfx.authSafe.contentType === DATA) return pfx
  } catch (error) {
    throw unreadable('It is no PKCS #12 file.', error)
  }
  throw unreadable('It is signed with a certificate instead of protected with a password.')
}

function choosePassword(pfx: Pfx, content: Buffer, password: Secret): FilePassword {
  const { macData } = pfx
  const spellings = filePasswords(password.reveal())
  const fitting = spellings.find(
    (spelling) => macData === undefined || verifyMac(macData, content, spelling) !== false,
  )
  if (fitting === undefined) throw wrongPassword()
  return fitting
}

async function openBags(content: Buffer, password: FilePassword): Promise<SafeBag[]> {
  const parts = await Promise.all(
    [...AsnConvert.parse(content, AuthenticatedSafe)].map(async (info) => {
      if (info.contentType === DATA) return contentOf(info)
      if (info.contentType !== ENCRYPTED_DATA) throw new UnknownMethodError(info.contentType)
      const { encryptedContentInfo } = AsnConvert.parse(info.content, EncryptedData)
      const { contentEncryptionAlgorithm, encryptedContent } = encryptedContentInfo
      return decrypt(contentEncryptionAlgorithm, encryptedContent, password)
    }),
  )
  return parts.flatMap((part) => [...AsnConvert.parse(part, SafeContents)])
}

function openKey(bag: SafeBag, password: FilePassword): Promise<KeyObject> | undefined {
  if (bag.bagId === KEY_BAG) return toKey(Buffer.from(bag.bagValue))
  if (bag.bagId !== SHROUDED_KEY_BAG) return undefined
  const { encryptionAlgorithm, encryptedData } = AsnConvert.parse(
    bag.bagValue,
    EncryptedPrivateKeyInfo,
  )
  return decrypt(encryptionAlgorithm, encryptedData, password).then(toKey)
}

async function toKey(der: Buffer): Promise<KeyObject> {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function readCertificate(bag: SafeBag): X509Certificate[] {
  if (bag.bagId !== CERTIFICATE_BAG) return []
  const { certId, certValue } = AsnConvert.parse(bag.bagValue, CertBag)
  return certId === X509 ? [new X509Certificate(bytesOf(certValue))] : []
}

function contentOf(info: ContentInfo): Buffer {
  return bytesOf(AsnConvert.parse(info.content, OctetString))
}

function unreadable(reason: string, cause?: unknown): PosternError {
  return new PosternError(
    `The certificate file cannot be read. ${reason} Export it again as PFX with its private key and AES-256 encryption, or paste certificate and key as PEM.`,
    { kind: 'invalid', code: 'certificate_file_unreadable', cause },
  )
}

function wrongPassword(cause?: unknown): PosternError {
  return new PosternError(
    'The password of the certificate file is wrong. Enter the one that was set when the file was exported.',
    { kind: 'invalid', code: 'certificate_file_password', cause },
  )
}
