import type { TokenSource } from '../entra/index.ts'
import { type Clock, MINUTE_MS } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { SmtpClient } from '../smtp/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Report, VerifyReason } from './api.ts'
import { createBoard, removed } from './board.ts'
import { createVerificationNews } from './events.ts'
import type { Evidence } from './evidence.ts'
import { readRecipient } from './recipient.ts'
import { deleteOldReports } from './retention.ts'
import { runChecks } from './run-checks.ts'
import { createRuns, type RunOrder } from './runs.ts'
import { assertSchedule, type Schedule, startSchedule } from './schedule.ts'
import { createReportStore } from './store.ts'
import { runSweep } from './sweep.ts'
import type { Verification, VerificationEvents } from './verification.ts'

export interface VerificationConfig {
  /** Cron expression, in UTC. */
  readonly schedule: string
  readonly concurrency: number
  /** Longest time for one verification. */
  readonly timeoutMs: number
  readonly retentionDays: number
  readonly reportsPerProfile: number
}

export interface VerificationDeps {
  profiles: Profiles
  tokens: TokenSource
  smtp: SmtpClient
  storage: Pick<Storage, 'db'>
  clock: Clock
  log: Logger
  events: EventBus<VerificationEvents & ProfileEvents>
  config: VerificationConfig
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
  /** Of the agent, named in test messages. */
  version: string
  hostname: string
}

/** The schedule's runs are spread over at most this time. */
const LONGEST_SPREAD_MS = MINUTE_MS

/** Code of the diagnosis of a secret that another master key has sealed. */
const SECRET_UNREADABLE = 'secret_unreadable'

interface Sweep {
  readonly done: Promise<void>
  /** Every profile, not only those that were due at the start. */
  readonly full: boolean
}

