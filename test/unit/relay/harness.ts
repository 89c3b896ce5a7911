import { writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../../../src/access/index.ts'
import { createAudit } from '../../../src/access/index.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import type { Profile, Profiles } from '../../../src/profiles/index.ts'
import {
  createRelay,
  createRelayClients,
  type Relay,
  type RelayClientInput,
  type RelayConfig,
  type RelayDeps,
  type RelayEvents,
} from '../../../src/relay/index.ts'
import { makeServerCertificate } from '../../../src/relay/tls/server-certificate.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog, type LogCapture } from '../../support/log.ts'
import { base64, openSmtpDialogue, type SmtpDialogue } from '../../support/smtp-dialogue.ts'
import { createFakeOutbox, type FakeOutbox } from './fake-outbox.ts'

export const ADMIN: Actor = { type: 'token', id: 't1', name: 'Alice', address: '127.0.0.1' }
export const MEBIBYTE = 1024 * 1024

export type Clients = Awaited<ReturnType<typeof createRelayClients>>

export interface ClientsRig extends AsyncDisposable {
  readonly dataDir: string
  readonly clock: FakeClock
  readonly log: LogCapture
  readonly storage: Storage
  readonly audit: ReturnType<typeof createAudit>
  readonly clients: Clients
  /** Those that exist; `default` and `other` at first. */
  readonly profiles: Map<string, Profile>
  /** The same folder, as a command beside the agent has it. */
  beside(): Promise<{ clients: Clients } & AsyncDisposable>
}

export async function startClients(options: { clock?: FakeClock } = {}): Promise<ClientsRig> {
  await using closers = new AsyncDisposableStack()
  const dataDir = closers.use(temporaryFolder()).path
  const clock = options.clock ?? createFakeClock()
  const log = captureLog()
  const storage = closers.use(await openStorage({ dataDir, role: 'agent', clock, log: log.log }))
  const audit = createAudit({ storage, clock })
  const profiles = new Map([profileOf('default'), profileOf('other')].map((p) => [p.id, p]))
  const deps = { profiles: finder(profiles), clock, log: log.log }
  const clients = closers.use(await createRelayClients({ ...deps, storage, audit }))
  const held = closers.move()
  return {
    dataDir,
    clock,
    log,
    storage,
    audit,
    clients,
    profiles,
    async beside() {
      const other = await openStorage({ dataDir, role: 'companion', clock, log: log.log })
      return {
        clients: await createRelayClients({ ...deps, storage: other, audit }),
        [Symbol.asyncDispose]: () => other[Symbol.asyncDispose](),
      }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export interface RelayRig extends ClientsRig {
  readonly outbox: FakeOutbox
  readonly relay: Relay
  readonly port: number
  readonly news: string[]
  /** Of the client `app`. */
  readonly secret: string
  /** From this machine's own address, unless another one is named. */
  open(host?: string): Promise<SmtpDialogue>
  /** After the greeting, EHLO and, unless told otherwise, the login of `app`. */
  session(options?: { login?: boolean; tls?: boolean }): Promise<SmtpDialogue>
}

export interface RelayRigOptions {
  /** Of the client `app`. */
  client?: Partial<RelayClientInput>
  others?: readonly RelayClientInput[]
  config?: Partial<RelayConfig>
  limits?: RelayDeps['limits']
  outbox?: FakeOutbox
}

export async function startRelay(options: RelayRigOptions = {}): Promise<RelayRig> {
  await using closers = new AsyncDisposableStack()
  const rig = closers.use(await startClients())
  const outbox = options.outbox ?? createFakeOutbox()
  const news: string[] = []
  const events = createEventBus<RelayEvents>({ log: rig.log.log })
  events.on('relay.refused', ({ code, enhanced }) => void news.push(`refused ${code} ${enhanced}`))
  events.on('relay.login_failed', ({ address }) => void news.push(`login failed ${address}`))
  events.on('relay.changed', ({ problem }) => void news.push(problem ?? 'open'))
  const app = await rig.clients.create(
    { name: 'app', profileId: 'default', ...options.client },
    ADMIN,
  )
  for (const other of options.others ?? []) await rig.clients.create(other, ADMIN)
  if (options.config?.certificateFiles === undefined) await keepCertificate(rig.dataDir)
  const relay = createRelay({
    outbox,
    profiles: finder(rig.profiles),
    clients: rig.clients,
    clock: rig.clock,
    log: rig.log.log,
    events,
    config: relayConfig(options.config),
    dataDir: rig.dataDir,
    hostname: 'relay.test',
    ...(options.limits && { limits: options.limits }),
  })
  // A peer that is still there when the test ends would make it wait for the grace.
  closers.defer(async () => {
    const closing = relay[Symbol.asyncDispose]()
    await rig.clock.advance(15_000)
    await closing
  })
  await relay.start()
  const port = relay.address()?.port ?? 0
  const held = closers.move()
  const open = (host = '127.0.0.1') => openSmtpDialogue({ port, host })
  return {
    ...rig,
    outbox,
    relay,
    port,
    news,
    secret: app.secret ?? '',
    open,
    async session({ login = true, tls = false } = {}) {
      const dialogue = await open()
      await dialogue.read()
      await dialogue.command('EHLO client.test')
      if (tls) {
        await dialogue.startTls()
        await dialogue.command('EHLO client.test')
      }
      if (login) await dialogue.command(`AUTH PLAIN ${plain('app', app.secret ?? '')}`)
      return dialogue
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

let kept: ReturnType<typeof makeServerCertificate> | undefined

/** One pair for all, as if the relay had made it before: a new RSA key takes a while. */
async function keepCertificate(dataDir: string): Promise<void> {
  const names = ['relay.test', 'localhost', '127.0.0.1', '::1']
  kept ??= makeServerCertificate({ names, days: 3_650, clock: createFakeClock() })
  const pair = await kept
  writeFileSync(join(dataDir, 'relay-cert.pem'), pair.certificate)
  writeFileSync(join(dataDir, 'relay-key.pem'), pair.key.reveal())
}

export function relayConfig(config: Partial<RelayConfig> = {}): RelayConfig {
  return {
    host: '127.0.0.1',
    port: 0,
    certificateFiles: undefined,
    maxMessageBytes: 35 * MEBIBYTE,
    ...config,
  }
}

export function finder(profiles: ReadonlyMap<string, Profile>): Pick<Profiles, 'find'> {
  return { find: (id) => profiles.get(id) }
}

export function plain(username: string, password: string): string {
  return base64(`\0${username}\0${password}`)
}

/** A message of the profile's sender, without its last line end. */
export function mail(lines: readonly string[] = []): string {
  const head = ['From: alerts@contoso.com', 'To: bob@example.com', 'Subject: Test']
  return [...head, '', 'Hello', ...lines].join('\r\n')
}

/** An address of this machine that is not loopback; undefined: it has none. */
export function otherAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

/** MAIL and RCPT, and DATA up to 354. */
export async function envelope(dialogue: SmtpDialogue, to = 'bob@example.com'): Promise<void> {
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  await dialogue.command(`RCPT TO:<${to}>`)
  await dialogue.command('DATA')
}

export function profileOf(id: string): Profile {
  return {
    id,
    version: 1,
    managed: false,
    createdAt: 0,
    updatedAt: 0,
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '[Process] ',
    errorEmailAddress: null,
    server: { host: 'smtp.test', port: 587, security: 'starttls' },
    authentication: { type: 'none' },
    credential: null,
    delivery: {
      connections: 3,
      messagesPerMinute: 30,
      recipientsPerDay: 10_000,
      recipientsPerMessage: 500,
      retryHours: 72,
      holdHours: 168,
    },
    deliverySettings: {},
    warnings: [],
  }
}
