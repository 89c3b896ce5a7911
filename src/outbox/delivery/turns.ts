import type { StoredRecipient } from '../message.ts'
import type { ClaimedMessage } from '../outbox-store.ts'
import type { Verdict } from './verdict.ts'

/**
 * A message for more recipients than one transaction may have takes several. Within such a turn nobody is tried twice,
 * so that recipients who are put off do not keep the others waiting. Only in memory: after a crash the turn begins anew.
 */
export interface Turns {
  next(
    claimed: ClaimedMessage,
    most: number,
  ): { readonly recipients: readonly StoredRecipient[]; readonly putOff: ReadonlySet<number> }
  note(claimed: ClaimedMessage, verdict: Verdict): void
}

export function createTurns(): Turns {
  const byMessage = new Map<string, Set<number>>()
  const nobody: ReadonlySet<number> = new Set()

  return {
    next({ message, recipients }, most) {
      const putOff = byMessage.get(message.id)
      const untried = recipients.filter(({ index }) => putOff?.has(index) !== true)
      if (putOff === undefined || untried.length === 0) {
        byMessage.delete(message.id)
        return { recipients: recipients.slice(0, most), putOff: nobody }
      }
      return { recipients: untried.slice(0, most), putOff }
    },
    note({ message }, { next, putOff }) {
      if (next !== 'continue') {
        byMessage.delete(message.id)
        return
      }
      if (putOff.length === 0) return
      const known = byMessage.get(message.id) ?? new Set<number>()
      for (const index of putOff) known.add(index)
      byMessage.set(message.id, known)
    },
  }
}
