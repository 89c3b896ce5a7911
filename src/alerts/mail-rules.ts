import type { Diagnosis } from '../diagnosis/index.ts'
import type { NotifierEvents, Outbox, OutboxEvents } from '../outbox/index.ts'
import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS, parseInstant } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Health, Verification } from '../verification/index.ts'
import type { Alerts } from './alerts.ts'
import type { Alert } from './api.ts'
import { createOrphanRules } from './mail-orphaned.ts'
import {
  dailyLimitOf,
  dailyLimitProblem,
  delayedOf,
  delayedProblem,
  heldOf,
  heldProblem,
  sameReason,
  TELLERS,
  untoldOf,
  untoldProblem,
} from './mail-problems.ts'

export interface MailRulesDeps {
  alerts: Alerts
  profiles: Pick<Profiles, 'list' | 'find'>
  verification: Pick<Verification, 'networkProblem'>
  outbox: Pick<Outbox, 'queueOf' | 'holdsOf' | 'orphaned' | 'list'>
  clock: Clock
  events: EventBus<OutboxEvents & NotifierEvents & ProfileEvents>
  /** One judgement after the other, with those about verification and credentials. */
  inTurn: (work: () => Promise<void>) => Promise<void>
  /** Brings the alert about the verification up to date; how much mail waits stands in it. */
  judgeHealth: (profileId: string) => Promise<void>
}

/** What of waiting and failed mail is a problem. Like the other rules, it judges the present state each time. */
export interface MailRules extends AsyncDisposable {
  /** Judges again each minute: how long mail waits is no news to anybody. */
  start(): void
  /** To be called in turn. */
  judge(profile: Profile): Promise<void>
  /** Whether the alert about held mail says already why the verification fails. */
  tells(health: Health): Promise<boolean>
}

const TICK_MS = MINUTE_MS
const LONG_MS = HOUR_MS
/** An alert that opened at an hour ends at half of it, so that it does not flap around one mark. */
const SHORT_MS = LONG_MS / 2
/** After a day without another failure that nobody was told of, the alert has been seen or never will be. */
const UNTOLD_MS = DAY_MS
const MOST_OPEN = 20

