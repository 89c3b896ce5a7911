import type { Actor, Audit } from '../access/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { type Clock, DAY_MS, SECOND_MS, toIso } from '../platform/clock.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Profiles } from '../profiles/index.ts'
import { oneLine } from '../smtp/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Verification } from '../verification/index.ts'
import type { AlertConfig, AlertEvents, AlertMailer, Alerts, Problem } from './alerts.ts'
import { createDelivery } from './delivery.ts'
import { createAlertNews } from './events.ts'
import {
  acknowledged,
  hurried,
  opened,
  overtaken,
  resolved,
  silenced,
  unsilenced,
  updated,
} from './life.ts'
import { createLiveAlerts } from './live-alerts.ts'
import { createMailPath } from './mail-path.ts'
import { createOutgoing } from './outgoing.ts'
import { readSilenceUntil } from './silence-until.ts'
import { createAlertStore } from './store.ts'
import { isSilenced, type StoredAlert, viewOf } from './stored-alert.ts'

const TICK_MS = 30 * SECOND_MS
const PRUNE_EVERY_MS = DAY_MS
const RESOLVED_KEPT_MS = 365 * DAY_MS

export interface AlertsDeps {
  storage: Pick<Storage, 'db'>
  profiles: Pick<Profiles, 'list' | 'find'>
  /** Tells which profiles can carry a mail now. */
  verification: Pick<Verification, 'healthOf'>
  /** Tells whose mail is kept back. */
  outbox: Pick<Outbox, 'holdsOf'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  log: Logger
  events: EventBus<AlertEvents>
  mailer: AlertMailer
  /** For links in mails. */
  publicUrl: string | null
  version: string
  config: AlertConfig
}

