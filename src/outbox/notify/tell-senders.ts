import type { Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { EventBus } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profile, Profiles } from '../../profiles/index.ts'
import { diagnosisContext } from '../../verification/index.ts'
import type { MessageDetail } from '../message.ts'
import type { OutboxEvents } from '../outbox.ts'
import { CHUNK_BYTES, type OutboxStore } from '../outbox-store.ts'
import { reasonForSilence } from './bounce-policy.ts'
import { composeDeliveryStatus, type StatusFacts } from './delivery-status.ts'
import { readHead } from './message-head.ts'
import { notification } from './own-draft.ts'

/** They are marked together, in one commit. */
const AT_ONCE = 20

/** Tells the senders of failed messages, where a delivery status notification is wanted. */
export function createSenderNotices(deps: {
  store: Pick<OutboxStore, 'unbounced' | 'bounce' | 'readChunk'>
  profiles: Pick<Profiles, 'find'>
  clock: Clock
  log: Logger
  events: EventBus<OutboxEvents>
  version: string
  hostname: string
}): { tellAll(signal: AbortSignal): Promise<void> } {
  const { store, profiles, clock, log, events, version, hostname } = deps

  async function tell(detail: MessageDetail): Promise<void> {
    const { id, profileId } = detail.message
    const composed = await compose(detail)
    if ('reason' in composed) {
      await store.bounce({ messageId: id, now: clock.now(), bounce: null })
      log.info({ id, profileId, reason: composed.reason }, 'no delivery status notification')
      return
    }
    const { bounce } = composed
    const notificationId = bounce.message.id
    await store.bounce({ messageId: id, now: bounce.message.acceptedAt, bounce })
    log.info({ id, profileId, notificationId }, 'delivery status notification accepted')
    events.emit('message.accepted', { id: notificationId, profileId, source: 'bounce' })
  }

  async function compose(
    detail: MessageDetail,
  ): Promise<{ bounce: ReturnType<typeof notification> } | { reason: string }> {
    const { message } = detail
    const start = message.hasBody ? await store.readChunk(message.id, 0) : undefined
    const reason = reasonForSilence(detail, start === undefined ? null : readHead(start))
    if (reason !== undefined || message.bounceTo === null) return { reason: reason ?? 'nobody' }
    const profile = profiles.find(message.profileId)
    if (profile === undefined) return { reason: 'its profile is gone' }
    if (profile.senderEmailAddress === '') return { reason: 'its profile has no sender' }
    try {
      return { bounce: composeWith(profile, detail, message.bounceTo, start) }
    } catch (error) {
      // One message that cannot be told must not keep the others from being told.
      log.error({ id: message.id, err: error }, messageOf(error))
      return { reason: 'it could not be written' }
    }
  }

  function composeWith(
    profile: Profile,
    detail: MessageDetail,
    to: string,
    start: Uint8Array | undefined,
  ) {
    const now = clock.now()
    const id = newId()
    const context = diagnosisContext(profile, { now })
    const returned = start === undefined ? null : returnedOf(detail, start)
    const facts = { detail, to, returned, profile, context, hostname, version, id, now }
    const mail = composeDeliveryStatus(facts)
    return notification(profile, { ...mail, id, source: 'bounce' }, now)
  }

  return {
    async tellAll(signal) {
      for (;;) {
        const failed = signal.aborted ? [] : await store.unbounced(AT_ONCE)
        if (failed.length === 0) return
        const told = await Promise.allSettled(failed.map(tell))
        for (const each of told) if (each.status === 'rejected') throw each.reason
      }
    },
  }
}

/** RFC 3461 §4.3: RET=FULL is a wish; a big message comes back as its header. */
function returnedOf({ message }: MessageDetail, start: Uint8Array): StatusFacts['returned'] {
  const isWhole = message.sizeBytes <= CHUNK_BYTES && message.sizeBytes === start.byteLength
  if (message.envelope.ret === 'FULL' && isWhole) {
    return { kind: 'message', bytes: Buffer.from(start) }
  }
  return { kind: 'headers', bytes: readHead(start).bytes }
}
