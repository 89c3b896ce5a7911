import type { Diagnosis } from '../diagnosis/index.ts'
import type { MailMessage, SubmissionReceipt } from '../smtp/index.ts'

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
