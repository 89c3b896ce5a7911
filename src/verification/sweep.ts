import type { Clock } from '../platform/clock.ts'
import { spreadOver } from './spread.ts'

/** Visits every id once, each at its place within `spreadMs`, at most `concurrency` at once. `visit` must not fail. */
export async function runSweep(options: {
  ids: readonly string[]
  spreadMs: number
  concurrency: number
  clock: Clock
  signal: AbortSignal
  visit(id: string): Promise<void>
}): Promise<void> {
  const { ids, spreadMs, concurrency, clock, signal, visit } = options
  const startedAt = clock.now()
  const due = spreadOver(ids, spreadMs).values()

  // The workers share one iterator, so each id is taken once and in the order of time.
  async function work(): Promise<void> {
    for (const { id, offsetMs } of due) {
      signal.throwIfAborted()
      const waitMs = startedAt + offsetMs - clock.now()
      if (waitMs > 0) await clock.sleep(Math.min(waitMs, spreadMs), signal)
      await visit(id)
    }
  }

  const workers = Array.from({ length: Math.min(concurrency, ids.length) }, work)
  const results = await Promise.allSettled(workers)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
