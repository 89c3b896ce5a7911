import type { TokenOutcome } from '../entra/index.ts'
import { MINUTE_MS } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { ExchangeOnlineAuthentication, OpenedCredential, Profile } from '../profiles/index.ts'
import { acquireToken, type MailAccessDeps, type TokenWish } from './mail-access.ts'

/**
 * How long Entra's servers may disagree about a new credential: a secret takes seconds to 2 minutes, a certificate up
 * to 10 minutes until all of them know it.
 */
export const SPREADING_MS = 10 * MINUTE_MS

/** The secret is wrong, it has expired, the certificate is not registered. */
const REFUSALS: readonly number[] = [7000215, 7000222, 700027]
const EXPIRED = 7000222

/** `AADSTS7000215` when Entra refused the credential itself; undefined for everything else. */
function credentialRefusal(outcome: TokenOutcome): string | undefined {
  if (outcome.ok || outcome.failure.source !== 'entra') return undefined
  const [main] = outcome.failure.codes
  return main !== undefined && REFUSALS.includes(main) ? `AADSTS${main}` : undefined
}

export interface ChosenToken {
  readonly outcome: TokenOutcome
  /** Why the former credential had to help out; null when it did not. */
  readonly refused: string | null
}

export interface TokenQuestion {
  profile: Profile
  authentication: ExchangeOnlineAuthentication
  credential: Exclude<OpenedCredential, { type: 'password' }>
  wish: TokenWish
}

/** A token by the active credential or, when Entra refuses that one for good, by the fallback. */
export async function acquireByAny(
  deps: MailAccessDeps,
  question: TokenQuestion,
): Promise<ChosenToken> {
  const { authentication, credential, wish } = question
  const outcome = await acquireToken(deps, { authentication, credential, ...wish })
  const refused = credentialRefusal(outcome)
  if (refused === undefined) return { outcome, refused: null }
  const other = await acquireByFallback(deps, { ...question, refused })
  return other === undefined ? { outcome, refused: null } : { outcome: other, refused }
}

/** Of a credential whose end Entra has stated before: it is not asked again about that one. */
export const KNOWN_END = `AADSTS${EXPIRED}`

/**
 * A token by the fallback, which then takes the place of the refused credential. While a new credential may still be
 * spreading, the fallback helps out and the places stay. Undefined when it cannot help; when Entra refuses it, too, it
 * is not asked about again.
 */
export async function acquireByFallback(
  deps: MailAccessDeps,
  question: Omit<TokenQuestion, 'credential'> & { refused: string },
): Promise<TokenOutcome | undefined> {
  const { profiles, clock } = deps
  const { profile, authentication, wish, refused } = question
  const { id, credential: active } = profile
  const fallback = await openFallback(deps, profile)
  if (active === null || fallback === undefined) return undefined
  const outcome = await acquireToken(deps, { authentication, credential: fallback, ...wish })
  const alsoRefused = credentialRefusal(outcome)
  if (alsoRefused !== undefined) {
    await profiles.recordFallbackRefused(id, fallback.credentialId, alsoRefused)
  }
  if (!outcome.ok) return undefined
  const isSpreading = refused !== KNOWN_END && clock.now() - active.createdAt < SPREADING_MS
  if (!isSpreading) await profiles.useFallback(id, { refusedId: active.id, reason: refused })
  return outcome
}

async function openFallback(
  { profiles }: Pick<MailAccessDeps, 'profiles'>,
  profile: Profile,
): Promise<TokenQuestion['credential'] | undefined> {
  const facts = profiles.credentials(profile.id).find(({ state }) => state === 'fallback')
  if (facts === undefined || facts.refusedAt !== null || !facts.readable) return undefined
  try {
    const opened = await profiles.openCredential(profile, 'fallback')
    return opened === undefined || opened.type === 'password' ? undefined : opened
  } catch (error) {
    if (error instanceof PosternError && error.code === 'secret_unreadable') return undefined
    throw error
  }
}
