import type { Outcome } from '../diagnosis/index.ts'
import { checkClaims } from '../entra/index.ts'
import type { Profile } from '../profiles/index.ts'
import { acquireByAny, acquireByFallback, KNOWN_END } from './fallback.ts'
import {
  expectation,
  type Login,
  type MailAccessDeps,
  missingSettings,
  openStored,
  plainLogin,
  provenEnd,
  type TokenWish,
  tokenLogin,
} from './mail-access.ts'

/** Turns a profile into a login, or into the failure that stands in its way. */
export async function openLogin(
  deps: MailAccessDeps,
  profile: Profile,
  wish: TokenWish,
): Promise<Outcome<Login>> {
  const { authentication } = profile
  const incomplete = missingSettings(profile)
  if (incomplete !== undefined) return { ok: false, failure: incomplete }
  const opened = await openStored(deps.profiles, profile)
  if (!opened.ok) return opened
  const credential = opened.value
  if (
    authentication.type !== 'exchangeOnline' ||
    credential === null ||
    credential.type === 'password'
  ) {
    return { ok: true, value: plainLogin(profile, credential) }
  }
  const question = { profile, authentication, credential, wish }
  const ended = wish.patient ? undefined : provenEnd(profile)
  const outcome =
    ended === undefined
      ? (await acquireByAny(deps, question)).outcome
      : ((await acquireByFallback(deps, { ...question, refused: KNOWN_END })) ?? {
          ok: false,
          failure: ended,
        })
  if (!outcome.ok) return outcome
  const { claims } = outcome.value
  const wrong = checkClaims(claims, { ...expectation(authentication), now: deps.clock.now() })
  if (wrong !== undefined) return { ok: false, failure: wrong }
  return { ok: true, value: tokenLogin(profile, outcome) }
}
