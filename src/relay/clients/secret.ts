import { hash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { randomToken } from '../../platform/ids.ts'

/** Lets people and secret scanners recognise a secret of a relay client. */
const PREFIX = 'psr_'
const RANDOM_BYTES = 32
const MADE_HERE = /^psr_[A-Za-z0-9_-]{43}$/
const HINT_LENGTH = 8

export function newSecret(): string {
  return PREFIX + randomToken(RANDOM_BYTES)
}

/**
 * Whether it has the form of newSecret(), and so 256 random bits: nobody guesses it, and a plain hash hides it as well as
 * a slow one would. No chosen password has this form.
 */
export function isUnguessable(secret: string): boolean {
  return MADE_HERE.test(secret)
}

export function hintOf(secret: string): string {
  return secret.slice(0, HINT_LENGTH)
}

/** SHA-256 of a generated secret. */
export function fastHash(secret: string): string {
  return hash('sha256', secret, 'hex')
}

export function matchesFastHash(secret: string, stored: string): boolean {
  return sameBytes(hash('sha256', secret, 'buffer'), Buffer.from(stored, 'hex'))
}

/** 16 MB and about 40 ms on one core, outside the main thread. */
const COST: ScryptOptions = { N: 16_384, r: 8, p: 1 }
const SALT_BYTES = 16
const KEY_BYTES = 32

/** `scrypt$<salt>$<key>` of a chosen password. */
export async function slowHash(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password, salt)
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** What the password of nobody is compared with, so that it takes as long as that of somebody. */
export const NOBODY = `scrypt$${'A'.repeat(22)}$${'A'.repeat(43)}`

export async function matchesSlowHash(password: string, stored: string): Promise<boolean> {
  const [scheme, salt, key] = stored.split('$')
  const isSlow = scheme === 'scrypt' && salt !== undefined && key !== undefined
  const [, ownSalt = '', ownKey = ''] = (isSlow ? stored : NOBODY).split('$')
  const derived = await derive(password, Buffer.from(ownSalt, 'base64url'))
  return sameBytes(derived, Buffer.from(ownKey, 'base64url')) && isSlow && stored !== NOBODY
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Two ways to type the same character are the same password (RFC 8265 §4.2.2).
    scrypt(password.normalize('NFC'), salt, KEY_BYTES, COST, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

function sameBytes(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
