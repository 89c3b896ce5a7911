import { type Clock, MINUTE_MS, SECOND_MS } from '../../platform/clock.ts'

/** Failed logins of an address that cost it nothing: people mistype. */
const FREE_FAILURES = 3
const FIRST_DELAY_MS = SECOND_MS
const LONGEST_DELAY_MS = 30 * SECOND_MS
/** Who would have to wait longer for failures before his is told to come later. */
const LONGEST_WAIT_MS = 10 * SECOND_MS
const FORGOTTEN_AFTER_MS = 15 * MINUTE_MS
/** Enough for an attack from many addresses, and about a megabyte. */
const MOST_ADDRESSES = 10_000
/** Attempts of one address behind the one that is looked at. */
const MOST_WAITING = 64

interface Record {
  failures: number
  lastAt: number
  /** When the next attempt may be looked at. */
  nextAt: number
}

interface Queue {
  length: number
  /** Resolves when the last of them has been looked at. */
  last: Promise<unknown>
}

/**
 * Makes guessing slow: the attempts of an address are looked at one after the other, and each failure makes the next one
 * wait longer. So many at the same moment are no way around it, and one that is right costs nobody anything.
 */
export interface LoginThrottle {
  /**
   * Looks at an attempt in its turn; `false` is a failure, and nothing else is. Undefined: it was not looked at, because
   * it would take too long.
   */
  inTurn<Other>(
    key: string,
    look: () => Promise<boolean | Other>,
  ): Promise<boolean | Other | undefined>
}

export function createLoginThrottle(deps: { clock: Clock }): LoginThrottle {
  const { clock } = deps
  /** Those that have failed last come last. */
  const records = new Map<string, Record>()
  const queues = new Map<string, Queue>()

  function find(key: string): Record | undefined {
    const record = records.get(key)
    if (record === undefined) return undefined
    const ageMs = clock.now() - record.lastAt
    // Below zero the clock was set back: nobody waits for it to catch up.
    if (ageMs >= 0 && ageMs < FORGOTTEN_AFTER_MS) return record
    records.delete(key)
    return undefined
  }

  function countFailure(key: string): void {
    const now = clock.now()
    const failures = (find(key)?.failures ?? 0) + 1
    const costly = failures - FREE_FAILURES - 1
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** Math.min(costly, 10), LONGEST_DELAY_MS)
    records.delete(key)
    const [oldest] = records.keys()
    if (oldest !== undefined && records.size >= MOST_ADDRESSES) records.delete(oldest)
    records.set(key, { failures, lastAt: now, nextAt: costly < 0 ? now : now + delayMs })
  }

  async function lookAt<Result>(
    key: string,
    cameAt: number,
    look: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const record = find(key)
    if (record !== undefined) {
      if (record.nextAt - cameAt > LONGEST_WAIT_MS) return undefined
      const waitMs = Math.min(record.nextAt - clock.now(), LONGEST_WAIT_MS)
      if (waitMs > 0) await clock.sleep(waitMs)
    }
    const result = await look()
    if (result === false) countFailure(key)
    return result
  }

  return {
    async inTurn(key, look) {
      const cameAt = clock.now()
      const queue = queues.get(key) ?? { length: 0, last: Promise.resolve() }
      if (queue.length > MOST_WAITING) return undefined
      queues.set(key, queue)
      queue.length += 1
      const result = queue.last.then(() => lookAt(key, cameAt, look))
      queue.last = result.catch(() => {})
      try {
        return await result
      } finally {
        queue.length -= 1
        if (queue.length === 0) queues.delete(key)
      }
    },
  }
}
