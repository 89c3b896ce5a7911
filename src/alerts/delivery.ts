import { messageOf } from '../platform/errors.ts'
import type { Profile, Profiles } from '../profiles/index.ts'
import type { AlertMailer } from './alerts.ts'
import type { Attempt } from './life.ts'
import { composeAlertMail } from './mail.ts'
import type { MailPath } from './mail-path.ts'
import { beliefOf, type Notification, type StoredAlert, sameAddress } from './stored-alert.ts'

export interface Delivery {
  /** Whom the mail is for now; undefined when nobody is to get it any more. */
  addressOf(alert: StoredAlert, notification: Notification): string | undefined
  /** One try over the paths that work. Rejects only when the signal is aborted. */
  send(
    alert: StoredAlert,
    notification: Notification,
    facts: { now: number; signal: AbortSignal },
  ): Promise<Attempt>
}

export function createDelivery(deps: {
  profiles: Pick<Profiles, 'list' | 'find'>
  path: MailPath
  mailer: AlertMailer
  publicUrl: string | null
  version: string
}): Delivery {
  const { profiles, path, mailer, publicUrl, version } = deps

  return {
    addressOf(alert, { reason, recipient }) {
      // Whoever was told of the problem is told of its end, whatever the settings say now.
      if (reason === 'resolved' && beliefOf(alert, recipient) === 'open') return recipient
      const current = path.recipientsFor(alert.profileId)
      if (alert.profileId !== null) return current[0]
      return current.find((address) => sameAddress(address, recipient))
    },
    async send(alert, notification, { now, signal }) {
      const carriers = path.carriersFor(alert, notification.recipient)
      let error = `No working profile can carry a mail to ${notification.recipient} now; it is sent as soon as one works.`
      for (const carrier of carriers) {
        const result = await trySend(carrier, alert, notification, now, signal)
        if (result === undefined) return { ok: true, by: carrier.id }
        error = `Through the profile ${carrier.id}: ${result}`
      }
      return { ok: false, error }
    },
  }

  /** Resolves with why it failed, or undefined. */
  async function trySend(
    carrier: Profile,
    alert: StoredAlert,
    notification: Notification,
    now: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const own = alert.profileId === null ? undefined : profiles.find(alert.profileId)
    const { subjectPrefix } = own ?? carrier
    const mail = composeAlertMail({
      alert,
      notification,
      carrier,
      subjectPrefix,
      publicUrl,
      version,
      now,
    })
    try {
      const result = await mailer.send(carrier.id, mail, signal)
      return result.ok ? undefined : `${result.diagnosis.summary} ${result.diagnosis.remedy}`
    } catch (error) {
      signal.throwIfAborted()
      return messageOf(error)
    }
  }
}
