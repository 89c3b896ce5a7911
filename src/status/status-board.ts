import { isIPv6 } from 'node:net'
import { type AlertEvents, type Alerts, networkSummary, orphanedSummary } from '../alerts/index.ts'
import { type CredentialEvents, daysLeft } from '../credentials/index.ts'
import type { Hold, NotifierEvents, Outbox, OutboxEvents } from '../outbox/index.ts'
import { type Clock, DAY_MS, SECOND_MS, toIso } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { SyncEvents } from '../provisioning/index.ts'
import type { Relay, RelayEvents } from '../relay/index.ts'
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
  OutboxEvents &
  NotifierEvents &
  RelayEvents &
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
  readonly outbox: Pick<Outbox, 'queueOf' | 'holdsOf' | 'orphaned'>
  readonly testEmails: Pick<TestEmailOutcomes, 'lastOf'>
  readonly relay: Pick<Relay, 'address' | 'problem'>
  /** Problems of the settings file; empty when there is none. */
  readonly syncProblems: () => readonly string[]
  readonly events: EventBus<StatusEvents>
  readonly clock: Clock
  readonly version: string
}

/** From this many days before its end a credential turns the overall status to `warning`. */
const WARNING_DAYS = 14

/** How old the age of a waiting message may be. */
const AGE_VALID_MS = SECOND_MS

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
  'outbox.held',
  'outbox.released',
  'outbox.changed',
  'relay.changed',
  'sync.applied',
  'sync.refused',
] as const satisfies readonly (keyof StatusEvents)[]

export function createStatusBoard(deps: StatusBoardDeps): StatusBoard {
  const { clock, events, version } = deps
  const startedAt = toIso(clock.now())
  let shown: { status: Status; json: string; day: number; at: number; ages: boolean } | undefined

  for (const name of NEWS) {
    events.on(name, () => {
      shown = undefined
    })
  }

  function show() {
    const at = clock.now()
    const day = Math.floor(at / DAY_MS)
    const isOld = shown?.ages === true && Math.abs(at - shown.at) >= AGE_VALID_MS
    if (shown === undefined || shown.day !== day || isOld) {
      const status = assemble(deps, { startedAt, version })
      const ages = status.profiles.some(({ queue }) => queue.oldestAgeSeconds !== null)
      shown = { status, json: JSON.stringify(status), day, at, ages }
    }
    return shown
  }

  return { current: () => show().status, currentJson: () => show().json }
}

function assemble(deps: StatusBoardDeps, facts: { startedAt: string; version: string }): Status {
  const known = deps.profiles.list()
  const profiles = known.map((profile) => profileStatus(profile, deps))
  const network = deps.verification.networkProblem()
  const orphaned = orphanedSummary(deps.outbox)
  const problems = [
    ...(network === null ? [] : [networkSummary(network)]),
    ...(orphaned === undefined ? [] : [orphaned]),
    ...deps.syncProblems(),
  ]
  const own = deps.alerts.summaryOf(null)
  const relay = relayStatus(deps.relay)
  const failing =
    network !== null ||
    profiles.some(({ health }) => health === 'failing') ||
    known.some(({ id }) => deps.outbox.holdsOf(id).length > 0)
  const warning =
    problems.length > 0 ||
    relay.problem !== null ||
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
    relay,
    profiles,
  }
}

function relayStatus(relay: StatusBoardDeps['relay']): Status['relay'] {
  const address = relay.address()
  const problem = relay.problem()
  if (address === null) return { address, problem }
  const { host, port } = address
  return { address: `${isIPv6(host) ? `[${host}]` : host}:${port}`, problem }
}

function profileStatus(profile: Profile, deps: StatusBoardDeps): ProfileStatus {
  const health = deps.verification.healthOf(profile.id)
  const alerts = deps.alerts.summaryOf(profile.id)
  const { credential } = profile
  const diagnosis = health.diagnosis ?? holdOf(profile, deps)?.diagnosis ?? null
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
    queue: queueOf(profile, deps),
    openAlerts: alerts.open,
    undeliveredAlerts: alerts.undelivered,
    independentAlertPath: deps.alerts.hasIndependentPath(profile.id),
    lastTestEmail: lastTestEmailOf(deps.testEmails.lastOf(profile.id)),
    problem:
      diagnosis === null
        ? null
        : {
            code: diagnosis.code,
            summary: diagnosis.summary,
            responsible: diagnosis.responsible,
            remedy: diagnosis.remedy,
            waitingUntil: diagnosis.waitingUntil,
          },
  }
}

/** That of the whole profile before those of its senders. */
function holdOf(profile: Profile, { outbox }: StatusBoardDeps): Hold | undefined {
  const holds = outbox.holdsOf(profile.id)
  return holds.find(({ sender }) => sender === '') ?? holds[0]
}

function queueOf(profile: Profile, { outbox, clock }: StatusBoardDeps): ProfileStatus['queue'] {
  const { queued, held, oldestAcceptedAt } = outbox.queueOf(profile.id)
  const ageMs = oldestAcceptedAt === null ? null : Math.max(0, clock.now() - oldestAcceptedAt)
  return { queued, held, oldestAgeSeconds: ageMs === null ? null : Math.floor(ageMs / SECOND_MS) }
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
