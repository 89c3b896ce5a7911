import type { Clock } from '../platform/clock.ts'
import type { MessageState } from './message.ts'
import type { MessageOutcome } from './outbox.ts'
import type { OutboxStore } from './outbox-store.ts'
import { messageNotFound } from './refusals.ts'

/** Those who wait for the end of a message. The store is asked when something has happened, never again and again. */
export interface Outcomes {
  wait(
    id: string,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<MessageOutcome>
  /** An attempt has ended, or the message. */
  settled(id: string): void
  /** A hold has begun. */
  held(): void
}

export interface OutcomesDeps {
  store: Pick<OutboxStore, 'state' | 'find'>
  clock: Clock
  /** Whether a hold of its profile stops a message. */
  isHeld: (message: { profileId: string; priority: number; once: boolean }) => boolean
}

const ENDS: readonly MessageState[] = ['delivered', 'failed', 'cancelled', 'deferred', 'held']

export function createOutcomes(deps: OutcomesDeps): Outcomes {
  const { store, clock, isHeld } = deps
  const waiting = new Map<string, Set<() => void>>()

  /** `facts`: of the message, which do not change. */
  async function read(id: string, facts: Parameters<typeof isHeld>[0]): Promise<MessageOutcome> {
    const found = await store.state(id)
    if (found === undefined) throw messageNotFound(id)
    const { state, reply, serverMessageId, diagnosis } = found
    const isWaiting = state === 'queued' || state === 'deferred'
    const shown = isWaiting && isHeld(facts) ? 'held' : state
    return { id, state: shown, reply, serverMessageId, diagnosis }
  }

  function subscribe(id: string, listener: () => void): () => void {
    const set = waiting.get(id) ?? new Set()
    waiting.set(id, set.add(listener))
    return () => {
      set.delete(listener)
      if (set.size === 0 && waiting.get(id) === set) waiting.delete(id)
    }
  }

  return {
    async wait(id, { timeoutMs, signal }) {
      signal?.throwIfAborted()
      const over = new AbortController()
      let isOver = timeoutMs <= 0
      let next = Promise.withResolvers<void>()
      const wake = () => next.resolve()
      const end = subscribe(id, wake)
      const onAbort = () => wake()
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        const detail = await store.find(id)
        if (detail === undefined) throw messageNotFound(id)
        const late = () => {
          isOver = true
          wake()
        }
        if (!isOver) clock.sleep(timeoutMs, over.signal).then(late, () => {})
        for (;;) {
          const outcome = await read(id, detail.message)
          if (isOver || ENDS.includes(outcome.state)) return outcome
          await next.promise
          signal?.throwIfAborted()
          next = Promise.withResolvers<void>()
        }
      } finally {
        end()
        signal?.removeEventListener('abort', onAbort)
        over.abort('settled')
      }
    },
    settled(id) {
      for (const listener of waiting.get(id) ?? []) listener()
    },
    held() {
      // Few wait at a time, and holds are rare: each looks for itself.
      for (const listeners of waiting.values()) for (const listener of listeners) listener()
    },
  }
}
