import { createHash } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import { PosternError } from '../platform/errors.ts'
import { Secret } from '../platform/secret.ts'

/** Where a sealed value belongs. A value moved to another place does not open. */
export interface SealedPlace {
  readonly table: string
  readonly column: string
  readonly row: string
}

/** Seals single columns as JWE (RFC 7516): `dir`, A256GCM, key id and place in the protected header. */
export interface KeyRing {
  /** Names the master key without giving it away: first 16 hex digits of its SHA-256. */
  readonly keyId: string
  seal(value: Secret, place: SealedPlace): Promise<string>
  /** Throws `secret_unreadable` when another master key sealed it, or it was moved or damaged. */
  open(sealed: string, place: SealedPlace): Promise<Secret>
  /** Whether this master key sealed it; looks at the header only. */
  canOpen(sealed: string): boolean
}

export const MASTER_KEY_BYTES = 32

export function createKeyRing(masterKey: Buffer): KeyRing {
  if (masterKey.length !== MASTER_KEY_BYTES) {
    throw new PosternError(
      `The master key has ${masterKey.length} bytes; it must have exactly ${MASTER_KEY_BYTES}.`,
      { kind: 'invalid', code: 'master_key_invalid' },
    )
  }
  const key = new Uint8Array(masterKey)
  const keyId = createHash('sha256').update(masterKey).digest('hex').slice(0, 16)

  return {
    keyId,
    async seal(value, place) {
      return await new CompactEncrypt(new TextEncoder().encode(value.reveal()))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: keyId, place: placeName(place) })
        .encrypt(key)
    },
    async open(sealed, place) {
      const header = headerOf(sealed)
      if (header?.['kid'] !== keyId) throw unreadable('it was sealed with another master key')
      if (header['place'] !== placeName(place)) throw unreadable('it belongs to another row')
      try {
        const { plaintext } = await compactDecrypt(sealed, key, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        })
        return new Secret(new TextDecoder().decode(plaintext))
      } catch (cause) {
        throw unreadable('it is damaged', cause)
      }
    },
    canOpen: (sealed) => headerOf(sealed)?.['kid'] === keyId,
  }
}

function placeName({ table, column, row }: SealedPlace): string {
  return `${table}.${column}:${row}`
}

function headerOf(sealed: string): Record<string, unknown> | undefined {
  try {
    return { ...decodeProtectedHeader(sealed) }
  } catch {
    return undefined
  }
}

function unreadable(why: string, cause?: unknown): PosternError {
  return new PosternError(
    `A stored secret cannot be opened: ${why}. Start Postern with the master key that sealed it, or enter the secret again.`,
    { kind: 'unavailable', code: 'secret_unreadable', cause },
  )
}
