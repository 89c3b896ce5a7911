import type { Failure } from '../../diagnosis/index.ts'
import type { TokenSource } from '../../entra/index.ts'
import { type Clock, SECOND_MS } from '../../platform/clock.ts'
import { messageOf, PosternError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profile, Profiles } from '../../profiles/index.ts'
import type { Mailbox, MailboxSlots, SmtpSessions } from '../../smtp/index.ts'
import type { Evidence, Proof } from '../../verification/index.ts'
import type { OutboxNews } from '../events.ts'
import type { Hold, StoredMessage } from '../message.ts'
import type { ClaimedMessage, OutboxStore } from '../outbox-store.ts'
import { type Carried, carry } from './carry.ts'
import { createClaims, type Item } from './claims.ts'
import type { Conclusion } from './conclude.ts'
import { createConcurrency } from './concurrency.ts'
import { createDayBudget } from './day-budget.ts'
import { createDayNotice } from './day-notice.ts'
import { createExplaining } from './explaining.ts'
import { createGiveBack } from './give-back.ts'
import type { HoldBook } from './hold-book.ts'
import { createHoldKeeper } from './hold-keeper.ts'
import { strictest } from './limits.ts'
import { senderOf } from './mailbox-key.ts'
import { senderMustWait } from './own-diagnosis.ts'
import { createPacer, type Ticket } from './pacer.ts'
import { notTried } from './put-aside.ts'
import { isOwnMail } from './queue-state.ts'
import { createSenderTrials } from './sender-trials.ts'
import { createSessionPool } from './session-pool.ts'
import { createSettling } from './settling.ts'
import { createStranded } from './stranded.ts'
import type { Tasks } from './tasks.ts'
import { createTurns } from './turns.ts'
import { isOwnFault, judge, type Verdict } from './verdict.ts'

/** The delivery for one mailbox of a server, whichever profiles send through it. */
export interface Lane {
  /** Mail of these profiles may be waiting. */
  wake(profileIds: readonly string[]): void
  /** Tries one message of a profile that is on hold. */
  probe(profileId: string): void
  /** The next message of this sender is tried although it is on hold. */
  probeSender(profileId: string, sender: string): void
  /** Whether another SendAsDenied is far enough from a block of the mailbox. */
  mayRiskDenial(): boolean
  /** The connections of the profile are void. */
  renew(profileId: string): void
  /** Nothing is under way and nothing can be sent now. */
  isQuiet(): boolean
  /** Begins nothing more; resolves when nothing is under way and every connection is closed. */
  stop(): Promise<void>
}

export interface DeliveryDeps {
  store: OutboxStore
  sessions: SmtpSessions
  slots: MailboxSlots
  profiles: Profiles
  tokens: TokenSource
  /** What a profile has done before; verification knows. */
  proofOf: (profileId: string) => Proof
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
  clock: Clock
  monotonicMs: () => number
  /** 0 to 1. */
  random: () => number
  log: Logger
}

export interface LaneDeps extends DeliveryDeps {
  mailbox: Mailbox & { readonly key: string }
  /** Those of this mailbox, as of now. */
  laneProfiles: () => readonly Profile[]
  holds: HoldBook
  news: OutboxNews
  tasks: Tasks
  /** When the last hold of the profile ended; null: not known. */
  releasedAt: (profileId: string) => number | null
  /** After the commit of what a try came to. */
  onSettled: (message: StoredMessage, conclusion: Conclusion) => void
  /** Queued again without news of the store. */
  onQueued: (profileIds: readonly string[]) => void
  /** Monotonic: what an earlier process sent just before is not known. */
  startedAt: number
  /** Ends what is under way. */
  signal: AbortSignal
}

const STORE_PAUSE_MS = 5 * SECOND_MS

