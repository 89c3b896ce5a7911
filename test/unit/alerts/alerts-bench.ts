import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor, AuditRecord } from '../../../src/access/index.ts'
import type { AlertEvents, AlertMail, Alerts, Problem } from '../../../src/alerts/index.ts'
import {
  type AlertRules,
  createAlertRules,
  createAlerts,
  type SettingsFileEvents,
} from '../../../src/alerts/index.ts'
import type { CredentialEvents } from '../../../src/credentials/index.ts'
import type { Diagnosis } from '../../../src/diagnosis/index.ts'
import type {
  Hold,
  NotifierEvents,
  OutboxEvents,
  QueueCounts,
  StoredMessage,
} from '../../../src/outbox/index.ts'
import { HOUR_MS, parseInstant } from '../../../src/platform/clock.ts'
import { createEventBus, type EventBus } from '../../../src/platform/events.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { EXCHANGE_ONLINE_LIMITS } from '../../../src/profiles/delivery-limits.ts'
import type { CredentialFacts, Profile, ProfileEvents } from '../../../src/profiles/profile.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import type {
  Health,
  NetworkProblem,
  VerificationEvents,
} from '../../../src/verification/verification.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'

export const OPERATOR: Actor = { type: 'token', id: 't1', name: 'Olga', address: '127.0.0.1' }
const AGENT: Actor = { type: 'agent', id: null, name: 'agent', address: null }
export const START = at('2026-11-23T10:00:00Z')

export function at(text: string): number {
  const instant = parseInstant(text)
  if (instant === undefined) throw new Error(`not an instant: ${text}`)
  return instant
}

export function profileOf(id: string, changes: Partial<Profile> = {}): Profile {
  return {
    id,
    version: 1,
    managed: false,
    createdAt: 0,
    updatedAt: 0,
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: `${id}@contoso.com`,
    subjectPrefix: `[${id}] `,
    errorEmailAddress: `it-${id}@contoso.com`,
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
    authentication: { type: 'basic', username: `${id}@contoso.com` },
    delivery: EXCHANGE_ONLINE_LIMITS,
    deliverySettings: {},
    credential: null,
    warnings: [],
    ...changes,
  }
}

export function secretOf(changes: Partial<CredentialFacts> = {}): CredentialFacts {
  return {
    id: 'c1',
    type: 'clientSecret',
    hint: 'abc',
    expiresAt: null,
    expirySource: 'none',
    createdAt: 0,
    readable: true,
    ...changes,
  }
}

export function diagnosisOf(code: string, changes: Partial<Diagnosis> = {}): Diagnosis {
  return {
    code,
    row: null,
    summary: `Summary of ${code}.`,
    cause: `Cause of ${code}.`,
    likelyCauses: [`Cause of ${code}.`],
    responsible: 'exchangeAdministrator',
    remedy: `Remedy of ${code}.`,
    commands: [{ shell: 'powershell', text: 'Get-CASMailbox' }],
    retry: 'never',
    retryAfterMs: null,
    waitingUntil: null,
    guideStep: null,
    answer: {
      source: 'smtp',
      step: 'auth',
      server: 'smtp.office365.com',
      text: '535 5.7.3 Authentication unsuccessful',
      code: '535',
      enhancedCode: '5.7.3',
      traceId: null,
      correlationId: null,
      sessionId: null,
      at: null,
    },
    ...changes,
  }
}

export function networkDiagnosis(): Diagnosis {
  const diagnosis = diagnosisOf('smtp_connect_failed')
  return { ...diagnosis, answer: { ...diagnosis.answer, source: 'transport' } }
}

export function problemOf(changes: Partial<Problem> = {}): Problem {
  return {
    problem: 'verification:default',
    kind: 'verification',
    profileId: 'default',
    severity: 'critical',
    summary: 'Profile “default” cannot send mail.',
    diagnosis: diagnosisOf('auth_refused'),
    details: [],
    ...changes,
  }
}

export interface Sent extends AlertMail {
  readonly through: string
}

type Events = AlertEvents &
  ProfileEvents &
  VerificationEvents &
  CredentialEvents &
  OutboxEvents &
  NotifierEvents &
  SettingsFileEvents

export interface AlertsBench extends AsyncDisposable {
  readonly clock: FakeClock
  readonly events: EventBus<Events>
  readonly storage: Storage
  alerts: Alerts
  rules: AlertRules
  readonly audited: AuditRecord[]
  readonly log: string[]
  network: NetworkProblem | null
  /** What waits, by profile. */
  readonly queues: Map<string, QueueCounts>
  holds: readonly Hold[]
  deferred: readonly StoredMessage[]
  /** What the mailer answers: a diagnosis (refused), an error (thrown), or null (delivered). */
  answer: (profileId: string, mail: AlertMail) => Diagnosis | Error | null | Promise<null>
  put(profile: Profile): Promise<void>
  setHealth(profileId: string, state: Health['state'], diagnosis?: Diagnosis | null): void
  /** Sets it and publishes it as a finished verification does. */
  verified(profileId: string, state: Health['state'], diagnosis?: Diagnosis | null): Promise<void>
  healthOf(profileId: string): Health
  /** Mails since the last call. */
  mails(): readonly Sent[]
  subjects(): readonly string[]
  deliver(): Promise<void>
  /** Moves time in steps of a minute and delivers what is due at each. */
  pass(ms: number): Promise<void>
  settle(): Promise<void>
  restart(): Promise<void>
  find(profileId: string): Profile | undefined
  remove(profileId: string): Promise<void>
}

