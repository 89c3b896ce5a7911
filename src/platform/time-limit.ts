import type { Clock } from './clock.ts'

/** The signal of one wait; disposing ends the wait. */
export interface TimeLimit extends Disposable {
  /** Aborted when the time is over, or when the outer signal is. */
  readonly signal: AbortSignal
  /** Whether it was the time that ended it. */
  passed(): boolean
}

export interface TimeLimitOptions {
  clock: Clock
  ms: number
  /** Becomes the signal's reason when the time is over. */
  reason: () => Error
  signal?: AbortSignal | undefined
}

/**
 * For waits of which there are many. AbortSignal.any() and AbortSignal.timeout() leave weak references and finalizers
 * behind, which outlive the wait until a full garbage collection.
 */
export function createTimeLimit(options: TimeLimitOptions): TimeLimit {
  const { clock, ms, reason, signal: outer } = options
  const limit = new AbortController()
  let isOver = false

  const follow = () => limit.abort(outer?.reason)
  if (outer?.aborted) follow()
  else outer?.addEventListener('abort', follow, { once: true })
  const end = clock.alarm(ms, () => {
    if (limit.signal.aborted) return
    isOver = true
    limit.abort(reason())
  })

  return {
    signal: limit.signal,
    passed: () => isOver,
    [Symbol.dispose]() {
      outer?.removeEventListener('abort', follow)
      end()
    },
  }
}
