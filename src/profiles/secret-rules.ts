import {
  type ClientCertificateFacts,
  certificateFactsOf,
  checkCertificatePair,
} from '../entra/index.ts'
import { MINUTE_MS, parseEnd, toIso, toIsoDay } from '../platform/clock.ts'
import { Secret } from '../platform/secret.ts'
import type { Findings } from './findings.ts'
import { readGuid } from './identifiers.ts'
import { sealablePair } from './opened-credential.ts'
import { isOneLine } from './text.ts'

/** Entra's own secrets have 32 to 44 characters; a shorter one was cut when it was copied. */
const SHORTEST_CLIENT_SECRET = 16
const LONGEST_CLIENT_SECRET = 1_000
const LONGEST_PASSWORD = 500
const LONGEST_PEM = 100_000
/** A certificate made a moment ago on another machine. */
const TOLERATED_SKEW_MS = 5 * MINUTE_MS
/** Printable ASCII without the blank. */
const SECRET_CHARACTERS = /^[\x21-\x7e]+$/

/** No message here repeats any part of the value. */
export function readClientSecret(
  value: unknown,
  field: string,
  findings: Findings,
): Secret | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  const wrong = (message: string) => {
    findings.problem(field, message)
    return undefined
  }
  if (text === '') {
    return wrong(
      'Client secret is empty: paste its Value, or leave the field out to keep the stored one.',
    )
  }
  if (readGuid(text) !== undefined) {
    return wrong(
      'This looks like the secret’s ID: paste its Value. The portal shows the Value only once, right after the secret is made; if it is gone, make a new secret.',
    )
  }
  if (/\s/.test(text) || !isOneLine(text)) {
    return wrong(
      'Client secret contains a blank or line break: copy its Value again, in one piece.',
    )
  }
  if (/\*{4,}|•|…|\.{3}$/.test(text)) {
    return wrong(
      'This looks like the hidden form in which the portal lists old secrets: make a new secret and copy its Value at once.',
    )
  }
  if (!SECRET_CHARACTERS.test(text)) {
    return wrong(
      'Client secret contains characters that no client secret has: copy its Value again.',
    )
  }
  if (text.length < SHORTEST_CLIENT_SECRET) {
    return wrong(
      `Client secret has only ${text.length} characters, fewer than any that Microsoft makes: copy the whole Value again.`,
    )
  }
  if (text.length > LONGEST_CLIENT_SECRET) {
    return wrong('Client secret is far too long: paste the secret’s Value alone.')
  }
  return new Secret(text)
}

/** Blanks around a password may belong to it, so they stay. */
export function readPassword(
  value: unknown,
  field: string,
  findings: Findings,
): Secret | undefined {
  if (typeof value !== 'string') return undefined
  if (value === '') {
    findings.problem(
      field,
      'Password is empty: enter it, or leave the field out to keep the stored one.',
    )
  } else if (!isOneLine(value)) {
    findings.problem(
      field,
      'Password contains a line break or another control character: enter it again.',
    )
  } else if (value.length > LONGEST_PASSWORD) {
    findings.problem(
      field,
      `Password is too long: at most ${LONGEST_PASSWORD} characters are possible.`,
    )
  } else {
    return new Secret(value)
  }
  return undefined
}

/** A certificate with its private key, ready to be sealed. */
export interface CertificateDraft {
  readonly sealable: Secret
  readonly facts: CertificateFacts
}

/** What a profile keeps of a certificate. */
export type CertificateFacts = Pick<ClientCertificateFacts, 'thumbprint' | 'notBefore' | 'notAfter'>

/**
 * Undefined: both parts left out, or wrong after telling the problem. Its time is left to timeProblem(): one that was
 * stored when it was good may be repeated by the settings file after its end.
 */
export function readCertificatePair(
  given: Readonly<Record<string, unknown>>,
  field: string,
  findings: Findings,
): CertificateDraft | undefined {
  const certificate = given['certificate']
  const privateKey = given['privateKey']
  if (certificate === undefined && privateKey === undefined) return undefined
  if (certificate === undefined) {
    findings.problem(
      `${field}.certificate`,
      'The certificate is missing: enter it together with its private key.',
    )
  }
  if (privateKey === undefined) {
    findings.problem(
      `${field}.privateKey`,
      'The private key is missing: enter it together with its certificate.',
    )
  }
  if (typeof certificate !== 'string' || typeof privateKey !== 'string') return undefined
  if (certificate.length > LONGEST_PEM || privateKey.length > LONGEST_PEM) {
    findings.problem(
      `${field}.certificate`,
      'Certificate or private key is far too long: enter one certificate and its key alone.',
    )
    return undefined
  }
  const facts = certificateFactsOf(certificate)
  const problems = checkCertificatePair({
    certificate,
    privateKey: new Secret(privateKey),
    now: facts?.notBefore ?? 0,
  })
  for (const message of problems) findings.problem(`${field}.certificate`, message)
  if (facts === undefined || problems.length > 0) return undefined
  const { thumbprint, notBefore, notAfter } = facts
  return {
    sealable: sealablePair(certificate, privateKey),
    facts: { thumbprint, notBefore, notAfter },
  }
}

/** Why a new certificate cannot be used at this time. */
export function timeProblem({ notBefore, notAfter }: CertificateFacts, now: number) {
  if (notAfter <= now) {
    return `The certificate ended on ${toIsoDay(notAfter)} (UTC): make a new one, upload it to the app registration and enter it here.`
  }
  if (notBefore > now + TOLERATED_SKEW_MS) {
    return `The certificate is valid only from ${toIso(notBefore)} on: check the clock of this machine, or enter it then.`
  }
  return undefined
}

/**
 * Undefined: not said, or wrong after telling the problem; null: unknown. A day means all of it: the portal shows the
 * day on which a secret ends.
 */
export function readExpiresAt(
  value: unknown,
  field: string,
  findings: Findings,
): number | null | undefined {
  if (value === null) return null
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (text === '') return null
  const at = parseEnd(text)
  if (at === undefined) {
    findings.problem(
      field,
      'The day on which the secret ends must be written as 2027-05-01, or as an instant such as 2027-05-01T09:30:00Z.',
    )
  }
  return at
}
