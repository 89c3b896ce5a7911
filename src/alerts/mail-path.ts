import type { Profile, Profiles } from '../profiles/index.ts'
import type { Verification } from '../verification/index.ts'
import { sameAddress } from './life.ts'
import type { StoredAlert } from './stored-alert.ts'

/** Mails about the agent itself go to so many addresses at most. */
const MOST_RECIPIENTS = 20
/** One attempt tries so many profiles at most. */
const MOST_CARRIERS = 3

export interface MailPath {
  /** Who is to be told now. */
  recipientsFor(profileId: string | null): readonly string[]
  /** The profiles that may carry a mail to this address, best first; none when no path works now. */
  carriersFor(alert: StoredAlert, recipient: string): readonly Profile[]
  /** Whether a further profile reports to the same address. */
  isShared(profileId: string): boolean
}

/**
 * A profile carries its own mail while it works. When it does not, another one does that works and reports to the same
 * address: the same people trust it. A failing profile is not tried, so that alerts do not hammer a server that refuses.
 */
export function createMailPath(deps: {
  profiles: Pick<Profiles, 'list' | 'find'>
  verification: Pick<Verification, 'healthOf'>
}): MailPath {
  const { profiles, verification } = deps
  const stateOf = (profile: Profile) => verification.healthOf(profile.id).state
  const reportsTo = (profile: Profile, recipient: string) =>
    profile.errorEmailAddress !== null && sameAddress(profile.errorEmailAddress, recipient)

  /** Counted once for each list that the profiles hand out: status asks for every profile in turn. */
  let counted: { of: readonly Profile[]; byAddress: ReadonlyMap<string, number> } | undefined

  function reportersTo(address: string): number {
    const all = profiles.list()
    if (counted?.of !== all) {
      const byAddress = new Map<string, number>()
      for (const { errorEmailAddress } of all) {
        const key = errorEmailAddress?.toLowerCase()
        if (key !== undefined) byAddress.set(key, (byAddress.get(key) ?? 0) + 1)
      }
      counted = { of: all, byAddress }
    }
    return counted.byAddress.get(address.toLowerCase()) ?? 0
  }

  return {
    isShared(profileId) {
      const address = profiles.find(profileId)?.errorEmailAddress ?? null
      return address !== null && reportersTo(address) > 1
    },
    recipientsFor(profileId) {
      if (profileId !== null) {
        const address = profiles.find(profileId)?.errorEmailAddress ?? null
        return address === null ? [] : [address]
      }
      const found = new Map<string, string>()
      for (const { errorEmailAddress } of profiles.list()) {
        if (errorEmailAddress === null || found.has(errorEmailAddress.toLowerCase())) continue
        found.set(errorEmailAddress.toLowerCase(), errorEmailAddress)
        if (found.size === MOST_RECIPIENTS) break
      }
      return [...found.values()]
    },
    carriersFor(alert, recipient) {
      const own = alert.profileId === null ? undefined : profiles.find(alert.profileId)
      const others = profiles
        .list()
        .filter((profile) => profile.id !== own?.id && reportsTo(profile, recipient))
      const working = others.filter((profile) => stateOf(profile) === 'ok')
      // The agent's own alerts have no profile of their own: one that may work is better than none.
      const perhaps =
        alert.profileId === null
          ? others.filter((profile) => ['unknown', 'warning'].includes(stateOf(profile)))
          : []
      const first = own !== undefined && stateOf(own) !== 'failing' ? [own] : []
      return [...first, ...working, ...perhaps].slice(0, MOST_CARRIERS)
    },
  }
}
