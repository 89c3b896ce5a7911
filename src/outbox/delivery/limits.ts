import type { Profile } from '../../profiles/index.ts'

/** What profiles that share a mailbox must keep to together. */
export interface MailboxLimits {
  readonly connections: number
  readonly messagesPerMinute: number | null
  readonly recipientsPerDay: number | null
}

/** The lowest of each: the server counts them as one. */
export function strictest(profiles: readonly Pick<Profile, 'delivery'>[]): MailboxLimits {
  const [first] = profiles
  if (profiles.length === 1 && first !== undefined) return first.delivery
  const settings = profiles.map(({ delivery }) => delivery)
  return {
    connections: Math.min(...settings.map(({ connections }) => connections), MOST_CONNECTIONS),
    messagesPerMinute: lowest(settings.map(({ messagesPerMinute }) => messagesPerMinute)),
    recipientsPerDay: lowest(settings.map(({ recipientsPerDay }) => recipientsPerDay)),
  }
}

/** More than any setting allows; of no profile at all. */
const MOST_CONNECTIONS = 20

function lowest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.min(...known)
}
