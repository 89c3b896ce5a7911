import type { Diagnosis, Failure } from '../diagnosis/index.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile } from '../profiles/index.ts'
import type { MailMessage, SmtpClient, SubmissionReceipt } from '../smtp/index.ts'
import { type Evidence, judge, looksLikeSecretId } from './evidence.ts'
import {
  isTokenRefused,
  type Login,
  type MailAccessDeps,
  openStored,
  type Proof,
} from './mail-access.ts'
import { openLogin } from './open-login.ts'
import type { VerificationEvents } from './verification.ts'

export type MailResult =
  | { readonly ok: true; readonly receipt: SubmissionReceipt }
  | { readonly ok: false; readonly diagnosis: Diagnosis }

/** Sends Postern's own mail (test emails, alerts) through a profile. */
export interface ProfileMailer {
  /** One try. Throws profile_not_found, and rejects when the signal is aborted. */
  send(profileId: string, message: MailMessage, signal?: AbortSignal): Promise<MailResult>
}

export interface ProfileMailerDeps extends MailAccessDeps {
  smtp: SmtpClient
  events: EventBus<VerificationEvents>
  /** What the profile has done before; verification knows. */
  proofOf: (profileId: string) => Proof
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
  /** Wait for a short cool-down of the token source: right when a person waits for the answer. Default false. */
  patient?: boolean
}

export function createProfileMailer(deps: ProfileMailerDeps): ProfileMailer {
  const { profiles, tokens, smtp, clock, events, patient = false } = deps

  return {
    async send(profileId, message, signal) {
      let profile = profiles.get(profileId)
      let access = await openLogin(deps, profile, { fresh: 'any', patient, signal })
      if (!access.ok) return failed(profile, access.failure, null)
      let login = access.value
      const submit = () =>
        smtp.submit({
          server: profile.server,
          authentication: login.authentication,
          message,
          signal,
        })

      let outcome = await submit()
      if (!outcome.ok && login.fromCache && isTokenRefused(outcome.failure)) {
        dropTokens(profile)
        // The settings may have changed meanwhile, and their secret with them.
        profile = profiles.get(profileId)
        access = await openLogin(deps, profile, { fresh: 'always', patient, signal })
        if (!access.ok) return failed(profile, access.failure, null)
        login = access.value
        outcome = await submit()
      }
      if (!outcome.ok) return failed(profile, outcome.failure, login)
      events.emit('message.delivered', { profileId, at: clock.now() })
      return { ok: true, receipt: outcome.value }
    },
  }

  function dropTokens({ authentication }: Profile): void {
    if (authentication.type !== 'exchangeOnline') return
    tokens.drop(authentication.tenantId, authentication.clientId)
  }

  async function failed(
    profile: Profile,
    failure: Failure,
    login: Login | null,
  ): Promise<MailResult> {
    const diagnosis = judge(deps, failure, {
      profile,
      proof: deps.proofOf(profile.id),
      now: clock.now(),
      servicePrincipalObjectId: login?.servicePrincipalObjectId ?? null,
      secretLooksLikeId: failure.source === 'entra' && (await storesSecretId(profile)),
    })
    return { ok: false, diagnosis }
  }

  async function storesSecretId(profile: Profile): Promise<boolean> {
    if (profiles.find(profile.id)?.credential?.id !== profile.credential?.id) return false
    const opened = await openStored(profiles, profile)
    const credential = opened.ok ? opened.value : null
    return credential?.type === 'clientSecret' && looksLikeSecretId(credential.value.reveal())
  }
}
