import { type Clock, DAY_MS, HOUR_MS } from '../../platform/clock.ts'
import type { OutboxStore } from '../outbox-store.ts'

/** The recipients that a mailbox may still write to within 24 hours. */
export interface DayBudget {
  /** Reads what was counted before, when it must; then `left` is true. */
  load(): Promise<void>
  /** Whether `load` is needed first. */
  isStale(): boolean
  /** Without those that are reserved. */
  left(): number
  /** Whether the accepted ones alone use up the day: what is under way cannot give anything back. */
  isUsedUp(): boolean
  /** Until the next hour leaves the window. */
  waitMs(): number
  /** For recipients under way. Returns what ends it, with how many of them were accepted. */
  reserve(recipients: number): (accepted: number) => void
}

export interface DayBudgetDeps {
  mailbox: string
  /** Null: no limit. */
  recipientsPerDay: () => number | null
  store: Pick<OutboxStore, 'accountedSince'>
  clock: Clock
  monotonicMs: () => number
}

const WINDOW_HOURS = 24

export function createDayBudget(deps: DayBudgetDeps): DayBudget {
  const { mailbox, recipientsPerDay, store, clock, monotonicMs } = deps
  let loadedHour: number | undefined
  let stored = 0
  let sinceLoad = 0
  let reserved = 0
  /** By hours that never jump: a clock that is set forward must not grant the whole day once more. */
  const byHour = new Map<number, number>()

  const hourNow = () => Math.floor(clock.now() / HOUR_MS)
  const steadyHour = () => Math.floor(monotonicMs() / HOUR_MS)

  function remembered(): number {
    const oldest = steadyHour() - WINDOW_HOURS
    let sum = 0
    for (const [hour, count] of byHour) {
      if (hour < oldest) byHour.delete(hour)
      else sum += count
    }
    return sum
  }

  /** Without limit: infinite. */
  function notAccepted(): number {
    const most = recipientsPerDay() ?? Number.POSITIVE_INFINITY
    return most - Math.max(stored + sinceLoad, remembered())
  }

  return {
    isStale: () => recipientsPerDay() !== null && loadedHour !== hourNow(),
    async load() {
      const hour = hourNow()
      const now = hour * HOUR_MS
      // What is written down meanwhile may be counted twice: too many rather than too few.
      sinceLoad = 0
      const [all, future] = await Promise.all([
        store.accountedSince(mailbox, now - DAY_MS),
        // Of a clock that was set back: it must not use up the day for ever.
        store.accountedSince(mailbox, now + HOUR_MS),
      ])
      stored = Math.max(0, all - future)
      loadedHour = hour
    },
    left: () => notAccepted() - reserved,
    isUsedUp: () => notAccepted() <= 0,
    waitMs: () => HOUR_MS - (clock.now() % HOUR_MS) + 1,
    reserve(recipients) {
      reserved += recipients
      return (accepted) => {
        reserved -= recipients
        sinceLoad += accepted
        if (accepted > 0) byHour.set(steadyHour(), (byHour.get(steadyHour()) ?? 0) + accepted)
      }
    },
  }
}
