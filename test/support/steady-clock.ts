import type { Clock } from '../../src/platform/clock.ts'
import type { MovableClock } from './movable-clock.ts'

/** Time passes there as by the other clock, but nobody sets this one. */
export function steadyClock(clock: MovableClock): Clock {
  const startedAt = clock.now() - clock.monotonicMs()
  return {
    now: () => Math.round(startedAt + clock.monotonicMs()),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    alarm: (ms, ring) => clock.alarm(ms, ring),
  }
}