export async function createAlerts(deps: AlertsDeps): Promise<Alerts> {
  const { profiles, audit, clock, log } = deps
  const news = createAlertNews({ log, events: deps.events })
  const store = createAlertStore({ storage: deps.storage })
  const live = await createLiveAlerts({ store, profiles })
  const path = createMailPath(deps)
  const delivery = createDelivery({ ...deps, path })
  const outgoing = createOutgoing({ ...deps, live, store, path, delivery, news })
  const stop = new AbortController()
  let loop: Promise<void> | undefined

  const view = (alert: StoredAlert) => viewOf(alert, clock.now())

  async function open(problem: Problem): Promise<void> {
    const { profileId } = problem
    if (profileId !== null && profiles.find(profileId) === undefined) return
    const moment = { now: clock.now(), recipients: path.recipientsFor(profileId), newId }
    const current = live.openOf(problem.problem)
    if (current !== undefined) {
      const next = updated(current, problem, moment)
      if (next === current) return
      if (await live.save(next, current)) news.changed(view(next))
    } else {
      const previous = await store.latest(problem.problem)
      const next = opened(problem, previous, moment)
      const former = previous?.id === next.id ? previous : undefined
      if (await live.save(next, former)) news.opened(view(next))
      const late = previous === undefined || former !== undefined ? undefined : overtaken(previous)
      if (late !== undefined && late !== previous) await live.save(late, previous)
    }
    poke()
  }

  async function resolve(
    problem: string,
    note: string,
    options?: { readonly quietly?: boolean },
  ): Promise<void> {
    const current = live.openOf(problem)
    if (current === undefined) return
    const next = resolved(current, note, { now: clock.now(), newId }, options)
    if (await live.save(next, current)) news.resolved(view(next))
    poke()
  }

  async function require(id: string): Promise<StoredAlert> {
    const found = live.get(id) ?? (await store.find(id))
    if (found !== undefined) return found
    throw new PosternError('There is no such alert. GET /api/v1/alerts lists those that are.', {
      kind: 'not_found',
      code: 'alert_not_found',
    })
  }

  async function requireOpen(id: string): Promise<StoredAlert> {
    const found = await require(id)
    if (found.state === 'open') return found
    throw new PosternError('This alert is resolved already: there is nothing left to do.', {
      kind: 'conflict',
      code: 'alert_resolved',
    })
  }

  /** A change by a person: stored together with its audit record. */
  async function change(
    alert: StoredAlert,
    next: StoredAlert,
    actor: Actor,
    action: string,
  ): Promise<void> {
    const target = { type: 'alert', id: alert.id }
    const record = { actor, action, target, before: noted(alert), after: noted(next) }
    if (!(await live.save(next, alert, (executor) => audit.record(record, executor)))) return
    news.changed(view(next))
  }

  function poke(): void {
    if (loop === undefined || stop.signal.aborted) return
    outgoing.deliverDue(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) log.error({ err: error }, messageOf(error))
    })
  }

  async function run(): Promise<void> {
    let prunedAt: number | undefined
    while (!stop.signal.aborted) {
      const now = clock.now()
      if (prunedAt === undefined || Math.abs(now - prunedAt) >= PRUNE_EVERY_MS) {
        prunedAt = now
        await store.prune(now - RESOLVED_KEPT_MS).catch((error: unknown) => {
          log.error({ err: error }, messageOf(error))
        })
      }
      poke()
      await clock.sleep(TICK_MS, stop.signal).catch(() => {})
    }
  }

  async function idle(): Promise<void> {
    await live.settled()
    await outgoing.settled()
    await live.settled()
  }

  return {
    open: (problem) => live.inTurn(() => open(problem)),
    resolve: (problem, note, options) => live.inTurn(() => resolve(problem, note, options)),
    async list(options) {
      return (await store.list(options)).map(view)
    },
    async get(id) {
      return view(await require(id))
    },
    acknowledge: (id, actor) =>
      live.inTurn(async () => {
        const alert = await requireOpen(id)
        if (alert.acknowledgedAt !== null) return view(alert)
        const next = acknowledged(alert, actor.name, clock.now())
        await change(alert, next, actor, 'alert.acknowledged')
        return view(next)
      }),
    silence: (id, { until, reason }, actor) =>
      live.inTurn(async () => {
        const alert = await requireOpen(id)
        const next = silenced(alert, readSilenceUntil(until, clock.now()), oneLine(reason))
        await change(alert, next, actor, 'alert.silenced')
        return view(next)
      }),
    unsilence: (id, actor) =>
      live.inTurn(async () => {
        const alert = await require(id)
        if (!isSilenced(alert, clock.now())) return view(alert)
        const next = unsilenced(alert)
        await change(alert, next, actor, 'alert.unsilenced')
        poke()
        return view(next)
      }),
    summaryOf: (profileId) => live.summaryOf(profileId, clock.now()),
    hasIndependentPath: path.hasIndependent,
    pathWorks: (profileId) =>
      live.inTurn(async () => {
        const address = profiles.find(profileId)?.errorEmailAddress ?? null
        for (const alert of live.all()) {
          const isOwn = alert.profileId === profileId
          if (!isOwn && address === null) continue
          const next = hurried(alert, isOwn ? null : address, clock.now())
          if (next !== alert) await live.save(next, alert)
        }
        poke()
      }),
    forgetProfile: (profileId) => live.inTurn(async () => live.forget(profileId)),
    deliverDue(signal) {
      const signals = signal === undefined ? [stop.signal] : [stop.signal, signal]
      return outgoing.deliverDue(AbortSignal.any(signals))
    },
    start() {
      loop ??= Promise.resolve().then(run)
    },
    idle,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await loop
      await idle()
    },
  }
}

/** What the audit record shows of an alert. */
function noted(alert: StoredAlert) {
  const { problem, acknowledgedBy, silencedUntil, silenceReason } = alert
  const until = silencedUntil === null ? null : toIso(silencedUntil)
  return { problem, acknowledgedBy, silencedUntil: until, silenceReason }
}
