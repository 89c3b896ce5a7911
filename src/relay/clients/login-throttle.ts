import { type Clock, MINUTE_MS, SECOND_MS } from '../../platform/clock.ts'

/** Failed logins of an address that cost it nothing: people mistype. */
const FREE_FAILURES = 3
const FIRST_DELAY_MS = SECOND_MS
const LONGEST_DELAY_MS = 30 * SECOND_MS
/** Who would have to wait longer is told to come later. */
const LONGEST_WAIT_MS = 10 * SECOND_MS
const FORGOTTEN_AFTER_MS = 15 * MINUTE_MS
/** Enough for an attack from many addresses, and about a megabyte. */
const MOST_ADDRESSES = 10_000

interface Record {
  failures: number
  lastAt: number
  /** When the next attempt may be looked at. */
  nextAt: number
}

/**
 * Makes guessing slow: the attempts of an address that has failed are looked at one after the other, each a longer time
 * after the one before. An attempt counts as failed from its turn on, until it has turned out right: many at the same
 * moment are no way around it.
 */
export interface LoginThrottle {
  /** Resolves when an attempt may be looked at. Undefined: it would take too long. */
  turn(key: string): Promise<Turn | undefined>
}

export interface Turn {
  /** The attempt was right, or was not looked at: it does not count. At most once. */
  pardon(): void
}

export function createLoginThrottle(deps: { clock: Clock }): LoginThrottle {
  const { clock } = deps
  /** Those that have failed last come last. */
  const records = new Map<string, Record>()

  function find(key: string): Record | undefined {
    const record = records.get(key)
    if (record === undefined) return undefined
    // Also when the clock was set back: nobody waits for it to catch up.
    if (Math.abs(clock.now() - record.lastAt) < FORGOTTEN_AFTER_MS) return record
    records.delete(key)
    return undefined
  }

  function count(key: string, record: Record): Turn {
    const before = record.lastAt
    record.failures += 1
    record.lastAt = clock.now()
    records.delete(key)
    const [oldest] = records.keys()
    if (oldest !== undefined && records.size >= MOST_ADDRESSES) records.delete(oldest)
    records.set(key, record)
    return {
      pardon() {
        record.failures -= 1
        record.lastAt = before
        if (record.failures === 0 && records.get(key) === record) records.delete(key)
      },
    }
  }

  return {
    async turn(key) {
      const now = clock.now()
      const record = find(key) ?? { failures: 0, lastAt: now, nextAt: 0 }
      const costly = record.failures - FREE_FAILURES
      if (costly < 0) return count(key, record)
      const waitMs = Math.max(0, record.nextAt - now)
      if (waitMs > LONGEST_WAIT_MS) return undefined
      const delayMs = FIRST_DELAY_MS * 2 ** Math.min(costly, 10)
      record.nextAt = now + waitMs + Math.min(delayMs, LONGEST_DELAY_MS)
      const turn = count(key, record)
      if (waitMs > 0) await clock.sleep(waitMs)
      return turn
    },
  }
}
