import type { Clock } from '../platform/clock.ts'

/** The time of one run, without what it waits for its turn. */
export interface RunLimit extends Disposable {
  /** Aborted when the time is over, or when the outer signal is. */
  readonly signal: AbortSignal
  /** Whether it was the time that ended it. */
  passed(): boolean
  /** Stops the time until the returned function is called. */
  pause(): () => void
}

export function createRunLimit(options: {
  clock: Clock
  ms: number
  signal: AbortSignal
}): RunLimit {
  const { clock, ms, signal: outer } = options
  const limit = new AbortController()
  let leftMs = ms
  let isOver = false
  let pauses = 0
  let stop = run()

  /** Returns what stops the time. */
  function run(): () => void {
    const since = clock.now()
    const done = new AbortController()
    clock.sleep(leftMs, done.signal).then(
      () => {
        if (limit.signal.aborted) return
        isOver = true
        limit.abort(new Error('the time is over'))
      },
      () => {},
    )
    return () => {
      done.abort('stopped')
      leftMs -= Math.min(leftMs, Math.max(0, clock.now() - since))
    }
  }

  const follow = () => limit.abort(outer.reason)
  if (outer.aborted) follow()
  else outer.addEventListener('abort', follow, { once: true })

  return {
    signal: limit.signal,
    passed: () => isOver,
    pause() {
      if (pauses++ === 0) stop()
      let isPaused = true
      return () => {
        if (!isPaused) return
        isPaused = false
        if (--pauses === 0 && !limit.signal.aborted) stop = run()
      }
    },
    [Symbol.dispose]() {
      outer.removeEventListener('abort', follow)
      stop()
    },
  }
}
