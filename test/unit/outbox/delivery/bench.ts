import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Failure } from '../../../../src/diagnosis/index.ts'
import type { TokenSource } from '../../../../src/entra/index.ts'
import { createOutbox, type Draft, type OutboxEvents } from '../../../../src/outbox/index.ts'
import { createOutboxStore } from '../../../../src/outbox/store/create-store.ts'
import type { startStoreThread } from '../../../../src/outbox/store/store-worker.ts'
import { openThreadedStore } from '../../../../src/outbox/store/threaded-store.ts'
import { PosternError } from '../../../../src/platform/errors.ts'
import { createEventBus, type EventBus } from '../../../../src/platform/events.ts'
import type { Secret } from '../../../../src/platform/secret.ts'
import type { Profile, ProfileEvents, Profiles } from '../../../../src/profiles/index.ts'
import {
  createMailboxSlots,
  type OutgoingMessage,
  type SendResult,
  type SmtpSessions,
} from '../../../../src/smtp/index.ts'
import { openStorage } from '../../../../src/storage/index.ts'
import type { VerificationEvents } from '../../../../src/verification/index.ts'
import { createFakeClock } from '../../../support/clock.ts'
import { captureLog } from '../../../support/log.ts'
import { exchangeOnline, profileOf, token } from '../../verification/fakes.ts'

export const BODY = Buffer.from('From: <alerts@contoso.com>\r\nSubject: s\r\n\r\nHello\r\n')
export const OK = '250 2.0.0 OK <id@server> [Hostname=X.PROD.OUTLOOK.COM]'
const actor = { type: 'agent', id: null, name: 'test', address: null } as const

/**
 * What the server does with one message. A text: its reply to the final dot. `at`: its reply to that command instead.
 * `rcpt`: its replies to single recipients. drop, timeout: the connection ends without an answer.
 */
export type Answer =
  | string
  | { at: 'mail' | 'data'; reply: string }
  | { rcpt: Record<string, string>; reply?: string }
  | 'drop'
  | 'dropAfterDot'
  | 'timeout'

/** What becomes of one try to connect and log in. */
export type Opening = 'ok' | 'refused' | { auth: string }

export interface ScriptedServer extends SmtpSessions {
  /** One for each message, in their order; when they are used up, `otherwise`. */
  answers: Answer[]
  otherwise: Answer | undefined
  openings: Opening[]
  otherwiseOpening: Opening
  /** Of each message that the server was asked about, in their order. */
  readonly seen: { id: string; recipients: string[]; session: number; at: number }[]
  readonly opened: number[]
  openNow: number
  mostOpen: number
  /** Resolved before an answer is given. */
  pause: Promise<void> | undefined
}

function replyFailure(step: 'mail' | 'rcpt' | 'data' | 'message' | 'auth', text: string): Failure {
  const [, code = '0', enhanced] = /^(\d{3})(?: (\d\.\d+\.\d+))?/.exec(text) ?? []
  const facts = { host: 'smtp.office365.com', enhancedCode: enhanced ?? null, text }
  return { source: 'smtp', step, code: Number(code), ...facts }
}

function broken(phase: 'closed' | 'timeout' | 'connect', step: string): Failure {
  const server = { host: 'smtp.office365.com', port: 587 }
  const message = 'No answer.'
  return { source: 'transport', peer: 'smtp', phase, step, ...server, code: null, message }
}

