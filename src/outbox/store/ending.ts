import type { Tables } from '../../storage/index.ts'
import type { Effects } from './effects.ts'

type MessageRow = Tables['message']

/** What the end of a message depends on. */
export interface Ending {
  readonly profile_id: string
  readonly source: MessageRow['source']
  readonly once: number
  readonly bounce_to: string | null
  readonly accepted_at: number
  readonly size_bytes: number
}

export const ENDING_COLUMNS = [
  'profile_id',
  'source',
  'once',
  'bounce_to',
  'accepted_at',
  'size_bytes',
] as const

/** Who is to be told by mail that it failed. Nobody for Postern's own single tries; nobody of a bounce of a bounce. */
export function dueOf(
  message: Pick<Ending, 'source' | 'once' | 'bounce_to'>,
  state: MessageRow['state'],
): { report_due: number; bounce_due: number } {
  const { source, once, bounce_to: bounceTo } = message
  const tells = state === 'failed' && once === 0 && source !== 'report' && source !== 'bounce'
  return { report_due: Number(tells), bounce_due: Number(tells && bounceTo !== null) }
}

export function countEnding(message: Ending, effects: Effects): void {
  effects.left({ profileId: message.profile_id, acceptedAt: message.accepted_at })
  effects.keptBytes(message.size_bytes)
}