export function createLane(deps: LaneDeps): Lane {
  const { mailbox, laneProfiles, store, profiles, clock, monotonicMs, random, log } = deps
  const { holds, news, tasks, signal } = deps
  const limits = () => strictest(laneProfiles())
  const pacer = createPacer({
    monotonicMs,
    messagesPerMinute: () => limits().messagesPerMinute,
    startedAt: deps.startedAt,
  })
  const recipientsPerDay = () => limits().recipientsPerDay
  const budget = createDayBudget({
    mailbox: mailbox.key,
    recipientsPerDay,
    store,
    clock,
    monotonicMs,
  })
  const notice = createDayNotice({ budget, laneProfiles, clock, news })
  const connections = () => limits().connections
  const concurrency = createConcurrency({ connections, monotonicMs, random })
  const pool = createSessionPool({ ...deps, connections })
  const settling = createSettling(deps)
  const turns = createTurns()
  const { explain, refusedSecretId } = createExplaining(deps)
  const giveBack = createGiveBack(deps)
  const stranded = createStranded(deps)
  const trials = createSenderTrials({ login: mailbox.login, monotonicMs })
  // The next login is to prove itself.
  const onHeld = (profileId: string) => pool.renew(profileId)
  const keeper = createHoldKeeper({ holds, tasks, onHeld })
  const claims = createClaims({
    store,
    holds,
    profileIds: () => laneProfiles().map(({ id }) => id),
    isPaused: () => concurrency.pausedMs() > 0,
    monotonicMs,
    giveBack,
    isReady: ({ claimed }) => !(trials.isBusy && mustProve(claimed)),
    hasSession: (profileId) => pool.hasIdle(profileId),
    onFailure: onStoreFailure,
    onFilled() {
      kick()
      // Whoever waits for the end of a claim does so also when nothing more is begun.
      tasks.pulse()
    },
  })
  const senderProbes = new Set<string>()
  let storeTroubleUntil = Number.NEGATIVE_INFINITY
  let active = 0
  let isDispatching = false
  let isAgain = false
  let isStopping = false
  let alarm = () => {}

  function onStoreFailure(error: unknown): void {
    if (isStopping) return
    log.error({ err: error }, `the outbox cannot be read: ${messageOf(error)}`)
    storeTroubleUntil = monotonicMs() + STORE_PAUSE_MS
  }

  function wakeIn(ms: number): void {
    alarm()
    if (Number.isFinite(ms)) alarm = clock.alarm(Math.max(1, ms), kick)
  }

  function kick(): void {
    if (isStopping) return
    isAgain = true
    if (isDispatching) return
    isDispatching = true
    void dispatchAll()
  }

  async function dispatchAll(): Promise<void> {
    while (isAgain && !isStopping) {
      isAgain = false
      try {
        await dispatch()
      } catch (error) {
        onStoreFailure(error)
        wakeIn(STORE_PAUSE_MS)
      }
    }
    isDispatching = false
    tasks.pulse()
  }

  /** Begins what may begin now, and sets the alarm for what may not. */
  async function dispatch(): Promise<void> {
    alarm()
    while (!isStopping && active < concurrency.limit()) {
      const now = monotonicMs()
      if (storeTroubleUntil > now) return wakeIn(storeTroubleUntil - now)
      if (claims.hasPausedWork()) wakeIn(concurrency.pausedMs())
      if (!claims.hasWork()) return
      const paceMs = pacer.waitMs()
      if (paceMs > 0) return wakeIn(paceMs)
      if (budget.isStale()) await budget.load()
      if (budget.left() <= 0) {
        // What is under way may come to nothing: its end looks again.
        if (!budget.isUsedUp()) return
        notice.usedUp()
        // Claimed ahead: it is not being sent for hours.
        claims.clear()
        return wakeIn(budget.waitMs())
      }
      notice.hasRoom()
      const isPaced = limits().messagesPerMinute !== null
      const item = await claims.take(isPaced ? 1 : concurrency.limit())
      if (item === undefined) {
        // Only news, the end of a pause or of a try brings more.
        if (claims.hasPausedWork()) wakeIn(concurrency.pausedMs())
        return
      }
      if (!isPaced) claims.ahead(concurrency.limit())
      start(item)
    }
  }

  function start(item: Item): void {
    const { message } = item.claimed
    const profile = profiles.find(message.profileId)
    if (profile === undefined || isStopping) {
      giveBack([message])
      return
    }
    const sender = senderOf(message)
    const senderHold = holds.findSender(profile.id, sender)
    const isSenderProbe = senderProbes.delete(senderKey(profile.id, sender))
    if (sender !== '' && senderHold !== undefined && !isSenderProbe && !isOwnMail(item.claimed)) {
      putAside(item.claimed, profile, notTried('heldSender', senderHold.diagnosis))
      // It says nothing about the profile: the next one does.
      if (item.isProbe) claims.probe(profile.id)
      return
    }
    const isTrial = mustProve(item.claimed)
    const isAsked = item.isProbe || isSenderProbe
    const trialWaitMs = isTrial && !isAsked ? trials.waitMs() : 0
    if (trialWaitMs > 0) {
      putAside(item.claimed, profile, notTried('defer', senderMustWait(sender, trialWaitMs)))
      return
    }
    active++
    const endTrial = isTrial ? trials.begin() : () => {}
    const ticket = pacer.take()
    const facts = { item, profile, ticket, isSenderProbe, senderHold }
    void run(facts).finally(() => {
      active--
      endTrial()
      kick()
      tasks.pulse()
    })
  }

  /** Whether its sender has to show first that the mailbox may send as it. */
  function mustProve(claimed: ClaimedMessage): boolean {
    return !isOwnMail(claimed) && trials.isUnproven(claimed.message)
  }

  function putAside(claimed: ClaimedMessage, profile: Profile, verdict: Verdict): void {
    const facts = { claimed, verdict, startedAt: clock.now(), tried: 0, serverMessageId: null }
    // Its time is not over before it was tried.
    tasks.run('put aside', () => settling.settle(settleFacts(profile, facts, true)))
  }

  /** `isUntimed`: the time of the message does not end with this. */
  function settleFacts<Facts extends object>(profile: Profile, facts: Facts, isUntimed: boolean) {
    const { recipientsPerMessage } = profile.delivery
    const retryHours = isUntimed ? Number.POSITIVE_INFINITY : profile.delivery.retryHours
    const { host, port } = profile.server
    return {
      ...facts,
      retryHours,
      recipientsPerMessage,
      mailbox: mailbox.key,
      server: `${host}:${port}`,
      finishedAt: clock.now(),
      releasedAt: deps.releasedAt(profile.id),
    }
  }

  interface Run {
    readonly item: Item
    readonly profile: Profile
    readonly ticket: Ticket
    readonly senderHold: Hold | undefined
    readonly isSenderProbe: boolean
  }

  async function run(facts: Run): Promise<void> {
    const { item, profile, ticket, senderHold, isSenderProbe } = facts
    const { claimed } = item
    const hold = holds.find(profile.id)
    const startedAt = clock.now()
    const most = Math.min(profile.delivery.recipientsPerMessage, Math.max(1, budget.left()))
    const { recipients, putOff } = turns.next(claimed, most)
    const account = budget.reserve(recipients.length)
    const tell = (failure: Failure, servicePrincipalObjectId: string | null) =>
      explain(profile, failure, { servicePrincipalObjectId, secretLooksLikeId: false })

    let carried: Carried
    try {
      carried = await carry({ pool, store, diagnose: tell, log }, claimed, recipients, signal)
    } catch (error) {
      ticket.cancel()
      account(0)
      giveBack([claimed.message])
      onCarryFailure(error, claimed.message.id)
      return
    }
    const { lease, servicePrincipalObjectId, serverMessageId } = carried
    if (lease === undefined) ticket.cancel()
    else ticket.done()
    const secretLooksLikeId = await refusedSecretId(carried.failure, profile)
    const verdict = judge({ claimed, recipients, putOff, ...carried }, (failure) =>
      explain(profile, failure, { servicePrincipalObjectId, secretLooksLikeId }),
    )
    account(verdict.delivered)
    turns.note(claimed, verdict)
    // In memory before anything else begins; the commit follows.
    trials.note(claimed.message, verdict)
    heed(verdict)
    // Held mail ends with `holdHours`, not with its schedule; a probe that no server has heard is no try of the message.
    const isHeld = (hold ?? senderHold) !== undefined
    const isUnheard = isHeld && lease === undefined && verdict.outcome === 'deferred'
    const stored: Verdict = isUnheard ? { ...verdict, outcome: 'held' } : verdict
    // Nor is what did not even get as far as a server, by an error of Postern's own.
    const isFault = isOwnFault(carried.failure)
    const isAside = isFault && lease === undefined
    const tried = isAside ? 0 : recipients.length
    const outcome = { claimed, verdict: stored, startedAt, tried, serverMessageId }
    const commit = settling.settle(settleFacts(profile, outcome, isHeld || isAside))
    tasks.run('settle', () => commit)
    stranded.note(claimed.message, { verdict, carried, commit })
    if (verdict.isServing) stranded.wake()
    const isLoggedIn = lease !== undefined
    const seen = { profileId: profile.id, hold, senderHold, verdict, isFault, isLoggedIn, commit }
    keeper.heed({ ...seen, item, isSenderProbe })
    if (isFault && isLoggedIn && item.isProbe) claims.probeNext(profile.id)
    if (lease !== undefined) {
      // One that is given up must not keep the next message of the connection back.
      lease.settled = commit.catch(() => {})
      pool.give(lease)
    }
  }

  /** The mailbox as a whole. */
  function heed({ slowDownMs, isServing }: Verdict): void {
    if (slowDownMs !== undefined) {
      concurrency.trouble(slowDownMs)
      pool.trim(concurrency.limit())
    } else if (isServing) concurrency.success()
  }

  /** Nothing was tried: the settings changed on the way, the whole store cannot be read, or the agent stops. */
  function onCarryFailure(error: unknown, id: string): void {
    if (signal.aborted || isStopping) return
    const code = error instanceof PosternError ? error.code : ''
    if (code === 'profile_changed' || code === 'profile_not_found') return
    log.error({ id, err: error }, `a message could not be tried: ${messageOf(error)}`)
    concurrency.trouble()
  }

  return {
    wake(profileIds) {
      for (const id of profileIds) claims.note(id)
      kick()
    },
    probe(profileId) {
      claims.probe(profileId)
      kick()
    },
    probeSender(profileId, sender) {
      senderProbes.add(senderKey(profileId, sender))
      claims.note(profileId)
      kick()
    },
    mayRiskDenial: () => trials.mayProbe(),
    renew(profileId) {
      pool.renew(profileId)
      claims.sift()
      kick()
    },
    isQuiet: () =>
      !isDispatching && !isAgain && active === 0 && settling.underWay === 0 && !claims.isBusy,
    async stop() {
      isStopping = true
      alarm()
      while (active > 0 || isDispatching || claims.isBusy) await tasks.nextPulse()
      claims.clear()
      while (settling.underWay > 0 && !signal.aborted) await tasks.nextPulse()
      await pool.close()
    },
  }
}

function senderKey(profileId: string, sender: string): string {
  return `${profileId} ${sender}`
}
