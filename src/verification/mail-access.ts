import type { DiagnosisContext, Failure, Outcome, SettingsFailure } from '../diagnosis/index.ts'
import { checkClaims, type TokenOutcome, type TokenSource } from '../entra/index.ts'
import { type Clock, toIsoDay } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Secret } from '../platform/secret.ts'
import {
  type ExchangeOnlineAuthentication,
  mailboxOf,
  type Profile,
  type Profiles,
} from '../profiles/index.ts'
import type { SmtpAuthentication } from '../smtp/index.ts'

export interface MailAccessDeps {
  profiles: Profiles
  tokens: TokenSource
  clock: Clock
}

export interface TokenWish {
  /** always: ask Entra now; recent: a token of the last minute will do; any: a remembered one will do. */
  fresh: 'always' | 'recent' | 'any'
  /** Wait for a short cool-down of the token source instead of repeating the last refusal. */
  patient: boolean
  signal?: AbortSignal | undefined
}

/** What the SMTP client needs to log in as the profile. */
export interface Login {
  readonly authentication: SmtpAuthentication
  /** Object ID of the enterprise application, from the token. */
  readonly servicePrincipalObjectId: string | null
  /** The token was remembered, so Microsoft may have changed its mind since. */
  readonly fromCache: boolean
}

/** Many profiles may share one application: within a sweep one question to Entra answers for all of them. */
const RECENT_MS = 60_000

/** Turns a profile into a login, or into the failure that stands in its way. */
export async function openLogin(
  deps: MailAccessDeps,
  profile: Profile,
  wish: TokenWish,
): Promise<Outcome<Login>> {
  const { authentication } = profile
  const incomplete = missingSettings(profile)
  if (incomplete !== undefined) return { ok: false, failure: incomplete }
  const ended = provenEnd(profile)
  if (ended !== undefined && !wish.patient) return { ok: false, failure: ended }
  const secret = await openSecret(deps.profiles, profile)
  if (!secret.ok) return secret
  if (authentication.type !== 'exchangeOnline' || secret.value === null) {
    return { ok: true, value: plainLogin(profile, secret.value) }
  }
  const outcome = await acquireToken(deps, { authentication, secret: secret.value, ...wish })
  if (!outcome.ok) return outcome
  const { claims } = outcome.value
  const wrong = checkClaims(claims, { ...expectation(authentication), now: deps.clock.now() })
  if (wrong !== undefined) return { ok: false, failure: wrong }
  return { ok: true, value: tokenLogin(profile, outcome) }
}

/**
 * What no input can lack, but a damaged row can. Node.js would take an empty host for this machine, and the secret
 * would go there.
 */
