import { type Diagnosis, diagnose, type Failure } from '../diagnosis/index.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile } from '../profiles/index.ts'
import type { MailMessage, SmtpClient, SubmissionReceipt } from '../smtp/index.ts'
import {
  diagnosisContext,
  isTokenRefused,
  type Login,
  type MailAccessDeps,
  type Proof,
  provenAt,
} from './mail-access.ts'
import { openLogin } from './open-login.ts'
import type { VerificationEvents } from './verification.ts'

export type MailResult =
  | { readonly ok: true; readonly receipt: SubmissionReceipt }
  | { readonly ok: false; readonly diagnosis: Diagnosis }

/** A mail of Postern's own. */
export interface OwnMail extends MailMessage {
  /** The same key is the same mail: asked for again within 24 hours, it is not sent a second time. */
  readonly idempotencyKey?: string
}

/** Sends Postern's own mail (test emails, alerts) through a profile. */
export interface ProfileMailer {
  /**
   * One try. Throws profile_not_found; own_mail_not_sent and own_mail_unanswered when there is no answer in time; and
   * rejects when the signal is aborted.
   */
  send(profileId: string, message: OwnMail, signal?: AbortSignal): Promise<MailResult>
}

export interface ProfileMailerDeps extends MailAccessDeps {
  smtp: SmtpClient
  events: EventBus<VerificationEvents>
  /** What the profile has done before; verification knows. */
  proofOf: (profileId: string) => Proof
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

  function failed(profile: Profile, failure: Failure, login: Login | null): MailResult {
    const { servicePrincipalObjectId = null } = login ?? {}
    const context = diagnosisContext(profile, {
      now: clock.now(),
      servicePrincipalObjectId,
      provenAt: provenAt(failure, deps.proofOf(profile.id)),
    })
    return { ok: false, diagnosis: diagnose(failure, context) }
  }
}
