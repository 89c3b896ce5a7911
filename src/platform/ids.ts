import { randomBytes, randomUUID } from 'node:crypto'

/** A random identifier (UUID version 4, RFC 9562 §5.4). */
export function newId(): string {
  return randomUUID()
}

/** `bytes` random bytes in base64url without padding. */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}
