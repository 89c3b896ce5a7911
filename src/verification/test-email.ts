import { diagnosisSentence } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Profiles } from '../profiles/index.ts'
import type { TestEmailOutcome } from './api.ts'
import type { ProfileMailer } from './profile-mailer.ts'
import { readRecipient } from './recipient.ts'
import type { TestEmailOutcomes } from './test-email-outcomes.ts'
import { composeTestMessage } from './test-message.ts'

export interface TestEmail {
  /**
   * Sends a test email through the profile and waits for the server's answer. Throws test_email_failed with the
   * diagnosis in `details`, recipient_invalid, profile_not_found, or what the mailer throws.
   */
  send(profileId: string, to: string, signal?: AbortSignal): Promise<TestEmailOutcome>
}

export interface TestEmailDeps {
  profiles: Pick<Profiles, 'get'>
  mailer: ProfileMailer
  outcomes: Pick<TestEmailOutcomes, 'record'>
  clock: Clock
  /** Aborted when the agent can wait no longer. */
  stop?: AbortSignal | undefined
  /** Of the agent, named in the mail. */
  version: string
  hostname: string
}

export function createTestEmail(deps: TestEmailDeps): TestEmail {
  const { profiles, mailer, outcomes, clock, version, hostname } = deps

  return {
    async send(profileId, to, signal) {
      const profile = profiles.get(profileId)
      const recipient = readRecipient(to, 'to')
      const startedAt = clock.now()
      const message = composeTestMessage(profile, recipient, {
        now: startedAt,
        agent: { version, hostname },
      })
      const ends = [signal, deps.stop].filter((end) => end !== undefined)
      const result = await mailer.send(profileId, message, AbortSignal.any(ends))
      const diagnosis = result.ok ? null : result.diagnosis
      const reply = result.ok ? result.receipt.reply : null
      await outcomes.record(profileId, { recipient, at: clock.now(), reply, diagnosis })
      if (!result.ok) {
        throw new PosternError(
          `The test email was not sent. ${diagnosisSentence(result.diagnosis)}`,
          {
            kind: 'unavailable',
            code: 'test_email_failed',
            details: { diagnosis: result.diagnosis },
            fields: { profileId, diagnosis: result.diagnosis.code },
          },
        )
      }
      const { messageId, serverMessageId } = result.receipt
      const durationMs = Math.max(0, clock.now() - startedAt)
      return { messageId, serverMessageId, reply: result.receipt.reply, to: recipient, durationMs }
    },
  }
}
