import type { Clock } from '../../src/platform/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time forward and wakes, in order, every sleeper whose time has come. */
  advance(ms: number): Promise<void>
  /** Sets the clock, as a person or NTP does: no time passes, nobody wakes. */
  set(at: number): void
  /** How much time has passed; setting the clock does not count. */
  readonly elapsedMs: number
  /** How many callers sleep now. */
  readonly sleepers: number
  /** Resolves when at least `count` callers sleep. */
  untilSleeping(count?: number): Promise<void>
}

interface Sleeper {
  wakeAt: number
  wake(): void
}

export const FAKE_NOW = globalThis.Date.parse('2026-11-23T10:00:00Z')

export function createFakeClock(start = FAKE_NOW): FakeClock {
  let now = start
  let elapsedMs = 0
  const sleepers = new Set<Sleeper>()
  const watchers = new Set<() => void>()

  async function settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  return {
    now: () => now,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        const sleeper: Sleeper = {
          wakeAt: now + ms,
          wake() {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
        }
        const onAbort = () => {
          sleepers.delete(sleeper)
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        sleepers.add(sleeper)
        for (const watcher of watchers) watcher()
      })
    },
    alarm(ms, ring) {
      const sleeper: Sleeper = {
        wakeAt: now + ms,
        wake() {
          sleepers.delete(sleeper)
          ring()
        },
      }
      sleepers.add(sleeper)
      for (const watcher of watchers) watcher()
      return () => sleepers.delete(sleeper)
    },
    async advance(ms) {
      const end = now + ms
      for (;;) {
        await settle()
        const next = [...sleepers]
          .filter((s) => s.wakeAt <= end)
          .sort((a, b) => a.wakeAt - b.wakeAt)[0]
        if (next === undefined) break
        elapsedMs += Math.max(0, next.wakeAt - now)
        now = Math.max(now, next.wakeAt)
        next.wake()
      }
      elapsedMs += end - now
      now = end
      await settle()
    },
    set(at) {
      now = at
    },
    get elapsedMs() {
      return elapsedMs
    },
    get sleepers() {
      return sleepers.size
    },
    async untilSleeping(count = 1) {
      while (sleepers.size < count) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher)
            resolve()
          }
          watchers.add(watcher)
        })
      }
    },
  }
}
