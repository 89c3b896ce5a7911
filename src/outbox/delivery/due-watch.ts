import { type Clock, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profiles } from '../../profiles/index.ts'
import type { OutboxNews } from '../events.ts'
import type { Hold, StoredMessage } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { type HoldBook, keyOfHold, PROBES_OF_A_DAY, probeWaitMs } from './hold-book.ts'
import type { Lanes } from './lanes.ts'
import { senderOf } from './mailbox-key.ts'
import { heldTooLong, PROFILE_REMOVED, profileRemoved } from './own-diagnosis.ts'
import { LATEST_DUE_MS } from './schedule.ts'

/** What time brings: deferred mail that is due, probes of holds, mail that was held for too long. */
export interface DueWatch {
  start(): void
  /** A message was put off until then. */
  due(at: number): void
  /** Holds or queues have changed: look again. */
  look(): void
  /** A message was put aside because its sender is on hold. */
  putAside(message: StoredMessage): void
  /** The next probe of the profile's hold is due now. */
  probeNow(profileId: string): void
  readonly isBusy: boolean
}

export interface DueWatchDeps {
  store: OutboxStore
  profiles: Profiles
  holds: HoldBook
  lanes: Lanes
  news: OutboxNews
  clock: Clock
  monotonicMs: () => number
  log: Logger
  signal: AbortSignal
  pulse: () => void
  /** A message has ended without a try. */
  onEnded: (id: string) => void
}

/** The clock is compared with time that never jumps at least so often, while mail is waiting. */
const LONGEST_SLEEP_MS = MINUTE_MS
const JUMP_MS = 5 * MINUTE_MS
const FAILURE_PAUSE_MS = 5 * SECOND_MS
const BATCH = 100
const DEFAULT_HOLD_HOURS = 168