export function missingSettings(profile: Profile): SettingsFailure | undefined {
  const missing = [
    ...(profile.server.host === '' ? ['the server host'] : []),
    ...(profile.senderEmailAddress === '' ? ['the sender email address'] : []),
  ]
  if (missing.length === 0) return undefined
  const detail = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`
  return { source: 'settings', problem: 'incomplete', detail }
}

/** The stored secret; null for profiles without authentication. */
export async function openSecret(
  profiles: Profiles,
  profile: Profile,
): Promise<Outcome<Secret | null>> {
  const { type } = profile.authentication
  if (type === 'none') return { ok: true, value: null }
  const missing = type === 'basic' ? 'the password is missing.' : 'the client secret is missing.'
  try {
    const secret = await profiles.secretOf(profile)
    if (secret !== undefined) return { ok: true, value: secret }
    return { ok: false, failure: { source: 'settings', problem: 'incomplete', detail: missing } }
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'secret_unreadable') throw error
    const failure = { source: 'settings', problem: 'secret_unreadable' } as const
    return { ok: false, failure: { ...failure, detail: error.message } }
  }
}

/**
 * An end that Entra itself has stated: asking again by itself only adds to its count of failed requests. When a person
 * asks, Entra is asked.
 */
export function provenEnd(profile: Profile): SettingsFailure | undefined {
  const { credential } = profile
  if (credential?.expirySource !== 'proven' || credential.expiresAt === null) return undefined
  return endedOn(credential.expiresAt)
}

export function endedOn(at: number): SettingsFailure {
  return { source: 'settings', problem: 'credential_ended', detail: toIsoDay(at) }
}

/** Asks for a token; a remembered one that is too old for the wish, or lacks a right, is replaced by a new one. */
export async function acquireToken(
  deps: Pick<MailAccessDeps, 'tokens' | 'clock'>,
  request: TokenWish & { authentication: ExchangeOnlineAuthentication; secret: Secret },
): Promise<TokenOutcome> {
  const { tokens, clock } = deps
  const { authentication, secret, fresh, patient, signal } = request
  const { cloud, tenantId, clientId } = authentication
  const wanted = { cloud, tenantId, clientId, clientSecret: secret }
  if (fresh === 'always') return tokens.acquire(wanted, { fresh: true, patient, signal })
  const first = await tokens.acquire(wanted, { patient, signal })
  if (!first.ok || !first.trace.fromCache) return first
  const now = clock.now()
  const age = now - first.value.obtainedAt
  const tooOld = fresh === 'recent' && (age < 0 || age > RECENT_MS)
  const lacking = checkClaims(first.value.claims, { ...expectation(authentication), now })
  if (!tooOld && lacking === undefined) return first
  return tokens.acquire(wanted, { fresh: true, patient, signal })
}

export function expectation(authentication: ExchangeOnlineAuthentication) {
  const { cloud, clientId, tenantId, applicationRbac } = authentication
  return { audiences: cloud.audiences, clientId, tenantId, applicationRbac }
}

export function tokenLogin(profile: Profile, outcome: Extract<TokenOutcome, { ok: true }>): Login {
  const { value, claims } = outcome.value
  return {
    authentication: { type: 'xoauth2', username: mailboxOf(profile), token: value },
    servicePrincipalObjectId: claims.oid ?? null,
    fromCache: outcome.trace.fromCache,
  }
}

export function plainLogin(profile: Profile, secret: Secret | null): Login {
  const { authentication } = profile
  return {
    authentication:
      authentication.type === 'basic' && secret !== null
        ? { type: 'login', username: authentication.username, password: secret }
        : { type: 'none' },
    servicePrincipalObjectId: null,
    fromCache: false,
  }
}

/**
 * 535 5.7.3 says that Exchange Online did not take the token. When the token was a remembered one, a right may have
 * been granted since it was issued: a new token decides.
 */
export function isTokenRefused(failure: Failure | null): boolean {
  return (
    failure?.source === 'smtp' &&
    failure.step === 'auth' &&
    failure.code === 535 &&
    failure.enhancedCode === '5.7.3'
  )
}

/** When a profile last logged in, and when it last delivered; null: never, or not known. */
export interface Proof {
  readonly lastSucceededAt: number | null
  readonly lastDeliveredAt: number | null
}

export const NO_PROOF: Proof = { lastSucceededAt: null, lastDeliveredAt: null }

/** A login proves nothing about the mailbox permission, so what fails behind it needs a delivery as proof. */
export function provenAt(failure: Failure, proof: Proof): number | null {
  const isBehindLogin =
    failure.source === 'smtp' && ['mail', 'rcpt', 'data', 'message'].includes(failure.step)
  return isBehindLogin ? proof.lastDeliveredAt : proof.lastSucceededAt
}

/** The operator's own values, for the words of a diagnosis. */
export function diagnosisContext(
  profile: Profile,
  facts: {
    now: number
    servicePrincipalObjectId?: string | null | undefined
    /** When these settings last did what now failed: since then nothing of them can still be spreading. */
    provenAt?: number | null | undefined
  },
): DiagnosisContext {
  const { authentication, server } = profile
  const entra = authentication.type === 'exchangeOnline' ? authentication : undefined
  const isProven = (facts.provenAt ?? Number.NEGATIVE_INFINITY) >= profile.updatedAt
  return {
    profileId: profile.id,
    authenticationType: authentication.type,
    cloud: entra?.cloudId ?? null,
    authority: entra?.cloud.authority ?? null,
    tenantId: entra?.tenantId ?? null,
    clientId: entra?.clientId ?? null,
    servicePrincipalObjectId: facts.servicePrincipalObjectId ?? null,
    mailbox: mailboxOf(profile),
    senderEmailAddress: profile.senderEmailAddress,
    smtpHost: server.host,
    smtpPort: server.port,
    applicationRbac: entra?.applicationRbac ?? false,
    changedAt: isProven ? null : profile.updatedAt,
    now: facts.now,
  }
}
