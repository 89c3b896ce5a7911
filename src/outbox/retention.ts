import { type Clock, DAY_MS, HOUR_MS } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { OutboxStore } from './outbox-store.ts'

/** Removes what has been finished for long enough, piece by piece, so that nobody waits for it. */
export interface OutboxRetention extends AsyncDisposable {
  start(): void
  /** Removes everything that may go now. */
  run(): Promise<void>
}

export interface OutboxRetentionConfig {
  /** Days for which the record of a finished message is kept. */
  readonly recordDays: number
  /** Days for which its content is kept. */
  readonly bodyDays: number
  /** Bytes of content of finished messages; what is above goes first. */
  readonly mostBodyBytes: number
}

const EVERY_MS = HOUR_MS
/** An idempotency key is kept so long. */
const KEY_LIFE_MS = DAY_MS

export function createOutboxRetention(deps: {
  store: Pick<OutboxStore, 'purge'>
  clock: Clock
  log: Logger
  config: OutboxRetentionConfig
}): OutboxRetention {
  const { store, clock, log, config } = deps
  const stop = new AbortController()
  const { signal } = stop
  let loop: Promise<void> = Promise.resolve()

  async function run(): Promise<void> {
    for (let more = true; more && !signal.aborted; ) {
      const now = clock.now()
      more = await store.purge({
        now,
        bodiesBefore: now - config.bodyDays * DAY_MS,
        recordsBefore: now - config.recordDays * DAY_MS,
        idempotencyBefore: now - KEY_LIFE_MS,
        mostBodyBytes: config.mostBodyBytes,
      })
    }
  }

  async function repeat(): Promise<void> {
    while (!signal.aborted) {
      await run().catch((error: unknown) => {
        log.error({ err: error }, messageOf(error))
      })
      await clock.sleep(EVERY_MS, signal).catch(() => {})
    }
  }

  return {
    run,
    start() {
      loop = repeat()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await loop
    },
  }
}