export async function createVerification(deps: VerificationDeps): Promise<Verification> {
  const { profiles, tokens, clock, log, events, config, version, hostname } = deps
  assertSchedule(config.schedule)
  const store = createReportStore(deps.storage)
  const news = createVerificationNews({ events, log })
  const board = await createBoard({ profiles, store, news, now: () => clock.now() })
  const runs = createRuns({ concurrency: config.concurrency, execute })
  const stopping = new AbortController()
  let sweeping: Sweep | undefined
  let schedule: Schedule | undefined

  async function execute(
    profileId: string,
    { reason, sendTo }: RunOrder,
    { signal, stepAside }: { signal: AbortSignal; stepAside: () => void },
  ): Promise<Report> {
    const profile = profiles.find(profileId)
    if (profile === undefined) throw removed(profileId)
    const { timeoutMs } = config
    const health = board.healthOf(profileId)
    const result = await runChecks(
      { ...deps, agent: { version, hostname }, timeoutMs },
      {
        profile,
        reason,
        sendTo,
        lastDiagnosis: health.diagnosis,
        proof: health,
        signal,
        onWait: stepAside,
      },
    )
    // The last exit: from here on the run is stored, whole.
    signal.throwIfAborted()
    await board.take(profile, result)
    return result.report
  }

  /** One visit of a sweep: a profile that cannot be verified must not stop the others. */
  async function visit(id: string, reason: VerifyReason, signal: AbortSignal): Promise<void> {
    if (profiles.find(id) === undefined) return
    try {
      await runs.request(id, { reason, sendTo: undefined, signal })
    } catch (error) {
      if (signal.aborted || profiles.find(id) === undefined) return
      log.error({ profileId: id, err: error }, 'verification not possible')
    }
  }

  function beginSweep(
    ids: readonly string[],
    options: { reason: VerifyReason; spreadMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const { reason, spreadMs } = options
    const signal = options.signal
      ? AbortSignal.any([options.signal, stopping.signal])
      : stopping.signal
    const { concurrency } = config
    const work = async () => {
      try {
        const each = (id: string) => visit(id, reason, signal)
        await runSweep({ ids, spreadMs, concurrency, clock, signal, visit: each })
        await tidy(signal)
      } finally {
        sweeping = undefined
      }
    }
    const done = work()
    sweeping = { done, full: ids.length === profiles.list().length }
    return done
  }

  async function tidy(signal: AbortSignal): Promise<void> {
    const profileIds = profiles.list().map(({ id }) => id)
    const now = clock.now()
    const deleted = await deleteOldReports({ store, profileIds, rules: config, now, signal })
    if (deleted > 0) log.debug({ deleted }, 'old reports deleted')
  }

  /** Sweeps never overlap: a full one under way is shared, one over a few profiles is waited for. */
  async function sweep(options: {
    reason: VerifyReason
    spreadMs: number
    signal?: AbortSignal
  }): Promise<void> {
    while (sweeping !== undefined) {
      const { done, full } = sweeping
      if (full) return done
      await done.catch(() => {})
    }
    options.signal?.throwIfAborted()
    stopping.signal.throwIfAborted()
    await beginSweep(
      profiles.list().map(({ id }) => id),
      options,
    )
  }

  function inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!stopping.signal.aborted) log.error({ err: error }, messageOf(error))
    })
  }

  function tick(spreadMs: number): void {
    if (sweeping?.full) {
      log.warn('verification sweep still under way, this turn is left out')
      return
    }
    inBackground(sweep({ reason: 'schedule', spreadMs }))
  }

  function dropTokens({ authentication }: Profile): void {
    if (authentication.type !== 'exchangeOnline') return
    tokens.drop(authentication.tenantId, authentication.clientId)
  }

  function onSaved({ id }: Profile, changed: boolean): void {
    // A run under way judges the same settings when nothing has changed.
    const run = changed
      ? runs.renew(id)
      : runs.request(id, { reason: 'saved', sendTo: undefined, signal: undefined })
    run.catch((error: unknown) => {
      if (stopping.signal.aborted || profiles.find(id) === undefined) return
      log.error({ profileId: id, err: error }, 'verification not possible')
    })
  }

  /** Whether a profile is to be verified at the start. */
  function isDue({ id, updatedAt, credential }: Profile, intervalMs: number): boolean {
    const { lastVerifiedAt, diagnosis } = board.healthOf(id)
    // Saved, and the agent ended before the verification did.
    if (lastVerifiedAt === null || lastVerifiedAt < updatedAt) return true
    // The master key may be another one since the last run, or the right one again.
    if (credential?.readable === false || diagnosis?.code === SECRET_UNREADABLE) return true
    // Also when the machine's clock was set back meanwhile.
    return Math.abs(clock.now() - lastVerifiedAt) >= intervalMs
  }

  const subscriptions = [
    events.on('profile.created', ({ profile }) => dropTokens(profile)),
    events.on('profile.changed', ({ profile, previous, connectionChanged }) => {
      if (!connectionChanged) return
      dropTokens(previous)
      dropTokens(profile)
    }),
    events.on('profile.saved', ({ profile, changed }) => onSaved(profile, changed)),
    events.on('message.delivered', ({ profileId, at }) => board.delivered(profileId, at)),
    events.on('profile.removed', ({ profile }) => {
      runs.cancel(profile.id, removed(profile.id))
      board.forget(profile.id)
      dropTokens(profile)
    }),
  ]

  return {
    async verify(profileId, { reason, sendTo, signal }) {
      profiles.get(profileId)
      // Told at once, not when its turn has come.
      const to = sendTo === undefined ? undefined : readRecipient(sendTo, 'sendTo')
      return runs.request(profileId, { reason, sendTo: to, signal })
    },
    reports: async (profileId, page) => {
      profiles.get(profileId)
      return store.list(profileId, page)
    },
    report: (id) => store.get(id),
    healthOf: (profileId) => board.healthOf(profileId),
    networkProblem: () => board.networkProblem(),
    sweep,
    start() {
      if (schedule !== undefined || stopping.signal.aborted) return
      let spreadMs = LONGEST_SPREAD_MS
      schedule = startSchedule({
        expression: config.schedule,
        tick: () => tick(spreadMs),
        log,
      })
      const { intervalMs } = schedule
      spreadMs = Math.min(intervalMs, LONGEST_SPREAD_MS)
      const due = profiles.list().filter((profile) => isDue(profile, intervalMs))
      if (due.length === 0) return
      inBackground(
        beginSweep(
          due.map(({ id }) => id),
          { reason: 'started', spreadMs },
        ),
      )
    },
    async idle() {
      while (sweeping !== undefined) await sweeping.done.catch(() => {})
      await runs.idle()
      await board.settled()
    },
    async [Symbol.asyncDispose]() {
      for (const end of subscriptions) end()
      await schedule?.stop()
      const stopped = new Error('verification is stopping')
      stopping.abort(stopped)
      await sweeping?.done.catch(() => {})
      await runs[Symbol.asyncDispose]()
      await board.settled()
    },
  }
}
