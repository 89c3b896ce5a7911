import { type Clock, systemClock } from '../../src/platform/clock.ts'

/** Runs as time does; tests let time pass, or set the clock. */
export interface MovableClock extends Clock {
  /** Time passes at once, and whoever's time has come wakes. */
  pass(ms: number): void
  /** Sets the clock forward or back, as a person or NTP does: no time passes, nobody wakes. */
  set(byMs: number): void
  /** Passes with time alone; setting the clock does not count. */
  readonly monotonicMs: () => number
  /** For how long each sleeper lay down. */
  sleeps(): readonly number[]
}

/** Between two token requests of an application that is being refused. */
const PAUSE_MS = 30_000

/** Lets those pauses pass at once while `work` is under way. */
export async function overPauses<T>(clock: MovableClock, work: Promise<T>): Promise<T> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  work.then(end, end)
  while (!isOver) {
    // What is left of such a pause is no whole number, which limits of time are.
    const isPausing = clock.sleeps().some((ms) => ms < PAUSE_MS && !Number.isInteger(ms))
    if (isPausing) clock.pass(PAUSE_MS)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return work
}

export function createMovableClock(startOffsetMs = 0): MovableClock {
  let offsetMs = startOffsetMs
  let passedMs = 0
  const monotonicMs = () => performance.now() + passedMs
  /** Of each sleeper, by what wakes it: when it is due, in time that passes. */
  const sleepers = new Map<() => void, { dueAt: number; ms: number }>()

  return {
    now: () => systemClock.now() + offsetMs,
    async sleep(ms, signal) {
      const woken = new AbortController()
      const wake = () => woken.abort()
      sleepers.set(wake, { dueAt: monotonicMs() + ms, ms })
      const either = signal ? AbortSignal.any([signal, woken.signal]) : woken.signal
      try {
        await systemClock.sleep(ms, either)
      } catch (error) {
        signal?.throwIfAborted()
        if (!woken.signal.aborted) throw error
      } finally {
        sleepers.delete(wake)
      }
    },
    alarm(ms, ring) {
      const end = () => {
        sleepers.delete(wake)
        cancel()
      }
      const wake = () => {
        end()
        ring()
      }
      const cancel = systemClock.alarm(ms, wake)
      sleepers.set(wake, { dueAt: monotonicMs() + ms, ms })
      return end
    },
    pass(ms) {
      offsetMs += ms
      passedMs += ms
      for (const [wake, { dueAt }] of sleepers) if (dueAt <= monotonicMs()) wake()
    },
    set(byMs) {
      offsetMs += byMs
    },
    monotonicMs,
    sleeps: () => [...sleepers.values()].map(({ ms }) => ms),
  }
}
