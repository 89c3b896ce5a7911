import type {
  DiagnosisContext,
  Failure,
  GraphEvidence,
  Outcome,
  SettingsFailure,
} from '../diagnosis/index.ts'
import {
  type ClientCredential,
  checkClaims,
  type TokenOutcome,
  type TokenSource,
} from '../entra/index.ts'
import { type Clock, toIsoDay } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import {
  type ExchangeOnlineAuthentication,
  mailboxOf,
  type OpenedCredential,
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
  /** Told when a wait for the turn at Entra begins; what it returns is called at its end. */
  onWait?: (() => () => void) | undefined
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

/** What stands in the way of a credential, by the code of its refusal. */
const PROBLEMS: ReadonlyMap<string, SettingsFailure['problem']> = new Map([
  ['secret_unreadable', 'secret_unreadable'],
  ['custom_cloud_not_allowed', 'incomplete'],
])

/** The active credential; null for profiles without authentication. */
export async function openStored(
  profiles: Pick<Profiles, 'openCredential'>,
  profile: Profile,
): Promise<Outcome<OpenedCredential | null>> {
  const { type } = profile.authentication
  if (type === 'none') return { ok: true, value: null }
  try {
    const opened = await profiles.openCredential(profile)
    if (opened !== undefined) return { ok: true, value: opened }
    const missing = { source: 'settings', problem: 'incomplete' } as const
    const what = type === 'basic' ? 'password' : 'client secret or certificate'
    const detail = `the ${what} is missing.`
    return { ok: false, failure: { ...missing, detail } }
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    const problem = PROBLEMS.get(error.code)
    if (problem === undefined) throw error
    return { ok: false, failure: { source: 'settings', problem, detail: error.message } }
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
  request: TokenWish & {
    authentication: ExchangeOnlineAuthentication
    credential: ClientCredential
  },
): Promise<TokenOutcome> {
  const { tokens, clock } = deps
  const { authentication, credential, fresh, patient, signal, onWait } = request
  const { cloud, tenantId, clientId } = authentication
  const wanted = { cloud, tenantId, clientId, credential }
  const options = { patient, signal, onWait }
  if (fresh === 'always') return tokens.acquire(wanted, { ...options, fresh: true })
  const first = await tokens.acquire(wanted, options)
  if (!first.ok || !first.trace.fromCache) return first
  const now = clock.now()
  const age = now - first.value.obtainedAt
  const tooOld = fresh === 'recent' && (age < 0 || age > RECENT_MS)
  const lacking = checkClaims(first.value.claims, { ...expectation(authentication), now })
  if (!tooOld && lacking === undefined) return first
  // A good one is not worth a wait behind others that are refused; the next one will be younger.
  return tokens.acquire(wanted, { ...options, fresh: lacking === undefined ? 'unlessPaced' : true })
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

export function plainLogin(profile: Profile, credential: OpenedCredential | null): Login {
  const { authentication } = profile
  return {
    authentication:
      authentication.type === 'basic' && credential?.type === 'password'
        ? { type: 'login', username: authentication.username, password: credential.value }
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

/**
 * When what now fails last worked. A login proves nothing about the mailbox permission, so what fails behind it needs a
 * delivery as proof; and nothing about a credential that is newer.
 */
export function provenAt(
  failure: Failure,
  { lastDeliveredAt, lastSucceededAt }: Proof,
  { credential }: Pick<Profile, 'credential'>,
): number | null {
  const isBehindLogin =
    failure.source === 'smtp' && ['mail', 'rcpt', 'data', 'message'].includes(failure.step)
  if (isBehindLogin) return lastDeliveredAt
  const isOlder = (lastSucceededAt ?? 0) < (credential?.createdAt ?? 0)
  return failure.source === 'entra' && isOlder ? null : lastSucceededAt
}

/** The operator's own values, for the words of a diagnosis. */
export function diagnosisContext(
  profile: Profile,
  facts: {
    now: number
    servicePrincipalObjectId?: string | null | undefined
    /** When these settings last did what now failed: since then nothing of them can still be spreading. */
    provenAt?: number | null | undefined
    /** The stored secret has the form of a Secret ID. */
    secretLooksLikeId?: boolean | undefined
    /** What Graph lists, where it was asked. */
    graph?: GraphEvidence | undefined
  },
): DiagnosisContext {
  const { authentication, server } = profile
  const entra = authentication.type === 'exchangeOnline' ? authentication : undefined
  const { provenAt = null, graph } = facts
  const isProven = provenAt !== null && provenAt >= profile.updatedAt
  // A credential on trial is newer than the settings.
  const changedAt = Math.max(profile.updatedAt, profile.credential?.createdAt ?? 0)
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
    changedAt: isProven ? null : changedAt,
    workedUntil: isProven ? provenAt : null,
    secretLooksLikeId: facts.secretLooksLikeId ?? false,
    ...(graph !== undefined && { graph }),
    now: facts.now,
  }
}
