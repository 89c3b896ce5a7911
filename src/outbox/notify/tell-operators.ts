import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { EventBus } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profile, Profiles } from '../../profiles/index.ts'
import { composeMessage } from '../../smtp/index.ts'
import { diagnosisContext } from '../../verification/index.ts'
import type { OutboxEvents } from '../outbox.ts'
import type { FailedMessage, OutboxStore } from '../outbox-store.ts'
import { composeFailureDigest, MOST_IN_FULL } from './failure-digest.ts'
import type { NotifierEvents } from './notifier.ts'
import { notification, ownEnvelope } from './own-draft.ts'

const EVERY_MS = 15 * MINUTE_MS
/** Messages that one report stands for. */
const MOST_IN_REPORT = 500

/** Tells the error addresses of the profiles which messages failed. */
export function createFailureReports(deps: {
  store: Pick<
    OutboxStore,
    'unreported' | 'failures' | 'unreportedProfiles' | 'lastReportAt' | 'report'
  >
  profiles: Pick<Profiles, 'find'>
  clock: Clock
  log: Logger
  events: EventBus<OutboxEvents & NotifierEvents>
  publicUrl: string | null
  version: string
}): {
  /** Resolves with the next time at which a report is due; undefined: nothing waits to be told. */
  tellAll(signal: AbortSignal): Promise<number | undefined>
} {
  const { store, profiles, clock, log, events, publicUrl, version } = deps

  async function tell(profileId: string): Promise<number | undefined> {
    const profile = profiles.find(profileId)
    const to = profile?.errorEmailAddress ?? null
    if (profile === undefined || to === null) {
      await markUntold(profileId)
      return undefined
    }
    const now = clock.now()
    const last = await store.lastReportAt(profileId)
    // A report "from the future" means that the clock was set back.
    if (last !== null && last <= now && now < last + EVERY_MS) return last + EVERY_MS
    const messageIds = await store.unreported(profileId, MOST_IN_REPORT)
    const count = messageIds.length
    if (count === 0) return undefined
    const told = await store.failures(messageIds.slice(0, MOST_IN_FULL))
    // They were retried, or removed, meanwhile.
    if (told.length === 0) return now
    const report = await compose(profile, to, { told, count })
    if (report === undefined) return now + EVERY_MS
    await store.report({ profileId, messageIds, now, report })
    const { id } = report.message
    log.info({ id, profileId, messages: count }, 'report of failed messages accepted')
    events.emit('message.accepted', { id, profileId, source: 'report' })
    return count === MOST_IN_REPORT ? now + EVERY_MS : undefined
  }

  /** Undefined: the settings of the profile are damaged, so that nothing can be sent with them. */
  async function compose(
    profile: Profile,
    to: string,
    { told, count }: { told: readonly FailedMessage[]; count: number },
  ) {
    const now = clock.now()
    const id = newId()
    try {
      const mail = composeFailureDigest({
        profile,
        errorEmailAddress: to,
        told,
        count,
        hasMore: count === MOST_IN_REPORT,
        context: diagnosisContext(profile, { now }),
        publicUrl,
        version,
        id,
        now,
      })
      const body = await composeMessage(mail)
      const { subject, messageId = null } = mail
      const envelope = ownEnvelope(mail)
      return notification(
        profile,
        { id, source: 'report', envelope, subject, messageId, body },
        now,
      )
    } catch (error) {
      log.error({ profileId: profile.id, err: error }, messageOf(error))
      return undefined
    }
  }

  async function markUntold(profileId: string): Promise<void> {
    let messages = 0
    for (;;) {
      const messageIds = await store.unreported(profileId, MOST_IN_REPORT)
      if (messageIds.length === 0) break
      await store.report({ profileId, messageIds, now: clock.now(), report: null })
      messages += messageIds.length
    }
    if (messages === 0) return
    log.warn({ profileId, messages }, 'messages failed and nobody is to be told')
    events.emit('failures.unreported', { profileId, messages, at: clock.now() })
  }

  return {
    async tellAll(signal) {
      let next: number | undefined
      for (const profileId of await store.unreportedProfiles()) {
        if (signal.aborted) return undefined
        const due = await tell(profileId)
        if (due !== undefined) next = Math.min(due, next ?? due)
      }
      return next
    },
  }
}
