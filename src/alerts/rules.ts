import { type CredentialEvents, dueThreshold } from '../credentials/index.ts'
import type { NotifierEvents, Outbox, OutboxEvents } from '../outbox/index.ts'
import { type Clock, parseInstant } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Verification, VerificationEvents } from '../verification/index.ts'
import type { Alerts } from './alerts.ts'
import type { Alert, AlertKind } from './api.ts'
import { withWaiting } from './mail-problems.ts'
import { createMailRules } from './mail-rules.ts'
import {
  concerns,
  credentialOf,
  credentialProblem,
  failsOnTheWay,
  fallbackProblem,
  isUnreadable,
  NETWORK,
  networkAlert,
  refusedProblem,
  renewalProblem,
  replacementOf,
  SETTINGS_FILE,
  type SettingsFileRefused,
  saysEnded,
  secretOf,
  secretProblem,
  settingsFileProblem,
  verificationOf,
  verificationProblem,
} from './problems.ts'

/** News of the settings file that alerts listen to. */
export interface SettingsFileEvents {
  'sync.refused': SettingsFileRefused
  'sync.applied': { readonly file: string }
}

export interface AlertRulesDeps {
  alerts: Alerts
  profiles: Pick<Profiles, 'list' | 'find'>
  verification: Pick<Verification, 'healthOf' | 'networkProblem'>
  outbox: Pick<Outbox, 'queueOf' | 'holdsOf' | 'orphaned' | 'list'>
  clock: Clock
  events: EventBus<
    ProfileEvents &
      VerificationEvents &
      CredentialEvents &
      OutboxEvents &
      NotifierEvents &
      SettingsFileEvents
  >
  /** false: none can be wrong, and an alert about a former one ends. */
  usesSettingsFile: boolean
}

export interface AlertRules extends AsyncDisposable {
  /** Judges the present state once: a crash may have swallowed the news. */
  start(): Promise<void>
}

/** Most alerts that one profile can have open. */
const OF_ONE_PROFILE = 10
const OF_ALL = 100_000