const EMPTY: QueueCounts = { queued: 0, held: 0, oldestAcceptedAt: null }

export async function createBench(
  options: { reminderIntervalMs?: number; publicUrl?: string | null } = {},
): Promise<AlertsBench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-alerts-'))
  const clock = createFakeClock(START)
  const log: string[] = []
  const logger = createLogger({
    level: 'debug',
    destination: { write: (line) => log.push(line) },
  })
  const storage = await openStorage({ dataDir, role: 'agent', clock, log: logger })
  const events = createEventBus<Events>({ log: logger })
  const profiles = new Map<string, Profile>()
  const healths = new Map<string, Health>()
  const audited: AuditRecord[] = []
  let sent: Sent[] = []

  const healthOf = (profileId: string): Health =>
    healths.get(profileId) ?? {
      profileId,
      state: 'unknown',
      since: 0,
      failuresInRow: 0,
      lastVerifiedAt: null,
      lastSucceededAt: null,
      lastDeliveredAt: null,
      lastReportId: null,
      diagnosis: null,
    }
  const known = {
    list: () => [...profiles.values()],
    find: (id: string) => profiles.get(id),
  }

  const outbox = {
    queueOf: (profileId: string) => bench.queues.get(profileId) ?? EMPTY,
    holdsOf: (profileId: string) => bench.holds.filter((hold) => hold.profileId === profileId),
    orphaned: () => [...bench.queues.keys()].filter((id) => !profiles.has(id)),
    list: async () => ({ messages: bench.deferred, nextCursor: null }),
  }

  const openAlerts = () =>
    createAlerts({
      outbox,
      storage,
      profiles: known,
      verification: { healthOf },
      audit: {
        record: async (record) => {
          audited.push(record)
        },
      },
      clock,
      log: logger,
      events,
      mailer: {
        async send(profileId, mail) {
          const answer = await bench.answer(profileId, mail)
          if (answer instanceof Error) throw answer
          if (answer !== null) return { ok: false, diagnosis: answer }
          sent.push({ ...mail, through: profileId })
          return { ok: true }
        },
      },
      publicUrl: options.publicUrl ?? null,
      version: '1.2.3',
      config: { reminderIntervalMs: options.reminderIntervalMs ?? 24 * HOUR_MS },
    })
  const openRules = (alerts: Alerts) =>
    createAlertRules({
      alerts,
      profiles: known,
      verification: { healthOf, networkProblem: () => bench.network },
      outbox,
      clock,
      events,
      usesSettingsFile: true,
    })
  const alerts = await openAlerts()

  const bench: AlertsBench = {
    clock,
    events,
    storage,
    alerts,
    rules: openRules(alerts),
    audited,
    log,
    network: null,
    queues: new Map(),
    holds: [],
    deferred: [],
    answer: () => null,
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
    },
    setHealth(profileId, state, diagnosis = null) {
      healths.set(profileId, {
        ...healthOf(profileId),
        state,
        since: clock.now(),
        failuresInRow: state === 'failing' ? 1 : 0,
        lastVerifiedAt: clock.now(),
        lastSucceededAt: state === 'failing' ? null : clock.now(),
        diagnosis,
      })
    },
    async verified(profileId, state, diagnosis = null) {
      const previous = healthOf(profileId)
      bench.setHealth(profileId, state, diagnosis)
      const health = healthOf(profileId)
      const changed =
        previous.state !== state || previous.diagnosis?.code !== health.diagnosis?.code
      if (changed) events.emit('health.changed', { previous, health })
      await bench.settle()
    },
    healthOf,
    mails() {
      const now = sent
      sent = []
      return now
    },
    subjects: () => bench.mails().map((mail) => mail.subject),
    deliver: () => bench.alerts.deliverDue(),
    async pass(ms) {
      for (const end = clock.now() + ms; clock.now() < end; ) {
        clock.set(Math.min(clock.now() + 60_000, end))
        await bench.alerts.deliverDue()
      }
    },
    async settle() {
      await events.idle()
      await bench.alerts.idle()
    },
    async restart() {
      await bench.rules[Symbol.asyncDispose]()
      await bench.alerts[Symbol.asyncDispose]()
      bench.alerts = await openAlerts()
      bench.rules = openRules(bench.alerts)
    },
    find: (id) => profiles.get(id),
    async remove(id) {
      const profile = profiles.get(id)
      if (profile === undefined) throw new Error(`no profile ${id}`)
      profiles.delete(id)
      await storage.db.deleteFrom('profile').where('id', '=', id).execute()
      events.emit('profile.removed', { profile, actor: AGENT })
      await bench.settle()
    },
    async [Symbol.asyncDispose]() {
      await bench.rules[Symbol.asyncDispose]()
      await bench.alerts[Symbol.asyncDispose]()
      await storage[Symbol.asyncDispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return bench
}
