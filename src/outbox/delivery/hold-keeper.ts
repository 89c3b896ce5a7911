import { HOUR_MS } from '../../platform/clock.ts'
import type { Hold } from '../message.ts'
import type { Item } from './claims.ts'
import type { HoldBook } from './hold-book.ts'
import { senderOf } from './mailbox-key.ts'
import type { Tasks } from './tasks.ts'
import type { Verdict } from './verdict.ts'

/** The holds of a lane: what each try begins, prolongs or ends. */
export interface HoldKeeper {
  heed(facts: TryFacts): void
  /** Whether another SendAsDenied is far enough from a block of the mailbox. */
  mayRiskDenial(): boolean
}

export interface TryFacts {
  readonly item: Item
  readonly profileId: string
  /** As they were when the try began: only what began under a hold can end it. */
  readonly hold: Hold | undefined
  readonly senderHold: Hold | undefined
  readonly isSenderProbe: boolean
  readonly verdict: Verdict
  readonly isLoggedIn: boolean
  readonly commit: Promise<unknown>
}

export interface HoldKeeperDeps {
  holds: HoldBook
  tasks: Tasks
  monotonicMs: () => number
  /** A hold of the whole profile has begun. */
  onHeld: (profileId: string) => void
}

/** In an hour. Exchange Online blocks a mailbox after continuous SendAsDenied; Microsoft does not say after how many. */
const MOST_DENIALS = 4

export function createHoldKeeper(deps: HoldKeeperDeps): HoldKeeper {
  const { holds, tasks, monotonicMs, onHeld } = deps
  const denials: number[] = []

  function release(hold: Hold, after: Promise<unknown>): void {
    tasks.run('release', async () => {
      await after
      await holds.release(hold)
    })
  }

  function heedProfile(facts: TryFacts, after: Promise<unknown>): void {
    const { item, profileId, hold, verdict, isLoggedIn } = facts
    const { next, diagnosis, delivered, isServing } = verdict
    if (next === 'heldProfile' && diagnosis !== null) {
      if (hold === undefined) {
        holds.begin({ profileId, sender: '', diagnosis, after })
        onHeld(profileId)
      } else if (item.isProbe) holds.stillHeld(hold, diagnosis)
      return
    }
    if (hold === undefined) return
    const isPast = isAboutLogin(hold)
      ? isLoggedIn
      : isServing && diagnosis?.answer.step === 'message'
    if (delivered > 0 || isPast) release(hold, after)
    else if (item.isProbe) holds.stillHeld(hold, null)
  }

  function heedSender(facts: TryFacts, after: Promise<unknown>): void {
    const { item, profileId, senderHold, isSenderProbe, verdict } = facts
    const { next, diagnosis, delivered } = verdict
    if (next === 'heldSender' && diagnosis !== null) {
      const sender = senderOf(item.claimed.message)
      if (senderHold === undefined) holds.begin({ profileId, sender, diagnosis, after })
      else if (isSenderProbe) holds.stillHeld(senderHold, diagnosis)
      return
    }
    if (senderHold === undefined) return
    if (delivered > 0) release(senderHold, after)
    else if (isSenderProbe) holds.stillHeld(senderHold, null)
  }

  return {
    heed(facts) {
      const after = facts.commit.catch(() => {})
      if (facts.verdict.diagnosis?.code === SEND_AS_DENIED) denials.push(monotonicMs())
      heedProfile(facts, after)
      heedSender(facts, after)
    },
    mayRiskDenial() {
      const now = monotonicMs()
      while (denials[0] !== undefined && denials[0] <= now - HOUR_MS) denials.shift()
      return denials.length < MOST_DENIALS
    },
  }
}

const SEND_AS_DENIED = 'send_as_denied'

/** A login proves that such a hold is over; for others a message must get through. */
function isAboutLogin({ diagnosis }: Hold): boolean {
  return !isBehindLogin(diagnosis.answer)
}

export function isBehindLogin({ source, step }: Hold['diagnosis']['answer']): boolean {
  return source === 'smtp' && ['mail', 'rcpt', 'data', 'message'].includes(step)
}
