import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/clock.ts'

/** One connection's transaction in the order of all that submit for a mailbox. */
export interface Submission {
  /** 0 for the one that began first. */
  position(): number
  close(): void
}

/**
 * What Exchange Online counts for each mailbox: connections that submit, messages in a minute, recipients in 24 hours and
 * SendAsDenied in an hour. https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits
 */
export interface Limits {
  openSubmission(mailbox: string): Submission
  /** Takes one of the minute's places and returns 0, or returns how many milliseconds to wait before the next try. */
  takeTurn(mailbox: string, messagesPerMinute: number): number
  recipientsInLastDay(mailbox: string): number
  addRecipients(mailbox: string, count: number): void
  denialsInLastHour(mailbox: string): number
  addDenial(mailbox: string): void
  /** Forgets all counts; open submissions stay. */
  reset(): void
}

export function createLimits(deps: { now: () => number }): Limits {
  const { now } = deps
  const submissions = new Map<string, Set<Submission>>()
  const turns = createWindow({ now, lengthMs: MINUTE_MS })
  const recipients = createWindow({ now, lengthMs: DAY_MS })
  const denials = createWindow({ now, lengthMs: HOUR_MS })

  return {
    openSubmission(mailbox) {
      const open = submissions.get(mailbox) ?? new Set()
      submissions.set(mailbox, open)
      const submission: Submission = {
        position: () => [...open].indexOf(submission),
        close() {
          open.delete(submission)
          if (open.size === 0 && submissions.get(mailbox) === open) submissions.delete(mailbox)
        },
      }
      open.add(submission)
      return submission
    },
    takeTurn(mailbox, messagesPerMinute) {
      const entries = turns.entries(mailbox)
      if (entries.length < messagesPerMinute) {
        turns.add(mailbox, 1)
        return 0
      }
      const oldest = entries[entries.length - messagesPerMinute]
      const waitMs = oldest === undefined ? MINUTE_MS : oldest.at + MINUTE_MS - now()
      return Math.min(Math.max(waitMs, 1), MINUTE_MS)
    },
    recipientsInLastDay: (mailbox) => recipients.total(mailbox),
    addRecipients: (mailbox, count) => recipients.add(mailbox, count),
    denialsInLastHour: (mailbox) => denials.total(mailbox),
    addDenial: (mailbox) => denials.add(mailbox, 1),
    reset() {
      for (const window of [turns, recipients, denials]) window.clear()
    },
  }
}

interface Entry {
  at: number
  amount: number
}

/** Amounts of the last `lengthMs`, by key. */
interface Window {
  entries(key: string): readonly Entry[]
  total(key: string): number
  add(key: string, amount: number): void
  clear(): void
}

function createWindow(options: { now: () => number; lengthMs: number }): Window {
  const byKey = new Map<string, { entries: Entry[]; total: number }>()

  function current(key: string): { entries: Entry[]; total: number } {
    const window = byKey.get(key) ?? { entries: [], total: 0 }
    byKey.set(key, window)
    const since = options.now() - options.lengthMs
    for (let first = window.entries[0]; first && first.at <= since; first = window.entries[0]) {
      window.total -= first.amount
      window.entries.shift()
    }
    return window
  }

  return {
    entries: (key) => current(key).entries,
    total: (key) => current(key).total,
    add(key, amount) {
      const window = current(key)
      window.entries.push({ at: options.now(), amount })
      window.total += amount
    },
    clear: () => byKey.clear(),
  }
}