/** Decides which news are problems. It looks at the present state each time, so lost or repeated news do no harm. */
export function createAlertRules(deps: AlertRulesDeps): AlertRules {
  const { profiles, verification, clock, events } = deps
  const alerts = withWaiting(deps.alerts, deps)
  const mail = createMailRules({ ...deps, alerts, inTurn, judgeHealth })
  /** The last end or threshold told of each profile's credential, so that two sources of it tell it once. */
  const told = new Map<string, string>()
  let last: Promise<void> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<void> {
    const run = last.then(work)
    last = run.catch(() => {})
    return run
  }

  async function openAlert(profileId: string, ...kinds: AlertKind[]): Promise<Alert | undefined> {
    if (alerts.summaryOf(profileId).open === 0) return undefined
    const open = await alerts.list({ state: 'open', profileId, limit: OF_ONE_PROFILE })
    return open.find(({ kind }) => kinds.includes(kind))
  }

  /** Opens, updates or resolves what the last verification says. */
  async function judgeHealth(profileId: string): Promise<void> {
    const profile = profiles.find(profileId)
    if (profile === undefined) return
    const health = verification.healthOf(profileId)
    await judgeSecret(profile)
    if (!concerns(health, profile)) return
    const open = await openAlert(profileId, 'verification')
    if (health.state === 'failing') {
      if (open !== undefined) return alerts.open(verificationProblem(profile, health))
      if (await mail.tells(health)) return
      if (saysEnded(health)) return judgeCredential(profile, { withHealth: true })
      const partOfNetwork = verification.networkProblem() !== null && failsOnTheWay(health)
      if (partOfNetwork || isUnreadable(profile, health)) return
      return alerts.open(verificationProblem(profile, health))
    }
    // A first passing failure, or a profile that was never verified, proves neither that it works nor that it does not.
    if (health.state === 'unknown' || health.failuresInRow > 0) return
    await alerts.resolve(verificationOf(profileId), 'The verification succeeded.')
    await judgeCredential(profile, { onlyOpen: true })
  }

  async function judgeSecret(profile: Profile): Promise<void> {
    const problem = secretProblem(profile, clock.now())
    if (problem !== undefined) await alerts.open(problem)
    else await alerts.resolve(secretOf(profile.id), 'The stored secret can be read.')
  }

  async function judgeCredential(
    profile: Profile,
    options: { withHealth?: boolean; onlyOpen?: boolean; news?: boolean; start?: boolean },
  ): Promise<void> {
    const open = await openAlert(profile.id, 'credentialExpiring', 'credentialEnded')
    if (options.onlyOpen === true && open === undefined) return
    const now = clock.now()
    const health = options.withHealth === true ? verification.healthOf(profile.id) : undefined
    const problem = credentialProblem(profile, { health, told: open?.diagnosis ?? null, now })
    if (problem === undefined) {
      told.delete(profile.id)
      return alerts.resolve(
        credentialOf(profile.id),
        'The credential was renewed, or its end date lies further ahead.',
      )
    }
    const expiresAt = profile.credential?.expiresAt ?? now
    // What is newly reached is the news' to tell: an update in silence would swallow it.
    const behind = open !== undefined && isBehind(open, expiresAt, now)
    if (options.onlyOpen === true && behind) return
    const threshold = problem.kind === 'credentialEnded' ? 0 : dueThreshold(expiresAt, now)
    const step = `${profile.credential?.id} ${threshold}`
    const isNew = told.get(profile.id) !== step
    const missed = options.start === true && behind
    const ends = options.withHealth === true && open?.kind === 'credentialExpiring'
    const escalate = isNew && (options.news === true || missed || ends)
    if (options.onlyOpen !== true) told.set(profile.id, step)
    await alerts.open({ ...problem, escalate })
  }

  async function ofProfile(
    profileId: string,
    judge: (profile: Profile) => Promise<void>,
  ): Promise<void> {
    const profile = profiles.find(profileId)
    if (profile !== undefined) await judge(profile)
  }

  /** Alerts that opened one by one before the network was known to be the reason, and that nobody has read yet. */
  async function fold(): Promise<void> {
    const open = await alerts.list({ state: 'open', limit: OF_ALL })
    for (const { profileId, kind, lastNotifiedAt } of open) {
      if (kind !== 'verification' || profileId === null || lastNotifiedAt !== null) continue
      if (!failsOnTheWay(verification.healthOf(profileId))) continue
      await alerts.resolve(
        verificationOf(profileId),
        'It is part of a problem of the network, which has an alert of its own.',
        { quietly: true },
      )
    }
  }

  async function judgeNetwork(): Promise<void> {
    const problem = verification.networkProblem()
    if (problem === null) return alerts.resolve(NETWORK, 'The servers can be reached again.')
    await alerts.open(networkAlert(problem))
    await fold()
  }

  async function judgeEverything(): Promise<void> {
    await judgeNetwork()
    for (const profile of profiles.list()) {
      await judgeHealth(profile.id)
      const health = verification.healthOf(profile.id)
      const withHealth = concerns(health, profile) && saysEnded(health)
      await judgeCredential(profile, { withHealth, start: true })
      await mail.judge(profile)
    }
    if (!deps.usesSettingsFile) {
      await alerts.resolve(SETTINGS_FILE, 'No settings file is used any more.')
    }
  }

  const subscriptions = [
    // Both: after a network problem a profile may fail as before, which changes nothing in its health.
    events.on('verification.completed', ({ health }) =>
      inTurn(() => judgeHealth(health.profileId)),
    ),
    events.on('health.changed', ({ health }) =>
      inTurn(async () => {
        await judgeHealth(health.profileId)
        if (health.state === 'ok') await alerts.pathWorks(health.profileId)
      }),
    ),
    events.on('network.failing', () => inTurn(judgeNetwork)),
    events.on('network.recovered', () => inTurn(judgeNetwork)),
    events.on('credential.expiring', ({ profileId }) =>
      inTurn(() => ofProfile(profileId, (profile) => judgeCredential(profile, { news: true }))),
    ),
    events.on('credential.expired', ({ profileId }) =>
      inTurn(() =>
        ofProfile(profileId, (profile) =>
          judgeCredential(profile, { news: true, withHealth: true }),
        ),
      ),
    ),
    events.on('credential.renewed', ({ profileId }) =>
      inTurn(() => ofProfile(profileId, (profile) => judgeCredential(profile, { onlyOpen: true }))),
    ),
    events.on('credential.refused', ({ profileId, diagnosis }) =>
      inTurn(() =>
        ofProfile(profileId, (profile) => alerts.open(refusedProblem(profile, diagnosis))),
      ),
    ),
    events.on('credential.renewal_failed', ({ profileId, ...news }) =>
      inTurn(() => ofProfile(profileId, (profile) => alerts.open(renewalProblem(profile, news)))),
    ),
    events.on('credential.fallback_used', ({ profile, reason }) =>
      inTurn(() =>
        ofProfile(profile.id, (current) => alerts.open(fallbackProblem(current, reason))),
      ),
    ),
    events.on('credential.activated', ({ profileId }) =>
      inTurn(() => alerts.resolve(replacementOf(profileId), 'A new credential is in use.')),
    ),
    events.on('profile.created', ({ profile }) => inTurn(() => ofProfile(profile.id, judgeSecret))),
    events.on('profile.changed', ({ profile, secretChanged, actor }) =>
      inTurn(() =>
        ofProfile(profile.id, async (current) => {
          if (secretChanged && actor.type !== 'agent') {
            await alerts.resolve(replacementOf(profile.id), 'A new credential was entered.')
          }
          await judgeSecret(current)
          await judgeCredential(current, { onlyOpen: true })
        }),
      ),
    ),
    events.on('profile.removed', ({ profile }) =>
      inTurn(async () => {
        told.delete(profile.id)
        await alerts.forgetProfile(profile.id)
      }),
    ),
    events.on('sync.refused', (refused) => inTurn(() => alerts.open(settingsFileProblem(refused)))),
    events.on('sync.applied', () =>
      inTurn(() => alerts.resolve(SETTINGS_FILE, 'The settings file was applied.')),
    ),
  ]

  return {
    async start() {
      await inTurn(judgeEverything)
      mail.start()
    },
    async [Symbol.asyncDispose]() {
      for (const end of subscriptions) end()
      await mail[Symbol.asyncDispose]()
      await last
    },
  }
}

/** Whether a more urgent threshold has been reached since the alert was last brought up to date. */
function isBehind(alert: Alert, expiresAt: number, now: number): boolean {
  const then = dueThreshold(expiresAt, parseInstant(alert.updatedAt) ?? now)
  const today = dueThreshold(expiresAt, now)
  return today !== undefined && (then === undefined || today < then)
}
