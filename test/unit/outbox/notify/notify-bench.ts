import type { Diagnosis } from '../../../../src/diagnosis/index.ts'
import type {
  Attempt,
  MessageDetail,
  StoredMessage,
  StoredRecipient,
} from '../../../../src/outbox/message.ts'
import {
  createNotifier,
  type Notifier,
  type NotifierDeps,
  type NotifierEvents,
} from '../../../../src/outbox/notify/notifier.ts'
import type { OutboxEvents } from '../../../../src/outbox/outbox.ts'
import {
  type FailedMessage,
  type NewMessage,
  RECIPIENTS_TOLD,
} from '../../../../src/outbox/outbox-store.ts'
import { createEventBus, type EventBus } from '../../../../src/platform/events.ts'
import { createLogger } from '../../../../src/platform/logger.ts'
import type { Profile } from '../../../../src/profiles/index.ts'
import { createFakeClock, type FakeClock } from '../../../support/clock.ts'
import { diagnosisOf, profileOf, START } from '../../alerts/alerts-bench.ts'

export const REPLY = '550 5.1.1 <bob@fabrikam.com>: no such user'

export function recipientOf(
  address: string,
  changes: Partial<StoredRecipient> = {},
): StoredRecipient {
  return {
    index: 0,
    address,
    notify: null,
    orcpt: null,
    state: 'failed',
    reply: REPLY,
    diagnosisCode: 'recipient_unknown',
    finishedAt: START,
    ...changes,
  }
}

export function refused(text = REPLY): Diagnosis {
  const diagnosis = diagnosisOf('recipient_unknown', { responsible: 'operator' })
  return { ...diagnosis, answer: { ...diagnosis.answer, text } }
}

export interface FailureOptions {
  readonly message?: Partial<StoredMessage>
  readonly recipients?: readonly StoredRecipient[]
  readonly attempts?: readonly Attempt[]
}

/** A message that the server refused at 10:00, accepted an hour before. */
export function failureOf(id: string, options: FailureOptions = {}): MessageDetail {
  const recipients = options.recipients ?? [recipientOf('bob@fabrikam.com')]
  const attempt: Attempt = {
    number: 1,
    startedAt: START - 1_000,
    finishedAt: START,
    outcome: 'failed',
    server: 'smtp.office365.com:587',
    recipients: recipients.length,
    reply: REPLY,
    diagnosis: refused(),
  }
  const message: StoredMessage = {
    id,
    profileId: 'default',
    source: 'relay',
    priority: 2,
    client: 'relay:printer',
    state: 'failed',
    envelope: {
      sender: 'scanner@contoso.com',
      smtpUtf8: false,
      eightBit: false,
      ret: null,
      envid: null,
    },
    headerFrom: 'scanner@contoso.com',
    subject: `Scan ${id}`,
    messageId: `<${id}@contoso.com>`,
    once: false,
    bounceTo: null,
    sizeBytes: 200,
    recipientCount: recipients.length,
    acceptedAt: START - 3_600_000,
    attempts: 1,
    nextAttemptAt: null,
    finishedAt: START,
    hasBody: true,
    diagnosis: refused(),
    reply: REPLY,
    serverMessageId: null,
    ...options.message,
  }
  return { message, recipients, attempts: options.attempts ?? [attempt] }
}

/** As much of it as a report tells. */
export function failedOf({ message, recipients, attempts }: MessageDetail): FailedMessage {
  const failed = recipients.filter(({ state }) => state === 'failed')
  return {
    message,
    recipients: failed.slice(0, RECIPIENTS_TOLD),
    attempts: attempts.slice(-1),
    failedCount: failed.length,
    deliveredCount: recipients.filter(({ state }) => state === 'delivered').length,
  }
}

export interface Accepted {
  readonly message: NewMessage
  /** As Latin-1, byte for byte. */
  readonly raw: string
}

type NotifierStore = NotifierDeps['store']

export interface FakeStore extends NotifierStore {
  readonly messages: MessageDetail[]
  readonly bodies: Map<string, Buffer>
  readonly accepted: Accepted[]
  readonly bounced: Set<string>
  readonly reported: Set<string>
  /** Questions so far. */
  calls: number
  failWith: Error | undefined
}

