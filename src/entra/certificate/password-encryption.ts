import { createDecipheriv, createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import type { AlgorithmIdentifier } from '@peculiar/asn1-x509'
import { type MacData, PbeParameters, Pbes2Parameters, Pbkdf2Parameters } from './pkcs12-schema.ts'

/** A method of encryption or authentication that is not known here. */
export class UnknownMethodError extends Error {
  override readonly name = 'UnknownMethodError'
}

/** A password as the two families of methods take it. */
export interface FilePassword {
  /** RFC 7292 appendix B.1: UTF-16, big endian, ended with a zero. */
  readonly bmp: Buffer
  readonly utf8: Buffer
}

/** The ways to write a password; the empty one has two. */
export function filePasswords(password: string): FilePassword[] {
  const utf8 = Buffer.from(password)
  const bmp = Buffer.from(`${password}\0`, 'utf16le').swap16()
  return password === ''
    ? [
        { bmp, utf8 },
        { bmp: Buffer.alloc(0), utf8 },
      ]
    : [{ bmp, utf8 }]
}

const PBES2 = '1.2.840.113549.1.5.13'
const PBKDF2 = '1.2.840.113549.1.5.12'
const PBMAC1 = '1.2.840.113549.1.5.14'
const SHA1_WITH_3DES = '1.2.840.113549.1.12.1.3'
const HMAC_SHA1 = '1.2.840.113549.2.7'

const CIPHERS: Readonly<Record<string, { name: string; keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
}
const PRFS: Readonly<Record<string, string>> = {
  [HMAC_SHA1]: 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
/** By digest: the size of the output and of the block that the function compresses. */
const DIGESTS: Readonly<Record<string, Digest>> = {
  '1.3.14.3.2.26': { name: 'sha1', bytes: 20, blockBytes: 64 },
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', bytes: 32, blockBytes: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', bytes: 48, blockBytes: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', bytes: 64, blockBytes: 128 },
}
const SHA1: Digest = { name: 'sha1', bytes: 20, blockBytes: 64 }

interface Digest {
  name: string
  bytes: number
  blockBytes: number
}

/** More would be an attempt to keep this process busy. */
const MOST_ITERATIONS = 1_000_000

const derive = promisify(pbkdf2)

/** Throws UnknownMethodError, or anything else when the password is wrong or the data is damaged. */
export async function decrypt(
  algorithm: AlgorithmIdentifier,
  data: OctetString,
  password: FilePassword,
): Promise<Buffer> {
  const { name, key, iv } = await openMethod(algorithm, password)
  const decipher = createDecipheriv(name, key, iv)
  return Buffer.concat([decipher.update(bytesOf(data)), decipher.final()])
}

async function openMethod({ algorithm, parameters }: AlgorithmIdentifier, password: FilePassword) {
  if (algorithm === SHA1_WITH_3DES && parameters) {
    const { salt, iterations } = AsnConvert.parse(parameters, PbeParameters)
    const material = { digest: SHA1, password: password.bmp, salt: bytesOf(salt), iterations }
    const key = deriveKey({ ...material, purpose: 1, bytes: 24 })
    return { name: 'des-ede3-cbc', key, iv: deriveKey({ ...material, purpose: 2, bytes: 8 }) }
  }
  if (algorithm !== PBES2 || !parameters) throw new UnknownMethodError(algorithm)
  const { keyDerivation, encryption } = AsnConvert.parse(parameters, Pbes2Parameters)
  const cipher = CIPHERS[encryption.algorithm]
  if (cipher === undefined || !encryption.parameters) {
    throw new UnknownMethodError(encryption.algorithm)
  }
  if (keyDerivation.algorithm !== PBKDF2 || !keyDerivation.parameters) {
    throw new UnknownMethodError(keyDerivation.algorithm)
  }
  const { salt, iterations, prf } = AsnConvert.parse(keyDerivation.parameters, Pbkdf2Parameters)
  const digest = PRFS[prf?.algorithm ?? HMAC_SHA1]
  if (digest === undefined) throw new UnknownMethodError(prf?.algorithm)
  assertIterations(iterations)
  const key = await derive(password.utf8, bytesOf(salt), iterations, cipher.keyBytes, digest)
  return {
    name: cipher.name,
    key,
    iv: bytesOf(AsnConvert.parse(encryption.parameters, OctetString)),
  }
}

/** Is the file whole, and the password the right one? Undefined when its method says nothing about that. */
export function verifyMac(
  { mac, macSalt, iterations }: MacData,
  content: Buffer,
  password: FilePassword,
): boolean | undefined {
  const { algorithm } = mac.digestAlgorithm
  // RFC 9579. Decryption shows whether the password is right.
  if (algorithm === PBMAC1) return undefined
  const digest = DIGESTS[algorithm]
  if (digest === undefined) throw new UnknownMethodError(algorithm)
  const key = deriveKey({
    digest,
    password: password.bmp,
    salt: bytesOf(macSalt),
    iterations,
    purpose: 3,
    bytes: digest.bytes,
  })
  const wanted = bytesOf(mac.digest)
  const found = createHmac(digest.name, key).update(content).digest()
  return wanted.length === found.length && timingSafeEqual(wanted, found)
}

/** RFC 7292 appendix B.2. `purpose`: 1 for a key, 2 for an initial value, 3 for a MAC. */
function deriveKey(options: {
  digest: Digest
  password: Buffer
  salt: Buffer
  iterations: number
  purpose: 1 | 2 | 3
  bytes: number
}): Buffer {
  const { digest, password, salt, iterations, purpose, bytes } = options
  assertIterations(iterations)
  const { blockBytes } = digest
  const diversifier = Buffer.alloc(blockBytes, purpose)
  const input = Buffer.concat([stretched(salt, blockBytes), stretched(password, blockBytes)])
  const parts: Buffer[] = []
  for (let length = 0; length < bytes; length += digest.bytes) {
    let hash = createHash(digest.name).update(diversifier).update(input).digest()
    for (let i = 1; i < iterations; i++) hash = createHash(digest.name).update(hash).digest()
    parts.push(hash)
    const addend = repeated(hash, blockBytes)
    for (let at = 0; at < input.length; at += blockBytes) {
      addOneMore(input.subarray(at, at + blockBytes), addend)
    }
  }
  return Buffer.concat(parts).subarray(0, bytes)
}

/** Repeated up to a whole number of blocks. */
function stretched(text: Buffer, blockBytes: number): Buffer {
  return repeated(text, blockBytes * Math.ceil(text.length / blockBytes))
}

function repeated(text: Buffer, bytes: number): Buffer {
  return bytes === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes, text)
}

/** `block` becomes block + addend + 1, as big-endian numbers of the same size. */
function addOneMore(block: Buffer, addend: Buffer): void {
  let carry = 1
  for (let i = block.length - 1; i >= 0; i--) {
    const sum = (block[i] ?? 0) + (addend[i] ?? 0) + carry
    block[i] = sum & 0xff
    carry = sum >> 8
  }
}

function assertIterations(iterations: number): void {
  if (iterations >= 1 && iterations <= MOST_ITERATIONS) return
  throw new UnknownMethodError(`${iterations} iterations`)
}

export function bytesOf(text: OctetString): Buffer {
  return Buffer.from(text.buffer)
}
