import type { Clock } from '../platform/clock.ts'

export interface Deadline extends Disposable {
  /** Aborted when the time is over, or when the given signal is. */
  readonly signal: AbortSignal
  passed(): boolean
}

export function createDeadline(options: {
  clock: Clock
  ms: number
  signal: AbortSignal
}): Deadline {
  const { clock, ms, signal } = options
  const done = new AbortController()
  const limit = new AbortController()
  clock.sleep(ms, done.signal).then(
    () => limit.abort(new Error('the time is over')),
    () => {},
  )
  return {
    signal: AbortSignal.any([limit.signal, signal]),
    passed: () => limit.signal.aborted,
    [Symbol.dispose]: () => done.abort(),
  }
}
