import type { Diagnosis } from '../diagnosis/index.ts'
import { type Clock, SECOND_MS } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { VerificationEvents } from '../verification/index.ts'
import type { Hold, StoredMessage } from './message.ts'
import type { OutboxEvents } from './outbox.ts'

type Told = Pick<StoredMessage, 'id' | 'profileId' | 'source'>

/** Every business event of the feature: its log line and its news. Lines hold ids, never addresses or subjects. */
export interface OutboxNews {
  accepted(message: Told & { sizeBytes: number }): void
  /** The server has taken a message, or a part of its recipients. */
  delivered(message: Told, facts: { recipients: number; durationMs: number }): void
  deferred(message: Told, diagnosis: Diagnosis, nextAttemptAt: number): void
  /** The message has come to its end. */
  finished(
    message: Told & Pick<StoredMessage, 'acceptedAt'>,
    outcome: 'delivered' | 'failed' | 'cancelled',
    diagnosis: Diagnosis | null,
  ): void
  held(hold: Hold, waiting: number): void
  released(profileId: string, sender: string, at: number): void
  dayUsedUp(profileId: string, recipientsPerDay: number, until: number): void
  /** The numbers of these profiles have changed; told at most once a second. */
  changed(profileIds: readonly string[]): void
}

export interface OutboxNewsDeps {
  events: EventBus<OutboxEvents & VerificationEvents>
  log: Logger
  clock: Clock
  monotonicMs: () => number
  signal: AbortSignal
}

export function createOutboxNews(deps: OutboxNewsDeps): OutboxNews {
  const { events, log, clock, monotonicMs, signal } = deps
  /** Profiles whose change waits for the end of the second. */
  const changed = new Set<string>()
  let isQuiet = true
  const deliveredAt = new Map<string, number>()

  function tell(): void {
    for (const profileId of changed) events.emit('outbox.changed', { profileId })
    changed.clear()
  }

  async function tellEachSecond(): Promise<void> {
    isQuiet = false
    while (changed.size > 0) {
      tell()
      await clock.sleep(SECOND_MS, signal)
    }
    isQuiet = true
  }

  return {
    accepted({ id, profileId, source, sizeBytes }) {
      log.debug({ id, profileId, source, sizeBytes }, 'message accepted')
      events.emit('message.accepted', { id, profileId, source })
    },
    delivered({ id, profileId, source }, { recipients, durationMs }) {
      log.info({ id, profileId, source, recipients, durationMs }, 'message delivered')
      // It is written down as the health of the profile: once a second says it all.
      const now = monotonicMs()
      if (now - (deliveredAt.get(profileId) ?? Number.NEGATIVE_INFINITY) < SECOND_MS) return
      deliveredAt.set(profileId, now)
      events.emit('message.delivered', { profileId, at: clock.now() })
    },
    deferred({ id, profileId, source }, diagnosis, nextAttemptAt) {
      const waitMs = nextAttemptAt - clock.now()
      log.info({ id, profileId, source, waitMs, diagnosis: diagnosis.code }, 'message deferred')
      events.emit('message.deferred', { id, profileId, diagnosis })
    },
    finished({ id, profileId, source, acceptedAt }, outcome, diagnosis) {
      if (outcome === 'failed') {
        log.warn({ id, profileId, source, diagnosis: diagnosis?.code }, 'message failed')
        events.emit('message.failed', { id, profileId, source, diagnosis })
      }
      const finishedAt = clock.now()
      const facts = { id, profileId, source, outcome, acceptedAt, finishedAt }
      events.emit('message.finished', facts)
    },
    held(hold, waiting) {
      const { profileId, sender, diagnosis } = hold
      const scope = sender === '' ? 'profile' : 'sender'
      log.warn({ profileId, scope, waiting, diagnosis: diagnosis.code }, 'mail is held')
      events.emit('outbox.held', { hold, waiting })
    },
    released(profileId, sender, at) {
      log.info({ profileId, scope: sender === '' ? 'profile' : 'sender' }, 'mail is released')
      events.emit('outbox.released', { profileId, sender, at })
    },
    dayUsedUp(profileId, recipientsPerDay, until) {
      log.warn({ profileId, recipientsPerDay }, 'recipients of the day are used up')
      events.emit('outbox.day_used_up', { profileId, recipientsPerDay, until })
    },
    changed(profileIds) {
      for (const profileId of profileIds) changed.add(profileId)
      if (!isQuiet || signal.aborted) return
      // It ends only by being stopped.
      tellEachSecond().catch(() => {})
    },
  }
}