/** What the notifier needs of the store, in memory: marks and accepted mails change together. */
function createFakeStore(): FakeStore {
  const reported = new Set<string>()
  const bounced = new Set<string>()
  const lastReports = new Map<string, number>()
  const accept = (mail: { message: NewMessage; body: Uint8Array } | null) => {
    if (mail === null) return
    const raw = Buffer.from(mail.body).toString('latin1')
    store.accepted.push({ message: mail.message, raw })
  }
  const fail = () => {
    const error = store.failWith
    if (error !== undefined) throw error
  }
  const isOpen = ({ message }: MessageDetail) =>
    !reported.has(message.id) && !['report', 'bounce'].includes(message.source)
  const store: FakeStore = {
    messages: [],
    bodies: new Map(),
    accepted: [],
    calls: 0,
    failWith: undefined,
    bounced,
    reported,
    async unreported(profileId, limit) {
      store.calls++
      return store.messages
        .filter((each) => each.message.profileId === profileId && isOpen(each))
        .slice(0, limit)
        .map(({ message }) => message.id)
    },
    async failures(messageIds) {
      return store.messages.filter(({ message }) => messageIds.includes(message.id)).map(failedOf)
    },
    async unreportedProfiles() {
      store.calls++
      fail()
      return [...new Set(store.messages.filter(isOpen).map((each) => each.message.profileId))]
    },
    async lastReportAt(profileId) {
      return lastReports.get(profileId) ?? null
    },
    async report(request) {
      fail()
      for (const id of request.messageIds) reported.add(id)
      if (request.report !== null) lastReports.set(request.profileId, request.now)
      accept(request.report)
    },
    async unbounced(limit) {
      store.calls++
      fail()
      return store.messages
        .filter(({ message }) => message.bounceTo !== null && !bounced.has(message.id))
        .slice(0, limit)
    },
    async bounce(request) {
      bounced.add(request.messageId)
      accept(request.bounce)
    },
    async readChunk(messageId, index) {
      return index === 0 ? store.bodies.get(messageId) : undefined
    },
  }
  return store
}

export interface NotifyBench extends AsyncDisposable {
  readonly store: FakeStore
  readonly clock: FakeClock
  readonly events: EventBus<OutboxEvents & NotifierEvents>
  readonly profiles: Map<string, Profile>
  readonly log: string[]
  notifier: Notifier
  /** As if the process had died and begun anew. */
  restart(): Promise<void>
  /** A message fails for good, and the news of it comes. */
  failed(...details: readonly MessageDetail[]): Promise<void>
}

export function createNotifyBench(): NotifyBench {
  const clock = createFakeClock(START)
  const log: string[] = []
  const logger = createLogger({
    level: 'debug',
    destination: { write: (line) => log.push(line) },
  })
  const events = createEventBus<OutboxEvents & NotifierEvents>({ log: logger })
  const store = createFakeStore()
  const profiles = new Map([['default', profileOf('default')]])
  const open = () =>
    createNotifier({
      store,
      profiles: { find: (id) => profiles.get(id) },
      clock,
      log: logger,
      events,
      publicUrl: 'https://postern.contoso.com/',
      version: '1.2.3',
      hostname: 'gate.contoso.com',
    })
  const bench: NotifyBench = {
    store,
    clock,
    events,
    profiles,
    log,
    notifier: open(),
    async restart() {
      await bench.notifier[Symbol.asyncDispose]()
      bench.notifier = open()
      bench.notifier.start()
      await bench.notifier.idle()
    },
    async failed(...details) {
      await bench.notifier.idle()
      store.messages.push(...details)
      for (const { message } of details) {
        const { id, profileId, source, diagnosis } = message
        events.emit('message.failed', { id, profileId, source, diagnosis })
      }
      await bench.notifier.idle()
    },
    [Symbol.asyncDispose]: () => bench.notifier[Symbol.asyncDispose](),
  }
  bench.notifier.start()
  return bench
}
