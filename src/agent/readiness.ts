import type { Readiness } from '../http/index.ts'
import { messageOf } from '../platform/errors.ts'
import type { Storage } from '../storage/index.ts'

/** Whether the agent can do its work; what it does not do yet, or cannot, in sentences. */
export function readiness(listening: boolean, storage: Pick<Storage, 'check'>): Readiness {
  if (!listening) return { ready: false, problems: ['It is starting.'] }
  try {
    storage.check()
    return { ready: true, problems: [] }
  } catch (error) {
    return { ready: false, problems: [messageOf(error)] }
  }
}
