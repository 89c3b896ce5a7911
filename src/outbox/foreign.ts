import { type Clock, SECOND_MS } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import type { OutboxStore } from './outbox-store.ts'

const EVERY_MS = 2 * SECOND_MS

/** Notices what another process (`postern sendmail`) has accepted into the file. Ends only by the signal. */
export async function followForeign(deps: {
  storage: Pick<Storage, 'foreignChanges'>
  store: Pick<OutboxStore, 'refreshCounts'>
  clock: Clock
  log: Logger
  signal: AbortSignal
}): Promise<void> {
  const { storage, store, clock, log, signal } = deps
  // The store was opened a while ago: the first look counts whatever came in between.
  let seen: number | undefined
  for (;;) {
    await clock.sleep(EVERY_MS, signal)
    try {
      const now = storage.foreignChanges()
      if (now === seen) continue
      await store.refreshCounts()
      // Only what was counted is seen: after a failure it is tried again.
      seen = now
    } catch (error) {
      log.warn({ err: error }, 'new messages of other processes cannot be read')
    }
  }
}
