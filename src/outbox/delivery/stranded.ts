import type { OutboxStore } from '../outbox-store.ts'
import type { Carried } from './carry.ts'
import type { Tasks } from './tasks.ts'
import type { Verdict } from './verdict.ts'

/**
 * Mail that was put off because the way to the server, or its login, had trouble. No server has seen it in this try, so it
 * is due when the trouble ends. Whatever met trouble behind the login keeps to the schedule: it may be the cause. Only in
 * memory: after a restart the schedule brings it.
 */
export interface Stranded {
  note(
    message: { readonly id: string; readonly profileId: string },
    facts: { verdict: Verdict; carried: Carried; commit: Promise<unknown> },
  ): void
  /** The server works again. */
  wake(): void
}

export function createStranded(deps: {
  store: Pick<OutboxStore, 'wake'>
  tasks: Tasks
  onQueued: (profileIds: readonly string[]) => void
}): Stranded {
  const { store, tasks, onQueued } = deps
  const waiting = new Map<string, { profileId: string; commit: Promise<unknown> }>()

  return {
    note({ id, profileId }, { verdict, carried, commit }) {
      waiting.delete(id)
      const { next, slowDownMs } = verdict
      // 0: the mailbox slows down, and the answer asks for no wait.
      const isStranded = next === 'defer' && slowDownMs === 0
      if (isStranded && carried.lease === undefined && !carried.wasBegun) {
        waiting.set(id, { profileId, commit })
      }
    },
    wake() {
      if (waiting.size === 0) return
      const ids = [...waiting.keys()]
      const found = [...waiting.values()]
      waiting.clear()
      tasks.run('wake', async () => {
        await Promise.allSettled(found.map(({ commit }) => commit))
        await store.wake(ids)
        onQueued([...new Set(found.map(({ profileId }) => profileId))])
      })
    },
  }
}
