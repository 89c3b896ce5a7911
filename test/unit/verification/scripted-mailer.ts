import { diagnose, type Failure } from '../../../src/diagnosis/index.ts'
import {
  diagnosisContext,
  type MailResult,
  type OwnMail,
  type ProfileMailer,
} from '../../../src/verification/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { OBJECT_ID, profileOf } from './fakes.ts'

export const ACCEPTED_REPLY = '250 2.0.0 OK <m@contoso.com>'

export interface ScriptedMailer extends ProfileMailer {
  readonly sent: { profileId: string; message: OwnMail; signal: AbortSignal | undefined }[]
}

/** Answers by script, mail by mail; what is not in the script fails the test. */
export function scriptedMailer(...script: (MailResult | Error | 'accepted')[]): ScriptedMailer {
  const sent: ScriptedMailer['sent'] = []
  return {
    sent,
    async send(profileId, message, signal) {
      signal?.throwIfAborted()
      sent.push({ profileId, message, signal })
      const next = script.shift()
      if (next === undefined) throw new Error('unexpected: a mail that the script does not know')
      if (next instanceof Error) throw next
      return next === 'accepted' ? ACCEPTED : next
    },
  }
}

const ID = '<m@contoso.com>'
const ACCEPTED: MailResult = {
  ok: true,
  receipt: { reply: ACCEPTED_REPLY, messageId: ID, serverMessageId: ID },
}

/** What a mailer answers when the mail met this failure. */
export function refusedBy(failure: Failure): MailResult {
  const facts = { now: FAKE_NOW, servicePrincipalObjectId: OBJECT_ID }
  const context = diagnosisContext(profileOf('default'), facts)
  return { ok: false, diagnosis: diagnose(failure, context) }
}
