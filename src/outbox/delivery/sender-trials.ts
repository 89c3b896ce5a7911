import { HOUR_MS } from '../../platform/clock.ts'
import type { StoredMessage } from '../message.ts'
import { senderOf } from './mailbox-key.ts'
import type { Verdict } from './verdict.ts'

/**
 * Which senders the mailbox has proven to be allowed, since the start. Exchange Online blocks a mailbox after continuous
 * SendAsDenied (550 5.2.252), and Microsoft does not say after how many. So a sender that has not got a message through is
 * tried alone, and after a few refusals such senders wait until an hour has passed.
 */
export interface SenderTrials {
  isUnproven(message: SentAs): boolean
  /** A message of an unproven sender is on its way. */
  readonly isBusy: boolean
  /** One begins; returns what ends it. */
  begin(): () => void
  note(message: SentAs, verdict: Pick<Verdict, 'delivered' | 'diagnosis'>): void
  /** How long unproven senders wait; 0: they may be tried. */
  waitMs(): number
  /** Whether a probe of a sender on hold is far enough from a block. */
  mayProbe(): boolean
}

export type SentAs = Pick<StoredMessage, 'headerFrom'> & {
  readonly envelope: Pick<StoredMessage['envelope'], 'sender'>
}

/** In an hour. One more is left for the probe of a sender on hold. */
const MOST_TRIED = 3
const MOST_DENIALS = 4
/** The oldest is forgotten first, and then proves itself again. */
const MOST_PROVEN = 10_000
const DENIALS = ['send_as_denied', 'send_as_throttled']

export function createSenderTrials(deps: {
  /** Of the mailbox; empty: nobody logs in, so nobody is compared with the sender. */
  login: string
  monotonicMs: () => number
}): SenderTrials {
  const { monotonicMs } = deps
  const login = deps.login.toLowerCase()
  const proven = new Set<string>()
  const denials: number[] = []
  let underWay = 0

  function denialsOfHour(): number {
    const now = monotonicMs()
    while (denials[0] !== undefined && denials[0] <= now - HOUR_MS) denials.shift()
    return denials.length
  }

  /** A mailbox may always send as itself. */
  function isItself(message: SentAs): boolean {
    const sender = message.envelope.sender.toLowerCase()
    return senderOf(message) === login && (sender === '' || sender === login)
  }

  return {
    isUnproven: (message) => login !== '' && !isItself(message) && !proven.has(senderOf(message)),
    get isBusy() {
      return underWay > 0
    },
    begin() {
      underWay++
      return () => {
        underWay--
      }
    },
    note(message, { delivered, diagnosis }) {
      const sender = senderOf(message)
      if (DENIALS.includes(diagnosis?.code ?? '')) {
        denials.push(monotonicMs())
        proven.delete(sender)
      } else if (delivered > 0 && login !== '' && !proven.has(sender)) {
        proven.add(sender)
        const [oldest] = proven
        if (proven.size > MOST_PROVEN && oldest !== undefined) proven.delete(oldest)
      }
    },
    waitMs() {
      if (denialsOfHour() < MOST_TRIED) return 0
      const leaving = denials.at(-MOST_TRIED) ?? monotonicMs()
      return Math.max(1, leaving + HOUR_MS - monotonicMs())
    },
    mayProbe: () => denialsOfHour() < MOST_DENIALS,
  }
}