export function createMailRules(deps: MailRulesDeps): MailRules {
  const { alerts, profiles, verification, outbox, clock, events, inTurn } = deps
  const orphans = createOrphanRules(deps)
  const stop = new AbortController()
  /** Until when a mailbox has used up its day. */
  const usedUp = new Map<string, number>()
  let loop: Promise<void> | undefined

  async function openOf(profileId: string): Promise<readonly Alert[]> {
    if (alerts.summaryOf(profileId).open === 0) return []
    return alerts.list({ state: 'open', profileId, limit: MOST_OPEN })
  }

  async function judge(profile: Profile): Promise<void> {
    const open = await openOf(profile.id)
    await judgeHolds(profile, open)
    await judgeDelay(profile, open)
    await judgeEnds(profile, open)
  }

  async function judgeHolds(profile: Profile, open: readonly Alert[]): Promise<void> {
    const holds = outbox.holdsOf(profile.id)
    const whole = holds.find(({ sender }) => sender === '')
    if (holds.length === 0) {
      await alerts.resolve(heldOf(profile.id), 'Nothing stops the mail any more.')
      return
    }
    const tells = (alert: Alert, diagnosis: Diagnosis) =>
      TELLERS.includes(alert.kind) && sameReason(alert.diagnosis, diagnosis)
    if (whole !== undefined && open.some((alert) => tells(alert, whole.diagnosis))) {
      const own = open.find(({ kind }) => kind === 'mailHeld')
      // Somebody who has read it must not get its all-clear now.
      if (own === undefined || own.lastNotifiedAt === null) {
        const note = 'The alert about the profile itself tells it.'
        return alerts.resolve(heldOf(profile.id), note, { quietly: true })
      }
    }
    await alerts.open(heldProblem(profile, holds, outbox))
  }

  async function judgeDelay(profile: Profile, open: readonly Alert[]): Promise<void> {
    const { queued, held, oldestAcceptedAt } = outbox.queueOf(profile.id)
    const waitsMs = oldestAcceptedAt === null ? 0 : clock.now() - oldestAcceptedAt
    if (oldestAcceptedAt === null || waitsMs < SHORT_MS) {
      return alerts.resolve(delayedOf(profile.id), 'The mail does not wait long any more.')
    }
    const isKnown =
      outbox.holdsOf(profile.id).length > 0 ||
      verification.networkProblem() !== null ||
      open.some(({ kind }) => TELLERS.includes(kind) || kind === 'dailyLimitReached')
    const isOpen = open.some(({ kind }) => kind === 'mailDelayed')
    if (isKnown || (waitsMs < LONG_MS && !isOpen)) return
    const filter = { profileId: profile.id, states: ['deferred'] } as const
    const { messages } = await outbox.list(filter, { limit: 1 })
    const reason = messages[0]?.diagnosis ?? null
    const waiting = queued + held
    await alerts.open(delayedProblem(profile, { waiting, oldestAt: oldestAcceptedAt, reason }))
  }

  /** Ends what only time ends. */
  async function judgeEnds(profile: Profile, open: readonly Alert[]): Promise<void> {
    const now = clock.now()
    for (const { kind, updatedAt } of open) {
      const updated = parseInstant(updatedAt) ?? now
      if (kind === 'dailyLimitReached') {
        // After a restart the outbox says it again, when it is still so.
        const until = usedUp.get(profile.id) ?? updated + HOUR_MS
        if (now < until) continue
        usedUp.delete(profile.id)
        await alerts.resolve(dailyLimitOf(profile.id), 'The mailbox may send again.')
      }
      if (kind === 'failuresUntold' && now >= updated + UNTOLD_MS) {
        await alerts.resolve(untoldOf(profile.id), 'For a day no other message failed unnoticed.')
      }
    }
  }

  async function ofProfile(
    profileId: string,
    work: (profile: Profile) => Promise<void>,
  ): Promise<void> {
    const profile = profiles.find(profileId)
    if (profile !== undefined) await work(profile)
  }

  async function judgeAll(): Promise<void> {
    for (const { id } of profiles.list()) {
      if (stop.signal.aborted) return
      const { queued, held } = outbox.queueOf(id)
      if (queued + held === 0 && alerts.summaryOf(id).open === 0) continue
      await inTurn(() => ofProfile(id, refresh)).catch(() => {})
    }
    await inTurn(orphans.judge).catch(() => {})
  }

  /** Only what is open is judged by a health that may be old: what was overcome since must not open now. */
  async function refresh(profile: Profile): Promise<void> {
    const open = await openOf(profile.id)
    if (open.some(({ kind }) => TELLERS.includes(kind))) await deps.judgeHealth(profile.id)
    await judge(profile)
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(TICK_MS, stop.signal).catch(() => {})
      await judgeAll()
    }
  }

  const subscriptions = [
    events.on('outbox.held', ({ hold }) => inTurn(() => ofProfile(hold.profileId, judge))),
    events.on('outbox.released', ({ profileId }) =>
      inTurn(async () => {
        await ofProfile(profileId, judge)
        await alerts.pathWorks(profileId)
      }),
    ),
    events.on('outbox.day_used_up', ({ profileId, ...news }) =>
      inTurn(() =>
        ofProfile(profileId, async (profile) => {
          usedUp.set(profileId, news.until)
          await alerts.open(dailyLimitProblem(profile, news))
        }),
      ),
    ),
    events.on('failures.unreported', ({ profileId, messages: count, at }) =>
      inTurn(() =>
        ofProfile(profileId, (profile) =>
          alerts.open(untoldProblem(profile, { count, at, failed: null })),
        ),
      ),
    ),
    events.on('message.failed', ({ profileId, source, diagnosis: failed }) => {
      if (source !== 'report' || failed === null) return undefined
      const facts = { count: 1, at: clock.now(), failed }
      return inTurn(() =>
        ofProfile(profileId, (profile) => alerts.open(untoldProblem(profile, facts))),
      )
    }),
    events.on('profile.changed', ({ profile, previous }) => {
      if (profile.errorEmailAddress === previous.errorEmailAddress) return undefined
      return inTurn(() => alerts.resolve(untoldOf(profile.id), 'Another error address was set.'))
    }),
    events.on('profile.removed', ({ profile }) => {
      usedUp.delete(profile.id)
    }),
  ]

  return {
    start() {
      loop ??= Promise.resolve().then(run)
    },
    judge,
    async tells({ profileId, diagnosis }) {
      const open = await openOf(profileId)
      return open.some(
        (alert) => alert.kind === 'mailHeld' && sameReason(alert.diagnosis, diagnosis),
      )
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      for (const end of subscriptions) end()
      orphans[Symbol.dispose]()
      await loop
    },
  }
}
