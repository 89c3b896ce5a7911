import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Actor, createAccess, type Scope } from '../src/access/index.ts'
import { DAY_MS, systemClock, toIsoDay } from '../src/platform/clock.ts'
import { createEventBus } from '../src/platform/events.ts'
import { createLogger } from '../src/platform/logger.ts'
import { createProfiles, type ProfileEvents, type Profiles } from '../src/profiles/index.ts'
import { openStorage, type Storage } from '../src/storage/index.ts'

/** A temporary data folder with profiles in it, as an agent leaves it behind. */
export interface DataFolder extends Disposable {
  readonly path: string
  /** An API token with the wanted scope. */
  readonly token: string
}

export const quiet = createLogger({ level: 'silent', destination: { write: () => {} } })
export const ACTOR: Actor = { type: 'cli', id: null, name: 'benchmark', address: null }

export interface FolderContent {
  readonly profiles: readonly unknown[]
  readonly scope: Scope
}

/** The profiles count as verified a moment ago, so that an agent starts without verifying them. */
export async function prepareDataFolder(content: FolderContent): Promise<DataFolder> {
  const path = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  try {
    await using storage = await openStorage({
      dataDir: path,
      role: 'agent',
      clock: systemClock,
      log: quiet,
    })
    const token = await fill(storage, content)
    return { path, token, [Symbol.dispose]: remove }
  } catch (error) {
    remove()
    throw error
  }
}

async function fill(storage: Storage, { profiles, scope }: FolderContent): Promise<string> {
  await using access = createAccess({ storage, clock: systemClock, log: quiet })
  const stored = await openProfiles(storage, access.audit)
  await stored.applyDesired(profiles, ACTOR)
  const { token } = await access.tokens.create({ name: 'benchmark', scopes: [scope] }, ACTOR)
  const now = systemClock.now()
  for (const { id } of stored.list()) {
    await storage.db
      .insertInto('profile_health')
      .values({
        profile_id: id,
        health: 'ok',
        since: now - DAY_MS,
        failures_in_row: 0,
        last_verified_at: now,
        last_succeeded_at: now,
        last_delivered_at: now,
        last_report_id: null,
        diagnosis: null,
      })
      .execute()
  }
  return token
}

export function openProfiles(
  storage: Storage,
  audit: Parameters<typeof createProfiles>[0]['audit'],
): Promise<Profiles> {
  return createProfiles({
    storage,
    audit,
    clock: systemClock,
    log: quiet,
    events: createEventBus<ProfileEvents>({ log: quiet }),
    allowCustomCloud: true,
    settingsFile: undefined,
  })
}

export function profileId(index: number): string {
  return `profile-${String(index).padStart(5, '0')}`
}

/** A profile of the worldwide cloud, as most are; `endsInDays` from now. */
export function exchangeOnlineProfile(index: number, endsInDays: number): unknown {
  const id = profileId(index)
  return {
    id,
    senderDisplayName: `Process Alerts ${index}`,
    senderEmailAddress: `${id}@contoso.com`,
    subjectPrefix: '[Process] ',
    errorEmailAddress: 'it@contoso.com',
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
    authentication: {
      type: 'exchangeOnline',
      cloud: 'worldwide',
      tenantId: '7c9a4e52-1b0f-4d36-9f2e-5a8d3c61e047',
      clientId: guid(index),
      credential: {
        type: 'clientSecret',
        value: secretValue(index),
        expiresAt: toIsoDay(systemClock.now() + endsInDays * DAY_MS),
      },
    },
  }
}

/** In the form that Entra gives to secrets, another one for each index. */
export function secretValue(index: number): string {
  return `q7G8Q~vR2nXk4LwZ-bT9cYhU3mEoP6sJ${String(index).padStart(8, '0')}`
}

export function guid(index: number): string {
  return `d2f6b8a1-43c7-4e95-8b1d-${index.toString(16).padStart(12, '0')}`
}
