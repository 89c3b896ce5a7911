import { type Clock, systemClock } from '../../src/platform/clock.ts'

/** Runs as time does; tests let time pass, or set the clock. */
export interface MovableClock extends Clock {
  /** Time passes at once, and whoever's time has come wakes. */
  pass(ms: number): void
  /** Sets the clock forward or back, as a person or NTP does: no time passes, nobody wakes. */
  set(byMs: number): void
  /** Passes with time alone; setting the clock does not count. */
  readonly monotonicMs: () => number
}

export function createMovableClock(startOffsetMs = 0): MovableClock {
  let offsetMs = startOffsetMs
  let passedMs = 0
  const monotonicMs = () => performance.now() + passedMs
  /** Of each sleeper: when it is due, in time that passes. */
  const sleepers = new Map<AbortController, number>()

  return {
    now: () => systemClock.now() + offsetMs,
    async sleep(ms, signal) {
      const woken = new AbortController()
      sleepers.set(woken, monotonicMs() + ms)
      const either = signal ? AbortSignal.any([signal, woken.signal]) : woken.signal
      try {
        await systemClock.sleep(ms, either)
      } catch (error) {
        signal?.throwIfAborted()
        if (!woken.signal.aborted) throw error
      } finally {
        sleepers.delete(woken)
      }
    },
    pass(ms) {
      offsetMs += ms
      passedMs += ms
      for (const [woken, dueAt] of sleepers) if (dueAt <= monotonicMs()) woken.abort()
    },
    set(byMs) {
      offsetMs += byMs
    },
    monotonicMs,
  }
}
