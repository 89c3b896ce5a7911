import { type Actor, type Audit, type AuditEntry, createAudit } from '../../../src/access/index.ts'
import type { CredentialEvents } from '../../../src/credentials/index.ts'
import { createEventBus, type EventBus } from '../../../src/platform/events.ts'
import { Secret } from '../../../src/platform/secret.ts'
import {
  createProfiles,
  type ProfileEvents,
  type ProfileInput,
  type Profiles,
} from '../../../src/profiles/index.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog, type LogCapture } from '../../support/log.ts'

export const ALICE: Actor = { type: 'token', id: 't1', name: 'Alice', address: '127.0.0.1' }
export const TENANT = '11111111-2222-4333-8444-555555555555'
export const CLIENT = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
export const SECRET_VALUE = 'Abc8Q~first-secret-value-of-the-tests-000'
export const OTHER_SECRET = 'Xyz8Q~other-secret-value-of-the-tests-111'

export type News = {
  [Name in keyof ProfileEvents]: { name: Name; payload: ProfileEvents[Name] }
}[keyof ProfileEvents]

export interface Rig extends AsyncDisposable {
  readonly dataDir: string
  readonly storage: Storage
  readonly profiles: Profiles
  readonly clock: FakeClock
  readonly captured: LogCapture
  readonly events: EventBus<ProfileEvents & CredentialEvents>
  readonly news: readonly News[]
  names(): readonly string[]
  /** Which profiles were told as saved, `default changed` or `default unchanged`. */
  readonly saved: string[]
  readonly audit: Audit
  auditEntries(): Promise<readonly AuditEntry[]>
  /** The same data folder, opened anew. */
  reopen(options?: RigOptions): Promise<Rig>
}

export interface RigOptions {
  dataDir?: string
  masterKey?: string
  allowCustomCloud?: boolean
  settingsFile?: string | undefined
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  await using closers = new AsyncDisposableStack()
  const dataDir = options.dataDir ?? closers.use(temporaryFolder()).path
  const clock = createFakeClock()
  const captured = captureLog()
  const { log } = captured
  const storage = await openStorage({
    dataDir,
    role: 'agent',
    clock,
    log,
    masterKey: options.masterKey === undefined ? undefined : new Secret(options.masterKey),
  })
  let isOpen = true
  const close = async () => {
    if (isOpen) await storage[Symbol.asyncDispose]()
    isOpen = false
  }
  closers.defer(close)
  const audit = createAudit({ storage, clock })
  const events = createEventBus<ProfileEvents & CredentialEvents>({ log })
  const news: News[] = []
  events.on('profile.created', (payload) => void news.push({ name: 'profile.created', payload }))
  events.on('profile.changed', (payload) => void news.push({ name: 'profile.changed', payload }))
  events.on('profile.removed', (payload) => void news.push({ name: 'profile.removed', payload }))
  events.on(
    'credential.fallback_used',
    (payload) => void news.push({ name: 'credential.fallback_used', payload }),
  )
  events.on('credential.ended', (payload) => void news.push({ name: 'credential.ended', payload }))
  const saved: string[] = []
  events.on('profile.saved', ({ profile, changed }) => {
    saved.push(`${profile.id} ${changed ? 'changed' : 'unchanged'}`)
  })
  const profiles = await createProfiles({
    storage,
    audit,
    clock,
    log,
    events,
    allowCustomCloud: options.allowCustomCloud ?? false,
    settingsFile: options.settingsFile,
  })
  const held = closers.move()
  return {
    dataDir,
    storage,
    profiles,
    clock,
    captured,
    events,
    news,
    saved,
    names: () => news.map(({ name }) => name),
    audit,
    auditEntries: () => audit.list({ limit: 100 }),
    async reopen(changed = {}) {
      await close()
      return await createRig({ ...options, ...changed, dataDir })
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export function exchangeOnline(changes: Record<string, unknown> = {}) {
  return {
    type: 'exchangeOnline' as const,
    tenantId: TENANT,
    clientId: CLIENT,
    credential: {
      type: 'clientSecret' as const,
      value: SECRET_VALUE,
      expiresAt: '2027-05-01',
    },
    ...changes,
  }
}

export function profileInput(changes: Record<string, unknown> = {}) {
  return {
    id: 'default',
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '[Process] ',
    errorEmailAddress: 'it@contoso.com',
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' as const },
    authentication: exchangeOnline(),
    ...changes,
  } satisfies Record<Exclude<keyof ProfileInput, 'delivery'>, unknown>
}

/** What the page sends when the secret field was left alone. */
export function withoutSecret(changes: Record<string, unknown> = {}) {
  return exchangeOnline({ credential: { type: 'clientSecret' }, ...changes })
}

export function basic(changes: Record<string, unknown> = {}) {
  return { type: 'basic' as const, username: 'printer', password: 'old password', ...changes }
}

export const LOCAL_SERVER = { host: 'mail.contoso.com', port: 587, security: 'starttls' as const }
