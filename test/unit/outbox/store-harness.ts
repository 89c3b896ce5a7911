import { randomUUID } from 'node:crypto'
import type { Diagnosis } from '../../../src/diagnosis/index.ts'
import type { Draft, Envelope } from '../../../src/outbox/message.ts'
import type { ClaimedMessage, NewMessage, OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { createOutboxStore } from '../../../src/outbox/store/create-store.ts'
import { openThreadedStore } from '../../../src/outbox/store/threaded-store.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog, type LogCapture } from '../../support/log.ts'

export const KINDS = ['direct', 'threaded'] as const
export type Kind = (typeof KINDS)[number]
export const NOW = FAKE_NOW

export interface OpenedStore extends AsyncDisposable {
  readonly store: OutboxStore
  readonly storage: Storage
  readonly dataDir: string
  readonly log: LogCapture
}

/** A real file; without `dataDir` in a folder of its own that goes away with it. */
export async function openStore(kind: Kind, dataDir?: string): Promise<OpenedStore> {
  await using closers = new AsyncDisposableStack()
  const folder = dataDir ?? closers.use(temporaryFolder()).path
  const log = captureLog()
  const storage = closers.use(
    await openStorage({ dataDir: folder, role: 'agent', clock: createFakeClock(), log: log.log }),
  )
  const store = closers.use(
    kind === 'direct'
      ? await createOutboxStore({ db: storage.db, role: 'owner' })
      : await openThreadedStore({ storage, log: log.log }),
  )
  const held = closers.move()
  return {
    store,
    storage,
    dataDir: folder,
    log,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export interface MessageFacts extends Partial<Omit<Draft, 'envelope'>> {
  readonly id?: string
  readonly acceptedAt?: number
  readonly sizeBytes?: number
  readonly envelope?: Partial<Envelope>
  readonly to?: readonly string[]
}

export const BODY = Buffer.from('Subject: x\r\n\r\nHello.\r\n')

export function newMessage(facts: MessageFacts = {}): NewMessage {
  const { id = randomUUID(), acceptedAt = NOW, sizeBytes = BODY.byteLength, to, ...rest } = facts
  const addresses = to ?? ['anna@contoso.com']
  return {
    id,
    sizeBytes,
    acceptedAt,
    draft: {
      profileId: 'default',
      source: 'relay',
      priority: 3,
      client: 'relay:one',
      headerFrom: 'alerts@contoso.com',
      subject: 'Hello',
      messageId: null,
      once: false,
      bounceTo: null,
      idempotency: null,
      ...rest,
      envelope: {
        sender: 'Alerts@Contoso.com',
        recipients: addresses.map((address) => ({ address, notify: null, orcpt: null })),
        smtpUtf8: false,
        eightBit: true,
        ret: null,
        envid: null,
        ...rest.envelope,
      },
    },
  }
}

export async function accept(store: OutboxStore, facts: MessageFacts = {}): Promise<string> {
  return (await store.accept(newMessage(facts), BODY)).id
}

/** What a command beside the agent accepts, on a connection of its own. */
export async function acceptBeside(dataDir: string): Promise<string> {
  const { log } = captureLog()
  await using storage = await openStorage({
    dataDir,
    role: 'companion',
    clock: createFakeClock(),
    log,
  })
  await using store = await createOutboxStore({ db: storage.db, role: 'companion' })
  return await accept(store, { source: 'sendmail' })
}

/** Claims one message, which must be there. */
export async function claimOne(store: OutboxStore, profileId = 'default'): Promise<ClaimedMessage> {
  const [claimed] = await store.claim({ profileIds: [profileId], limit: 1 })
  if (claimed === undefined) throw new Error('nothing to claim')
  return claimed
}

type Next = Parameters<OutboxStore['settle']>[0]['next']

/** Settles a claimed message: all its recipients end with it. */
export async function settle(
  store: OutboxStore,
  claimed: ClaimedMessage,
  next: Next,
  at = NOW + 1_000,
): Promise<void> {
  const isDelivered = next.state === 'delivered'
  const isOver = isDelivered || next.state === 'failed'
  await store.settle({
    messageId: claimed.message.id,
    attempt: {
      number: claimed.message.attempts + 1,
      startedAt: at - 500,
      finishedAt: at,
      outcome: isDelivered ? 'delivered' : next.state === 'queued' ? 'deferred' : next.state,
      server: 'smtp.office365.com:587',
      recipients: claimed.recipients.length,
      reply: isDelivered ? '250 2.0.0 OK' : '550 5.7.1 no',
      diagnosis: isDelivered ? null : DIAGNOSIS,
    },
    recipients: isOver
      ? claimed.recipients.map(({ index }) => ({
          index,
          state: isDelivered ? 'delivered' : 'failed',
          reply: isDelivered ? '250 2.1.5 OK' : '550 5.1.1 no such user',
          diagnosisCode: isDelivered ? null : DIAGNOSIS.code,
        }))
      : [],
    next,
    serverMessageId: isDelivered ? '<server@id>' : null,
    accounted: isDelivered ? { mailbox: 'contoso', recipients: claimed.recipients.length } : null,
  })
}

/** Accepts a message and brings it to its end. */
export async function acceptEnded(
  store: OutboxStore,
  state: 'delivered' | 'failed',
  facts: MessageFacts = {},
  at = NOW + 1_000,
): Promise<string> {
  const id = await accept(store, facts)
  await settle(store, await claimOne(store, facts.profileId), { state }, at)
  return id
}

export async function countRows(
  storage: Storage,
  table: 'message' | 'message_chunk' | 'message_recipient' | 'intake',
): Promise<number> {
  const row = await storage.db
    .selectFrom(table)
    .select((is) => is.fn.countAll<number>().as('rows'))
    .executeTakeFirstOrThrow()
  return row.rows
}

export const DIAGNOSIS: Diagnosis = {
  code: 'send_as_denied',
  row: 12,
  summary: 'The mailbox may not send as this address.',
  cause: 'The permission is missing.',
  likelyCauses: ['The permission is missing.'],
  responsible: 'exchangeAdministrator',
  remedy: 'Give the mailbox the permission.',
  commands: [],
  retry: 'never',
  retryAfterMs: null,
  waitingUntil: null,
  guideStep: null,
  answer: {
    source: 'smtp',
    step: 'data',
    server: 'smtp.office365.com',
    text: '554 5.2.252 SendAsDenied',
    code: '554',
    enhancedCode: '5.2.252',
    traceId: null,
    correlationId: null,
    sessionId: null,
    at: null,
  },
}