function createScriptedServer(now: () => number): ScriptedServer {
  const server: ScriptedServer = {
    answers: [],
    otherwise: OK,
    openings: [],
    otherwiseOpening: 'ok',
    seen: [],
    opened: [],
    openNow: 0,
    mostOpen: 0,
    pause: undefined,
    async open({ server: { host, port } }) {
      const opening = server.openings.shift() ?? server.otherwiseOpening
      server.opened.push(now())
      if (opening === 'refused') return { ok: false, failure: broken('connect', 'connect') }
      if (opening !== 'ok') return { ok: false, failure: replyFailure('auth', opening.auth) }
      const session = server.opened.length
      let isOpen = true
      let sent = 0
      server.openNow++
      server.mostOpen = Math.max(server.mostOpen, server.openNow)
      const close = () => {
        if (isOpen) server.openNow--
        isOpen = false
      }
      return {
        ok: true,
        value: {
          server: `${host}:${port}`,
          openedAt: now(),
          lastUsedAt: now(),
          get sent() {
            return sent
          },
          sizeLimit: null,
          get usable() {
            return isOpen
          },
          async send(message) {
            const { envid, recipients } = message
            const addresses = recipients.map(({ address }) => address)
            server.seen.push({ id: envid ?? '', recipients: addresses, session, at: now() })
            await server.pause
            const answer = server.answers.shift() ?? server.otherwise
            if (answer === undefined) throw new Error(`an unexpected message ${envid}`)
            await message.beforeEnd
            const result = resultOf(answer, message)
            if (answer === 'drop' || answer === 'dropAfterDot' || answer === 'timeout') close()
            if (result.failure?.source === 'smtp' && result.failure.code === 421) close()
            if (result.failure === null) sent++
            return result
          },
          async quit() {
            close()
          },
          close,
        },
      }
    },
  }
  return server
}

function resultOf(answer: Answer, { recipients }: OutgoingMessage): SendResult {
  const shared = recipients.map(() => ({ failure: null, reply: '250 2.1.5 OK' }))
  const nothing = { recipients: shared, reply: null, serverMessageId: null, uncertain: false }
  if (answer === 'drop') return { ...nothing, failure: broken('closed', 'mail') }
  if (answer === 'timeout') return { ...nothing, failure: broken('timeout', 'data') }
  if (answer === 'dropAfterDot') {
    return { ...nothing, failure: broken('closed', 'message'), uncertain: true }
  }
  if (typeof answer === 'object' && 'at' in answer) {
    return { ...nothing, failure: replyFailure(answer.at, answer.reply) }
  }
  const words = recipients.map(({ address }) => {
    const text = typeof answer === 'object' ? answer.rcpt[address] : undefined
    if (text === undefined) return { failure: null, reply: '250 2.1.5 OK' }
    return { failure: replyFailure('rcpt', text), reply: text }
  })
  const own = words.find(({ failure }) => failure !== null)?.failure ?? null
  if (words.every(({ failure }) => failure !== null)) {
    return { ...nothing, recipients: words, failure: own }
  }
  const reply = typeof answer === 'string' ? answer : (answer.reply ?? OK)
  const failure = reply.startsWith('2') ? null : replyFailure('message', reply)
  const serverMessageId = failure === null ? '<id@server>' : null
  return { recipients: words, failure, reply, serverMessageId, uncertain: false }
}

export interface BenchOptions {
  profiles?: readonly Profile[]
  /** An existing folder, as after a restart. */
  dataDir?: string
  startAt?: number
  /** The store in threads that this starts; absent: in the test's own. */
  startThread?: typeof startStoreThread
}

/** Without limits but the connections, unless a test says so. */
export const FREE = {
  connections: 3,
  messagesPerMinute: null,
  recipientsPerDay: null,
  recipientsPerMessage: 500,
  retryHours: 72,
  holdHours: 168,
} as const

export function freeProfile(id = 'default', change: Partial<Profile> = {}): Profile {
  return profileOf(id, { authentication: exchangeOnline, delivery: FREE, ...change })
}

