import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { parseInstant } from '../../platform/clock.ts'

const nullableText = Type.Optional(Type.Union([Type.String(), Type.Null()]))

/** https://learn.microsoft.com/graph/api/resources/passwordcredential */
const PasswordBody = Type.Object({
  keyId: Type.String({ minLength: 1 }),
  displayName: nullableText,
  hint: nullableText,
  startDateTime: nullableText,
  endDateTime: nullableText,
})

/** https://learn.microsoft.com/graph/api/resources/keycredential */
const KeyBody = Type.Object({
  keyId: Type.String({ minLength: 1 }),
  displayName: nullableText,
  customKeyIdentifier: nullableText,
  key: nullableText,
  type: nullableText,
  usage: nullableText,
  startDateTime: nullableText,
  endDateTime: nullableText,
})
type KeyBody = Static<typeof KeyBody>

const ApplicationBody = Type.Object({
  id: Type.String({ minLength: 1 }),
  appId: Type.String({ minLength: 1 }),
  displayName: nullableText,
  passwordCredentials: Type.Array(PasswordBody),
  keyCredentials: Type.Array(KeyBody),
})

/** The application's registration. */
export interface GraphApplication {
  readonly objectId: string
  readonly clientId: string
  readonly displayName: string
  readonly passwordCredentials: readonly PasswordCredential[]
  readonly keyCredentials: readonly KeyCredential[]
}

/** A client secret, without its value. */
export interface PasswordCredential {
  readonly type: 'password'
  /** The portal's "Secret ID". */
  readonly keyId: string
  readonly displayName: string
  /** The value's first characters, usually three; empty when Graph shows none. */
  readonly hint: string
  /** Epoch milliseconds; null when Graph shows none. */
  readonly startsAt: number | null
  readonly endsAt: number | null
}

/** A certificate. */
export interface KeyCredential {
  readonly type: 'certificate'
  readonly keyId: string
  readonly displayName: string
  /** Upper-case hex, as a rule of SHA-1; empty when Graph shows none. */
  readonly thumbprint: string
  readonly startsAt: number | null
  readonly endsAt: number | null
}

/** Undefined when the body is not an application. */
export function readApplicationBody(body: unknown): GraphApplication | undefined {
  if (!Value.Check(ApplicationBody, body)) return undefined
  const passwordCredentials = body.passwordCredentials.map(toPasswordCredential)
  const keyCredentials = body.keyCredentials.map(toKeyCredential)
  return {
    objectId: body.id,
    clientId: body.appId,
    displayName: body.displayName ?? '',
    passwordCredentials,
    keyCredentials,
  }
}

export function readPasswordBody(body: unknown): PasswordCredential | undefined {
  return Value.Check(PasswordBody, body) ? toPasswordCredential(body) : undefined
}

export function readKeyBody(body: unknown): KeyCredential | undefined {
  return Value.Check(KeyBody, body) ? toKeyCredential(body) : undefined
}

function toPasswordCredential(body: Static<typeof PasswordBody>): PasswordCredential {
  return {
    type: 'password',
    keyId: body.keyId,
    displayName: body.displayName ?? '',
    hint: body.hint ?? '',
    startsAt: instantOf(body.startDateTime),
    endsAt: instantOf(body.endDateTime),
  }
}

function toKeyCredential(body: KeyBody): KeyCredential {
  return {
    type: 'certificate',
    keyId: body.keyId,
    displayName: body.displayName ?? '',
    thumbprint: thumbprintOf(body),
    startsAt: instantOf(body.startDateTime),
    endsAt: instantOf(body.endDateTime),
  }
}

/** UTC with zero to seven decimals. */
function instantOf(text: string | null | undefined): number | null {
  return parseInstant(text ?? '') ?? null
}

/**
 * From the public bytes where Graph shows them, else from customKeyIdentifier, which the documentation calls base64
 * and the live service writes as 40 hex digits.
 */
function thumbprintOf({ key, customKeyIdentifier }: KeyBody): string {
  if (key) return createHash('sha1').update(Buffer.from(key, 'base64')).digest('hex').toUpperCase()
  const text = customKeyIdentifier ?? ''
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(text)) return text.toUpperCase()
  return Buffer.from(text, 'base64').toString('hex').toUpperCase()
}
