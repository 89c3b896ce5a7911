import { type Clock, SECOND_MS } from '../../platform/clock.ts'
import { messageOf, PosternError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { OutboxNews } from '../events.ts'
import type { StoredMessage } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { isAttemptSettled } from '../refusals.ts'
import { type ConcludeFacts, type Conclusion, conclude } from './conclude.ts'

/** Writes down what tries came to. */
export interface Settling {
  /**
   * Resolves after the commit. It goes on until the store can be written again: what the server has taken must not be
   * sent once more. Rejects when the agent stops before, and when it is not the store that fails: the message is then
   * in nobody's hands until the next start.
   */
  settle(facts: ConcludeFacts): Promise<void>
  /** Commits under way. */
  readonly underWay: number
}

export interface SettlingDeps {
  store: OutboxStore
  clock: Clock
  random: () => number
  news: OutboxNews
  log: Logger
  signal: AbortSignal
  /** After the commit. */
  onSettled: (message: StoredMessage, conclusion: Conclusion) => void
}

const FIRST_WAIT_MS = SECOND_MS
const LONGEST_WAIT_MS = 30 * SECOND_MS
/** Of errors that nobody foresaw; those of the store are waited for. */
const MOST_FAULTS = 8

export function createSettling(deps: SettlingDeps): Settling {
  const { store, clock, news, log, signal, onSettled } = deps
  let underWay = 0

  /** Concluded once: what a lost answer was about is the same. */
  async function write(facts: ConcludeFacts): Promise<Conclusion> {
    const { id } = facts.claimed.message
    const conclusion = await persist(id, () => conclude(deps, facts))
    await persist(id, () => settleOnce(conclusion))
    return conclusion
  }

  async function settleOnce({ settlement }: Conclusion): Promise<void> {
    try {
      await store.settle(settlement)
    } catch (error) {
      // The commit has been made, and its answer was lost.
      if (!isAttemptSettled(error)) throw error
    }
  }

  async function persist<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    let faults = 0
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        return await work()
      } catch (error) {
        if (signal.aborted) throw error
        log.error({ id, err: error }, `the end of an attempt cannot be stored: ${messageOf(error)}`)
        if (!(error instanceof PosternError) && ++faults === MOST_FAULTS) {
          log.error(
            { id },
            'that is given up: the message counts as being sent until the next start, which sends it again. The operator of Postern reports the error and restarts Postern',
          )
          throw error
        }
        await clock.sleep(waitMs, signal)
      }
    }
  }

  function tell({ claimed, verdict, startedAt }: ConcludeFacts, conclusion: Conclusion): void {
    const { message } = claimed
    const { settlement, diagnosis } = conclusion
    const { attempt, next } = settlement
    if (verdict.delivered > 0) {
      const durationMs = attempt.finishedAt - startedAt
      news.delivered(message, { recipients: verdict.delivered, durationMs })
    }
    if (next.state === 'deferred' && diagnosis !== null) {
      news.deferred(message, diagnosis, next.nextAttemptAt)
    }
    if (next.state === 'delivered' || next.state === 'failed') {
      news.finished(message, next.state, diagnosis)
    }
  }

  return {
    async settle(facts) {
      underWay++
      try {
        const conclusion = await write(facts)
        tell(facts, conclusion)
        onSettled(facts.claimed.message, conclusion)
      } finally {
        underWay--
      }
    },
    get underWay() {
      return underWay
    },
  }
}
