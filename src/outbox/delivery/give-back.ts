import { type Clock, SECOND_MS } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { StoredMessage } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { Tasks } from './tasks.ts'

/** Puts back what was claimed and not tried; it goes on until the store can be written. */
export type GiveBack = (messages: readonly Pick<StoredMessage, 'id' | 'profileId'>[]) => void

const FIRST_WAIT_MS = SECOND_MS
const LONGEST_WAIT_MS = 30 * SECOND_MS

export function createGiveBack(deps: {
  store: Pick<OutboxStore, 'unclaim'>
  clock: Clock
  log: Logger
  signal: AbortSignal
  tasks: Tasks
  /** Their profiles may belong to another mailbox by now. */
  onQueued: (profileIds: readonly string[]) => void
}): GiveBack {
  const { store, clock, log, signal, tasks, onQueued } = deps

  async function unclaim(ids: readonly string[], profileIds: readonly string[]): Promise<boolean> {
    try {
      await store.unclaim(ids)
    } catch (error) {
      if (signal.aborted) throw error
      log.error({ err: error }, `claimed messages cannot be given back: ${messageOf(error)}`)
      return false
    }
    onQueued(profileIds)
    return true
  }

  async function persist(ids: readonly string[], profileIds: readonly string[]): Promise<void> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      await clock.sleep(waitMs, signal)
      if (await unclaim(ids, profileIds)) return
    }
  }

  return (messages) => {
    if (messages.length === 0) return
    const ids = messages.map(({ id }) => id)
    const profileIds = [...new Set(messages.map(({ profileId }) => profileId))]
    tasks.run('unclaim', async () => {
      if (await unclaim(ids, profileIds)) return
      tasks.background('unclaim', () => persist(ids, profileIds))
    })
  }
}