export function createDueWatch(deps: DueWatchDeps): DueWatch {
  const { store, profiles, holds, lanes, news, clock, monotonicMs, log, signal, pulse } = deps
  let nextDueAt: number | null = null
  /** Holds of senders that had nothing to probe with: their next message is the probe. */
  const dry = new Set<string>()
  /** Senders of mail that was put aside when their hold had ended. */
  const unheld = new Map<string, Pick<Hold, 'profileId' | 'sender'>>()
  let isStarted = false
  let isBusy = false
  let isAgain = false
  let alarm = () => {}
  let lastNow = clock.now()
  let lastSteady = monotonicMs()

  const isDry = (hold: Hold) => dry.has(keyOfHold(hold))
  const hasMail = () => store.counts().size > 0

  /** The clock was set back: what is due is far away now, and comes at once instead. */
  async function heedJump(): Promise<void> {
    const now = clock.now()
    const steady = monotonicMs()
    const jump = now - lastNow - (steady - lastSteady)
    lastNow = now
    lastSteady = steady
    if (jump > -JUMP_MS) return
    log.warn({ jumpMs: jump }, 'the clock was set back')
    await wakeEverything()
    for (const hold of holds.all()) holds.schedule(hold, now + probeWaitMs(hold))
  }

  function noteDue(at: number): void {
    nextDueAt = Math.min(at, nextDueAt ?? at)
  }

  async function wakeEverything(): Promise<void> {
    const ids = [...store.counts().keys()]
    await store.wakeAll(ids)
    lanes.wake(ids)
  }

  async function wakeDue(): Promise<void> {
    const now = clock.now()
    const dueAt = nextDueAt
    if (dueAt === null || dueAt > now) return
    // What is put off meanwhile is not known to the answer.
    nextDueAt = null
    try {
      const woken = await store.wakeDue(now)
      if (woken.nextDueAt !== null) noteDue(woken.nextDueAt)
      lanes.wake(woken.profileIds)
    } catch (error) {
      noteDue(dueAt)
      throw error
    }
    if (nextDueAt !== null && nextDueAt > now + LATEST_DUE_MS) await wakeEverything()
  }

  /** Nothing would ever release them. */
  async function releaseUnheld(): Promise<void> {
    for (const [key, { profileId, sender }] of unheld) {
      unheld.delete(key)
      if (holds.findSender(profileId, sender) !== undefined) continue
      try {
        await store.unhold(profileId, sender)
      } catch (error) {
        unheld.set(key, { profileId, sender })
        throw error
      }
      lanes.wake([profileId])
    }
  }

  /** Mail of a profile that does not exist waits like that of one that is broken. */
  function heedRemoved(): void {
    for (const profileId of store.counts().keys()) {
      if (profiles.find(profileId) === undefined && holds.find(profileId) === undefined) {
        holds.begin({ profileId, sender: '', diagnosis: profileRemoved(profileId) })
      }
    }
  }

  async function heedHold(hold: Hold): Promise<void> {
    const { profileId, sender } = hold
    const profile = profiles.find(profileId)
    if (hold.diagnosis.code === PROFILE_REMOVED && profile !== undefined) {
      await holds.release(hold)
      return
    }
    const now = clock.now()
    const counts = store.counts().get(profileId)
    if (counts === undefined || hold.nextProbeAt > now || isDry(hold)) return
    if (holds.isProven(hold)) {
      await failTooOld(hold, profile?.delivery.holdHours ?? DEFAULT_HOLD_HOURS)
    }
    if (profile === undefined) {
      holds.stillHeld(hold, sender === '' ? profileRemoved(profileId) : null)
      return
    }
    if (sender === '') {
      // Whatever comes of it, no second one before its time.
      holds.schedule(hold, now + probeWaitMs(hold))
      lanes.of(profileId)?.probe(profileId)
    } else await probeSender(hold)
  }

  async function probeSender(hold: Hold): Promise<void> {
    const { profileId, sender } = hold
    const id = await store.oldestHeld(profileId, sender)
    if (id === undefined) {
      dry.add(keyOfHold(hold))
      return
    }
    holds.schedule(hold, clock.now() + probeWaitMs(hold))
    const lane = lanes.of(profileId)
    if (lane === undefined || !lane.mayRiskDenial()) return
    if (await store.requeue(id, ['held'], clock.now())) lane.probeSender(profileId, sender)
  }

  async function failTooOld(hold: Hold, holdHours: number): Promise<void> {
    const { profileId, sender, since, probes } = hold
    const now = clock.now()
    const longMs = holdHours * HOUR_MS
    // A clock that is set forward, or an agent that was off, leaves people time to repair what is broken.
    if (now - since < longMs || probes < Math.min(PROBES_OF_A_DAY, holdHours)) return
    const diagnosis = heldTooLong(holdHours, hold.diagnosis)
    for (;;) {
      const failed = await store.failHeld({
        profileId,
        sender,
        acceptedBefore: now - longMs,
        now,
        diagnosis,
        limit: BATCH,
      })
      for (const { id } of failed) {
        const detail = await store.find(id)
        if (detail !== undefined) news.finished(detail.message, 'failed', diagnosis)
        deps.onEnded(id)
      }
      if (failed.length < BATCH) return
    }
  }

  async function once(): Promise<void> {
    await heedJump()
    await wakeDue()
    await releaseUnheld()
    heedRemoved()
    for (const hold of holds.all()) await heedHold(hold)
  }

  function sleepMs(): number {
    const now = clock.now()
    const counts = store.counts()
    const dues = holds
      .all()
      .filter((hold) => counts.has(hold.profileId) && !isDry(hold))
      .map(({ nextProbeAt }) => nextProbeAt)
    if (nextDueAt !== null) dues.push(nextDueAt)
    return Math.max(1, Math.min(...dues.map((at) => at - now), LONGEST_SLEEP_MS))
  }

  async function run(): Promise<void> {
    isBusy = true
    alarm()
    do {
      isAgain = false
      try {
        await once()
      } catch (error) {
        if (signal.aborted) break
        log.error({ err: error }, `the outbox cannot look after what is due: ${messageOf(error)}`)
        setAlarm(FAILURE_PAUSE_MS)
        isBusy = false
        pulse()
        return
      }
    } while (isAgain && !signal.aborted)
    isBusy = false
    pulse()
    if (hasMail()) setAlarm(sleepMs())
  }

  signal.addEventListener('abort', () => alarm(), { once: true })

  function setAlarm(ms: number): void {
    alarm()
    if (!signal.aborted) alarm = clock.alarm(ms, look)
  }

  function look(): void {
    if (!isStarted || signal.aborted) {
      alarm()
      return
    }
    if (isBusy) isAgain = true
    else void run()
  }

  return {
    start() {
      isStarted = true
      // Before everything: what the store says is due.
      nextDueAt = 0
      look()
    },
    due(at) {
      if (nextDueAt !== null && nextDueAt <= at) return
      noteDue(at)
      look()
    },
    look,
    putAside(message) {
      const { profileId } = message
      const sender = senderOf(message)
      const facts = { profileId, sender }
      dry.delete(keyOfHold(facts))
      if (holds.findSender(profileId, sender) === undefined) unheld.set(keyOfHold(facts), facts)
      look()
    },
    probeNow(profileId) {
      const hold = holds.find(profileId)
      if (hold === undefined) return
      holds.schedule(hold, clock.now())
      look()
    },
    get isBusy() {
      return isBusy
    },
  }
}
