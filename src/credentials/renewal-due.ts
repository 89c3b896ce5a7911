import { DAY_MS } from '../platform/clock.ts'
import type {
  CredentialVersion,
  ExchangeOnlineAuthentication,
  Profile,
  Renewal,
} from '../profiles/index.ts'
import { SPREADING_MS } from '../verification/index.ts'
import { daysLeft } from './days.ts'
import { isOpen, type RenewalEntry } from './renewal-journal.ts'

export interface Renewable {
  readonly profile: Profile
  readonly authentication: ExchangeOnlineAuthentication
  readonly renewal: Renewal
  readonly type: 'clientSecret' | 'certificate'
}

/** After a failure, and between two renewals: nothing is worth asking more often. */
const LEAST_PAUSE_MS = DAY_MS
/** The policy of the tenant forbids secrets: nothing changes until somebody changes something. */
const TYPE_REFUSED = 'graph_secret_type_refused'

/** The parts that a renewal needs; undefined where it is off or not possible. */
export function renewableOf(profile: Profile): Renewable | undefined {
  const { authentication, credential, managed } = profile
  if (authentication.type !== 'exchangeOnline' || managed) return undefined
  const { renewal } = authentication
  if (renewal?.enabled !== true || credential === null) return undefined
  if (credential.type === 'password') return undefined
  return { profile, authentication, renewal, type: credential.type }
}

/** Whether a new credential is to be made now. Pure, so that tests can move time. */
export function isDue(
  { profile, renewal }: Renewable,
  facts: {
    versions: readonly CredentialVersion[]
    latest: RenewalEntry | undefined
    now: number
  },
): boolean {
  const { credential } = profile
  const { versions, latest, now } = facts
  if (credential === null || !credential.readable || credential.expiresAt === null) return false
  // An ended credential cannot ask Graph for a new one.
  if (credential.expirySource === 'proven') return false
  if (daysLeft(credential.expiresAt, now) > renewal.daysBefore) return false
  // Somebody is exchanging it by hand.
  if (versions.some(({ state }) => state === 'staged')) return false
  if (latest === undefined) return true
  if (isOpen(latest)) return false
  // From before the clock was set back: nothing that lies ahead has happened yet.
  const isAhead = latest.updatedAt > now
  if (latest.error === TYPE_REFUSED && profile.updatedAt <= latest.updatedAt && !isAhead) {
    return false
  }
  const age = now - latest.startedAt
  return age < 0 || age >= LEAST_PAUSE_MS
}

/** How long the former credential stays. Never while some of Entra's servers may not know the new one yet. */
export function graceOf(profile: Profile): number {
  const { graceDays } = renewableOf(profile)?.renewal ?? { graceDays: 0 }
  return Math.max(graceDays * DAY_MS, SPREADING_MS)
}

const SHORTER_DAYS = [365, 180, 90, 60, 30]

/** The lifetimes to try, the wanted one first; none that would be due again at once. */
export function lifetimesOf({ lifetimeDays, daysBefore, graceDays }: Renewal): readonly number[] {
  const shorter = SHORTER_DAYS.filter(
    (days) => days < lifetimeDays && days > daysBefore + graceDays,
  )
  return [lifetimeDays, ...shorter]
}
