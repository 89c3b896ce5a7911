import type { Clock } from '../platform/clock.ts'
import type { Profiles } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import { createChunkPool } from './chunk-pool.ts'
import { createIntake } from './intake.ts'
import type { MessageOutcome, Outbox } from './outbox.ts'
import { messageNotFound } from './refusals.ts'
import { createOutboxStore } from './store/create-store.ts'

/**
 * For a command beside the agent, or while it is down: accepts into the file and delivers nothing. The agent notices
 * what was accepted.
 */
export interface LocalOutbox extends Pick<Outbox, 'intake'>, AsyncDisposable {
  /** What has become of a message. Throws message_not_found. */
  state(id: string): Promise<MessageOutcome>
}

export async function openLocalOutbox(deps: {
  storage: Pick<Storage, 'db'>
  profiles: Profiles
  clock: Clock
}): Promise<LocalOutbox> {
  const { storage, profiles, clock } = deps
  const store = await createOutboxStore({ db: storage.db, role: 'companion' })
  const memory = createChunkPool()
  return {
    intake: () =>
      createIntake({ store, memory, profiles, clock, news: { accepted() {} }, onAccepted() {} }),
    async state(id) {
      const found = await store.state(id)
      if (found === undefined) throw messageNotFound(id)
      return { ...found, id }
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
