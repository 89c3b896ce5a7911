import type { Hold } from '../message.ts'
import type { Item } from './claims.ts'
import type { HoldBook } from './hold-book.ts'
import { senderOf } from './mailbox-key.ts'
import type { Tasks } from './tasks.ts'
import type { Verdict } from './verdict.ts'

/** The holds of a lane: what each try begins, prolongs or ends. */
export interface HoldKeeper {
  heed(facts: TryFacts): void
}

export interface TryFacts {
  readonly item: Item
  readonly profileId: string
  /** As they were when the try began: only what began under a hold can end it. */
  readonly hold: Hold | undefined
  readonly senderHold: Hold | undefined
  readonly isSenderProbe: boolean
  readonly verdict: Verdict
  /** An error of Postern's own ended it. */
  readonly isFault: boolean
  readonly isLoggedIn: boolean
  readonly commit: Promise<unknown>
}

export interface HoldKeeperDeps {
  holds: HoldBook
  tasks: Tasks
  /** A hold of the whole profile has begun. */
  onHeld: (profileId: string) => void
}

export function createHoldKeeper(deps: HoldKeeperDeps): HoldKeeper {
  const { holds, tasks, onHeld } = deps

  function release(hold: Hold, after: Promise<unknown>): void {
    tasks.run('release', async () => {
      await after
      await holds.release(hold)
    })
  }

  function failed(hold: Hold, { isFault }: TryFacts): void {
    if (isFault) holds.notProbed(hold)
    else holds.stillHeld(hold, null)
  }

  function heedProfile(facts: TryFacts, after: Promise<unknown>): void {
    const { item, profileId, hold, verdict, isLoggedIn } = facts
    const { next, diagnosis, delivered, isServing } = verdict
    if (next === 'heldProfile' && diagnosis !== null) {
      // Released during the try, which says that the reason is not gone.
      if (holds.find(profileId) === undefined) {
        holds.begin({ profileId, sender: '', diagnosis, after })
        onHeld(profileId)
      } else if (hold !== undefined && item.isProbe) holds.stillHeld(hold, diagnosis)
      return
    }
    if (hold === undefined) return
    const isPast = isAboutLogin(hold)
      ? isLoggedIn
      : isServing && diagnosis?.answer.step === 'message'
    // The server compares the sender only after it has opened the mailbox.
    const isOpened =
      diagnosis?.code === SEND_AS_DENIED && BEFORE_SENDER.includes(hold.diagnosis.code)
    if (delivered > 0 || isPast || isOpened) release(hold, after)
    else if (item.isProbe) failed(hold, facts)
  }

  function heedSender(facts: TryFacts, after: Promise<unknown>): void {
    const { item, profileId, senderHold, isSenderProbe, verdict } = facts
    const { next, diagnosis, delivered } = verdict
    if (next === 'heldSender' && diagnosis !== null) {
      const sender = senderOf(item.claimed.message)
      if (holds.findSender(profileId, sender) === undefined) {
        holds.begin({ profileId, sender, diagnosis, after })
      } else if (senderHold !== undefined && isSenderProbe) holds.stillHeld(senderHold, diagnosis)
      return
    }
    if (senderHold === undefined) return
    if (delivered > 0) release(senderHold, after)
    else if (isSenderProbe) failed(senderHold, facts)
  }

  return {
    heed(facts) {
      const after = facts.commit.catch(() => {})
      heedProfile(facts, after)
      heedSender(facts, after)
    },
  }
}

const SEND_AS_DENIED = 'send_as_denied'
const BEFORE_SENDER = ['mailbox_permission_missing', 'not_authenticated']

/** A login proves that such a hold is over; for others a message must get through. */
function isAboutLogin({ diagnosis }: Hold): boolean {
  return !isBehindLogin(diagnosis.answer)
}

export function isBehindLogin({ source, step }: Hold['diagnosis']['answer']): boolean {
  return source === 'smtp' && ['mail', 'rcpt', 'data', 'message'].includes(step)
}
