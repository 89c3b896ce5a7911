import type { StoredMessage } from '../message.ts'
import type { ClaimedMessage, OutboxStore } from '../outbox-store.ts'

/** Postern's own mail: one try, and neither a hold nor a pause stops it. */
export function isOwnMail({
  message,
}: {
  readonly message: Pick<StoredMessage, 'once'> & { readonly priority: number }
}): boolean {
  return message.once || message.priority <= OWN_PRIORITY
}

/** Alerts and test emails. */
const OWN_PRIORITY = 1

/** Which profiles of a mailbox may have mail to claim. */
export interface QueueState {
  /** Something of the profile has changed. */
  note(profileId: string): void
  mayHave(profileId: string, upTo: 'own' | 'all'): boolean
  forget(profileId: string): void
  /** Claims, and remembers whose queue is empty now. */
  claim(
    profileIds: readonly string[],
    upTo: 'own' | 'all',
    limit: number,
  ): Promise<readonly ClaimedMessage[]>
}

interface Note {
  /** Of the last change: what came while a claim was under way is not forgotten with it. */
  stamp: number
  own: boolean
}

export function createQueueState(deps: { store: Pick<OutboxStore, 'claim'> }): QueueState {
  const { store } = deps
  const notes = new Map<string, Note>()
  let stamp = 0

  return {
    note(profileId) {
      notes.set(profileId, { stamp: ++stamp, own: true })
    },
    mayHave(profileId, upTo) {
      const note = notes.get(profileId)
      return note !== undefined && (upTo === 'all' || note.own)
    },
    forget: (profileId) => void notes.delete(profileId),
    async claim(profileIds, upTo, limit) {
      const before = stamp
      const upToPriority = upTo === 'own' ? OWN_PRIORITY : undefined
      const claimed = await store.claim({ profileIds, limit, upToPriority })
      if (claimed.length < limit) {
        for (const id of profileIds) {
          const note = notes.get(id)
          if (note === undefined || note.stamp > before) continue
          if (upTo === 'all') notes.delete(id)
          else note.own = false
        }
      }
      return claimed
    },
  }
}
