import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CredentialEvents, ExpiryWatch } from '../../../src/credentials/index.ts'
import { createExpiryWatch } from '../../../src/credentials/index.ts'
import { parseInstant } from '../../../src/platform/clock.ts'
import { createEventBus, type EventBus } from '../../../src/platform/events.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { EXCHANGE_ONLINE_LIMITS } from '../../../src/profiles/delivery-limits.ts'
import type { CredentialFacts, Profile, ProfileEvents } from '../../../src/profiles/profile.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'

export function at(text: string): number {
  const instant = parseInstant(text)
  if (instant === undefined) throw new Error(`not an instant: ${text}`)
  return instant
}

export const AGENT = { type: 'agent', id: null, name: 'test', address: null } as const
const silent = createLogger({ level: 'silent', destination: { write: () => {} } })

export function credentialOf(id: string, expiresAt: number | null): CredentialFacts {
  return {
    id,
    type: 'clientSecret',
    hint: 'abc',
    expiresAt,
    expirySource: expiresAt === null ? 'none' : 'typed',
    createdAt: at('2026-01-01'),
    readable: true,
  }
}

export function profileOf(id: string, credential: CredentialFacts | null): Profile {
  return {
    id,
    version: 1,
    managed: false,
    createdAt: 0,
    updatedAt: 0,
    senderDisplayName: 'Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '',
    errorEmailAddress: null,
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
    authentication: { type: 'basic', username: 'alerts@contoso.com' },
    delivery: EXCHANGE_ONLINE_LIMITS,
    deliverySettings: {},
    credential,
    warnings: [],
  }
}

export interface WatchBench extends AsyncDisposable {
  readonly clock: FakeClock
  readonly events: EventBus<CredentialEvents & ProfileEvents>
  readonly storage: Storage
  watch: ExpiryWatch
  /** What was published since the last call, such as `expiring 14 default` or `renewed default`. */
  news(): readonly string[]
  /** Stores a profile and its credential without telling anybody. */
  put(profile: Profile): Promise<void>
  save(profile: Profile): Promise<void>
  /** A new process on the same folder. */
  restart(): Promise<void>
  readonly profiles: Map<string, Profile>
}

export async function createBench(): Promise<WatchBench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-credentials-'))
  const clock = createFakeClock(at('2026-11-23T10:00:00Z'))
  const storage = await openStorage({ dataDir, role: 'agent', clock, log: silent })
  const events = createEventBus<CredentialEvents & ProfileEvents>({ log: silent })
  const profiles = new Map<string, Profile>()
  let heard: string[] = []
  events.on('credential.expiring', (e) => {
    heard.push(`expiring ${e.thresholdDays} ${e.profileId}`)
  })
  events.on('credential.expired', (e) => {
    heard.push(`expired ${e.proven ? 'proven' : 'typed'} ${e.profileId}`)
  })
  events.on('credential.renewed', (e) => {
    heard.push(`renewed ${e.profileId} ${e.credentialId}`)
  })
  const open = () =>
    createExpiryWatch({
      profiles: { list: () => [...profiles.values()], find: (id) => profiles.get(id) },
      storage,
      clock,
      log: silent,
      events,
    })

  const bench: WatchBench = {
    clock,
    events,
    storage,
    profiles,
    watch: open(),
    news() {
      const now = heard
      heard = []
      return now
    },
    async put(profile) {
      profiles.set(profile.id, profile)
      await storage.db
        .insertInto('profile')
        .values({
          id: profile.id,
          version: 1,
          settings: '{}',
          managed: 0,
          created_at: 0,
          updated_at: 0,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const { credential } = profile
      await storage.db
        .deleteFrom('credential')
        .where('profile_id', '=', profile.id)
        .where('id', '!=', credential?.id ?? '')
        .execute()
      if (credential === null) return
      await storage.db
        .insertInto('credential')
        .values({
          id: credential.id,
          profile_id: profile.id,
          state: 'active',
          type: credential.type,
          sealed: '',
          hint: '',
          expires_at: credential.expiresAt,
          expiry_source: credential.expirySource,
          created_at: 0,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },
    async save(profile) {
      const previous = profiles.get(profile.id)
      await bench.put(profile)
      if (previous === undefined) events.emit('profile.created', { profile, actor: AGENT })
      else {
        events.emit('profile.changed', {
          profile,
          previous,
          connectionChanged: false,
          secretChanged: previous.credential?.id !== profile.credential?.id,
          actor: AGENT,
        })
      }
      await events.idle()
    },
    async restart() {
      await bench.watch[Symbol.asyncDispose]()
      bench.watch = open()
    },
    async [Symbol.asyncDispose]() {
      await bench.watch[Symbol.asyncDispose]()
      await storage[Symbol.asyncDispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return bench
}
