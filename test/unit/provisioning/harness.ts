import { createAudit } from '../../../src/access/index.ts'
import type { Clock } from '../../../src/platform/clock.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { createProfiles, type ProfileEvents, type Profiles } from '../../../src/profiles/index.ts'
import {
  createProvisioning,
  type Provisioning,
  type SyncEvents,
} from '../../../src/provisioning/index.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog, type LogCapture } from '../../support/log.ts'

export const SECRET_VALUE = 'Abc8Q~first-secret-value-of-the-tests-000'
export const OTHER_SECRET = 'Xyz8Q~other-secret-value-of-the-tests-111'

export type SyncNews = {
  [Name in keyof SyncEvents]: { name: Name; payload: SyncEvents[Name] }
}[keyof SyncEvents]

export interface Rig extends AsyncDisposable {
  readonly storage: Storage
  readonly profiles: Profiles
  readonly provisioning: Provisioning
  readonly captured: LogCapture
  readonly news: readonly SyncNews[]
  /** Resolves with the next news. */
  next(): Promise<SyncNews>
}

export async function createRig(
  file: string | undefined,
  options: { clock?: Clock; dataDir?: string } = {},
): Promise<Rig> {
  await using closers = new AsyncDisposableStack()
  const dataDir = options.dataDir ?? closers.use(temporaryFolder()).path
  const clock = options.clock ?? createFakeClock()
  const captured = captureLog()
  const { log } = captured
  const storage = closers.use(await openStorage({ dataDir, role: 'agent', clock, log }))
  const events = createEventBus<ProfileEvents & SyncEvents>({ log })
  const news: SyncNews[] = []
  let waiting = Promise.withResolvers<SyncNews>()
  const tell = (item: SyncNews) => {
    news.push(item)
    waiting.resolve(item)
    waiting = Promise.withResolvers()
  }
  events.on('sync.applied', (payload) => tell({ name: 'sync.applied', payload }))
  events.on('sync.refused', (payload) => tell({ name: 'sync.refused', payload }))
  const profiles = await createProfiles({
    storage,
    audit: createAudit({ storage, clock }),
    clock,
    log,
    events,
    allowCustomCloud: false,
    settingsFile: file,
  })
  const provisioning = closers.use(
    createProvisioning({ file, profiles, storage, clock, log, events }),
  )
  const held = closers.move()
  return {
    storage,
    profiles,
    provisioning,
    captured,
    news,
    next: () => waiting.promise,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** One entry of the settings file, its secret in `secretFile`. */
export function entry(id: string, changes: { prefix?: string; secretFile?: string } = {}): string {
  return `  - id: ${id}
    senderDisplayName: Process Alerts
    senderEmailAddress: alerts@contoso.com
    subjectPrefix: '${changes.prefix ?? '[Process] '}'
    errorEmailAddress: it@contoso.com
    server: { host: smtp.office365.com, port: 587, security: starttls }
    authentication:
      type: exchangeOnline
      tenantId: contoso.onmicrosoft.com
      clientId: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee
      credential:
        type: clientSecret
        valueFile: ${changes.secretFile ?? 'secret'}
        expiresAt: 2027-05-01
`
}
