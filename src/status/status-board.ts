import { type AlertEvents, type Alerts, networkSummary } from '../alerts/index.ts'
import { type CredentialEvents, daysLeft } from '../credentials/index.ts'
import { type Clock, DAY_MS, toIso } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { SyncEvents } from '../provisioning/index.ts'
import type {
  LastTestEmail,
  TestEmailOutcomes,
  Verification,
  VerificationEvents,
} from '../verification/index.ts'
import type { ProfileStatus, Status } from './api.ts'

export type StatusEvents = ProfileEvents &
  VerificationEvents &
  CredentialEvents &
  AlertEvents &
  SyncEvents

export interface StatusBoard {
  current(): Status
  /** The same as JSON text, ready to be sent. */
  currentJson(): string
}

export interface StatusBoardDeps {
  readonly profiles: Pick<Profiles, 'list'>
  readonly verification: Pick<Verification, 'healthOf' | 'networkProblem'>
  readonly alerts: Pick<Alerts, 'summaryOf' | 'hasIndependentPath'>
  readonly testEmails: Pick<TestEmailOutcomes, 'lastOf'>
  /** Problems of the settings file; empty when there is none. */
  readonly syncProblems: () => readonly string[]
  readonly events: EventBus<StatusEvents>
  readonly clock: Clock
  readonly version: string
}

/** From this many days before its end a credential turns the overall status to `warning`. */
const WARNING_DAYS = 14

const NEWS = [
  'profile.created',
  'profile.changed',
  'profile.removed',
  'credential.ended',
  'verification.completed',
  'health.changed',
  'network.failing',
  'network.recovered',
  'message.delivered',
  'test_email.ended',
  'alert.opened',
  'alert.changed',
  'alert.resolved',
  'alert.notified',
  'sync.applied',
  'sync.refused',
] as const satisfies readonly (keyof StatusEvents)[]

export function createStatusBoard(deps: StatusBoardDeps): StatusBoard {
  const { clock, events, version } = deps
  const startedAt = toIso(clock.now())
  let shown: { status: Status; json: string; day: number } | undefined

  for (const name of NEWS) {
    events.on(name, () => {
      shown = undefined
    })
  }

  function show() {
    const day = Math.floor(clock.now() / DAY_MS)
    if (shown === undefined || shown.day !== day) {
      const status = assemble(deps, { startedAt, version })
      shown = { status, json: JSON.stringify(status), day }
    }
    return shown
  }

  return { current: () => show().status, currentJson: () => show().json }
}

function assemble(deps: StatusBoardDeps, facts: { startedAt: string; version: string }): Status {
  const profiles = deps.profiles.list().map((profile) => profileStatus(profile, deps))
  const network = deps.verification.networkProblem()
  const problems = [...(network === null ? [] : [networkSummary(network)]), ...deps.syncProblems()]
  const own = deps.alerts.summaryOf(null)
  const failing = network !== null || profiles.some(({ health }) => health === 'failing')
  const warning =
    problems.length > 0 ||
    own.undelivered > 0 ||
    profiles.some(
      ({ health, credential, undeliveredAlerts }) =>
        health === 'warning' ||
        undeliveredAlerts > 0 ||
        (credential?.daysLeft ?? Number.POSITIVE_INFINITY) <= WARNING_DAYS,
    )
  return {
    status: failing ? 'failing' : warning ? 'warning' : 'ok',
    version: facts.version,
    startedAt: facts.startedAt,
    problems,
    openAlerts: own.open,
    undeliveredAlerts: own.undelivered,
    profiles,
  }
}

function profileStatus(profile: Profile, deps: StatusBoardDeps): ProfileStatus {
  const health = deps.verification.healthOf(profile.id)
  const alerts = deps.alerts.summaryOf(profile.id)
  const { credential } = profile
  return {
    id: profile.id,
    health: health.state,
    since: health.state === 'unknown' ? null : toIso(health.since),
    lastVerifiedAt: isoOrNull(health.lastVerifiedAt),
    lastDeliveredAt: isoOrNull(health.lastDeliveredAt),
    credential:
      credential === null
        ? null
        : {
            type: credential.type,
            expiresAt: isoOrNull(credential.expiresAt),
            daysLeft:
              credential.expiresAt === null
                ? null
                : daysLeft(credential.expiresAt, deps.clock.now()),
            expirySource: credential.expirySource,
          },
    queue: { queued: 0, held: 0, oldestAgeSeconds: null },
    openAlerts: alerts.open,
    undeliveredAlerts: alerts.undelivered,
    independentAlertPath: deps.alerts.hasIndependentPath(profile.id),
    lastTestEmail: lastTestEmailOf(deps.testEmails.lastOf(profile.id)),
    problem:
      health.diagnosis === null
        ? null
        : {
            code: health.diagnosis.code,
            summary: health.diagnosis.summary,
            responsible: health.diagnosis.responsible,
            remedy: health.diagnosis.remedy,
            waitingUntil: health.diagnosis.waitingUntil,
          },
  }
}

function lastTestEmailOf(last: LastTestEmail | undefined): ProfileStatus['lastTestEmail'] {
  if (last === undefined) return null
  const { at, diagnosis, reply } = last
  return {
    at: toIso(at),
    outcome: reply === null ? 'refused' : 'accepted',
    code: diagnosis?.code ?? null,
    summary: diagnosis?.summary ?? null,
  }
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : toIso(at)
}
