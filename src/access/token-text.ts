import { hash, timingSafeEqual } from 'node:crypto'
import { PosternError } from '../platform/errors.ts'
import { randomToken } from '../platform/ids.ts'

/** Lets people and secret scanners recognise a token of Postern. */
const PREFIX = 'pst_'
const RANDOM_BYTES = 32
const MADE_HERE = /^pst_[A-Za-z0-9_-]{43}$/

const SHORTEST_PRESET = 20
const LONGEST_TOKEN = 512
const HINT_LENGTH = 8
/** A preset token may be short, so less of it is shown. */
const PRESET_HINT_LENGTH = 3

export function newToken(): string {
  return PREFIX + randomToken(RANDOM_BYTES)
}

/**
 * Whether the token has the form of newToken(), and so 256 random bits: nobody guesses it, and a plain hash hides it
 * as well as a slow one would. A preset token is whatever somebody typed.
 */
export function isUnguessable(token: string): boolean {
  return MADE_HERE.test(token)
}

/** SHA-256 in hexadecimal: what is stored and looked up instead of the token. */
export function hashOf(token: string): string {
  return hash('sha256', token, 'hex')
}

/** Compares two hashes in constant time. */
export function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')]
  return a.length === b.length && timingSafeEqual(a, b)
}

export function hintOf(token: string): string {
  return token.slice(0, isUnguessable(token) ? HINT_LENGTH : PRESET_HINT_LENGTH)
}

// RFC 9110 §11.1: the scheme's name is case-insensitive. RFC 6750 §2.1: one space, then the token.
const BEARER = /^bearer +([\x21-\x7e]+) *$/i

/** The token of an Authorization header; undefined when there is none or it is of another scheme. */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const token = BEARER.exec(authorization)?.[1]
  return token !== undefined && token.length <= LONGEST_TOKEN ? token : undefined
}

/** Refuses a preset token that could be guessed, or that no HTTP header can carry. */
export function assertUsablePreset(token: string): void {
  if (!/^[\x21-\x7e]*$/.test(token) || token.length > LONGEST_TOKEN) {
    throw new PosternError(
      `POSTERN_ADMIN_TOKEN holds a space, a line break or a character outside ASCII, or more than ${LONGEST_TOKEN} characters: no HTTP client could send it. Set another value.`,
      { kind: 'invalid', code: 'admin_token_invalid' },
    )
  }
  if (token.length < SHORTEST_PRESET) {
    throw new PosternError(
      `POSTERN_ADMIN_TOKEN has ${token.length} characters; it must have at least ${SHORTEST_PRESET}, so that nobody can guess it.`,
      { kind: 'invalid', code: 'admin_token_invalid' },
    )
  }
}