/** The outbox on a real store, with a scripted server and a clock that only the test moves. */
export async function startBench(options: BenchOptions = {}) {
  await using opened = new AsyncDisposableStack()
  const clock = createFakeClock(options.startAt)
  const capture = captureLog()
  const { log } = capture
  let dataDir = options.dataDir
  if (dataDir === undefined) {
    const made = await mkdtemp(join(tmpdir(), 'postern-outbox-'))
    opened.defer(() => rm(made, { recursive: true, force: true }))
    dataDir = made
  }
  const storage = opened.use(await openStorage({ dataDir, role: 'agent', clock, log }))
  const { startThread } = options
  const store = opened.use(
    startThread === undefined
      ? await createOutboxStore({ db: storage.db, role: 'owner' })
      : await openThreadedStore({ storage, log, startThread }),
  )
  const events = createEventBus<OutboxEvents & VerificationEvents & ProfileEvents>({ log })
  const server = createScriptedServer(() => clock.elapsedMs)
  const known = new Map((options.profiles ?? [freeProfile()]).map((p) => [p.id, p]))
  const profiles = fakeProfiles(known)
  const slots = createMailboxSlots()
  const dropped: string[] = []
  const tokens: TokenSource = {
    acquire: async () => token({}, true),
    drop: (_tenant, client) => void dropped.push(client),
  }
  const proof = { lastSucceededAt: null, lastDeliveredAt: null }
  const outbox = opened.use(
    createOutbox({
      store,
      sessions: server,
      slots,
      profiles,
      tokens,
      proofOf: () => proof,
      events,
      clock,
      log,
      monotonicMs: () => clock.elapsedMs,
      random: () => 0.5,
    }),
  )
  const { all: news, named } = readNews(events)
  const resources = opened.move()

  const bench = {
    outbox,
    store,
    server,
    clock,
    events,
    profiles,
    slots,
    dropped,
    dataDir,
    lines: capture.lines,
    news,
    named,
    accept: (change: Partial<Draft> = {}, body: Uint8Array = BODY) =>
      outbox.accept(draftOf(change), body),
    state: async (id: string) => (await store.state(id))?.state,
    /** Lets time pass in steps, each after everything that can be done has been done. */
    async pass(ms: number, stepMs = 1_000) {
      await outbox.idle()
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(left, stepMs))
        await outbox.idle()
      }
    },
    save(profile: Profile, connectionChanged = true) {
      const previous = known.get(profile.id)
      known.set(profile.id, profile)
      const facts = { profile, connectionChanged, secretChanged: false, actor }
      if (previous === undefined) events.emit('profile.created', { profile, actor })
      else events.emit('profile.changed', { ...facts, previous })
    },
    remove(id: string) {
      const profile = profiles.get(id)
      known.delete(id)
      events.emit('profile.removed', { profile, actor })
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
  return bench
}

const NEWS = [
  'message.accepted',
  'message.failed',
  'message.deferred',
  'message.finished',
  'message.delivered',
  'outbox.held',
  'outbox.released',
  'outbox.changed',
  'outbox.day_used_up',
] as const

/** What was told, in its order. */
export function readNews(events: EventBus<OutboxEvents & VerificationEvents>) {
  const all: { name: string; payload: unknown }[] = []
  for (const name of NEWS) events.on(name, (payload) => void all.push({ name, payload }))
  const named = (name: (typeof NEWS)[number]) => all.filter((one) => one.name === name)
  return { all, named }
}

let drafts = 0

/** The envelope id is what the scripted server knows a message by. */
export function draftOf(change: Partial<Draft> & { to?: string[] } = {}): Draft {
  const { to = ['ann@fabrikam.com'], ...rest } = change
  return {
    profileId: 'default',
    source: 'api',
    priority: 2,
    client: 'token:one',
    envelope: {
      sender: 'alerts@contoso.com',
      recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
      smtpUtf8: false,
      eightBit: false,
      ret: null,
      envid: `m${++drafts}`,
    },
    headerFrom: 'alerts@contoso.com',
    subject: 'secret subject',
    messageId: '<m@contoso.com>',
    once: false,
    bounceTo: null,
    idempotency: null,
    ...rest,
  }
}

export function fakeProfiles(
  known: Map<string, Profile>,
  secret: () => Secret = () => token().value.value,
): Profiles {
  const unused = () => Promise.reject(new Error('not used here'))
  return {
    list: () => [...known.values()],
    find: (id) => known.get(id),
    get(id) {
      const profile = known.get(id)
      if (profile !== undefined) return profile
      throw new PosternError('There is no such profile.', {
        kind: 'not_found',
        code: 'profile_not_found',
      })
    },
    async openCredential({ credential }) {
      if (credential === null) return undefined
      return { credentialId: credential.id, type: 'clientSecret', value: secret() }
    },
    credentials: () => [],
    create: unused,
    replace: unused,
    remove: unused,
    applyDesired: unused,
    planDesired: unused,
    recordEnded: unused,
    recordAlive: unused,
    recordGraphExpiry: unused,
    stageCredential: unused,
    activateStaged: unused,
    discardStaged: unused,
    dropFallback: unused,
    useFallback: unused,
    recordFallbackRefused: unused,
  }
}
