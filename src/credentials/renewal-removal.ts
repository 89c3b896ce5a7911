import type { Outcome } from '../diagnosis/index.ts'
import type { GraphAccess } from '../entra/index.ts'
import { type Clock, DAY_MS, MINUTE_MS } from '../platform/clock.ts'
import type { Profile, Profiles } from '../profiles/index.ts'
import { applicationOf, isSameApplication } from './kept-credential.ts'
import type { RenewalAccess } from './renewal-access.ts'
import type { RenewalEntry, RenewalJournal } from './renewal-journal.ts'
import { isAlreadyGone, isSameKeyId, type Listing, type RenewalKind } from './renewal-kind.ts'

/** What was added a moment ago may not be listed yet: directory changes take up to 2 minutes to be seen everywhere. */
export const SETTLED_MS = 3 * MINUTE_MS
/** So long a removal is tried again. */
const PATIENCE_MS = DAY_MS

/** later: it has to be tried again; remains: it cannot be removed, or it was tried for a day. */
export type Removal = 'done' | 'later' | 'remains'

/** Removes credentials at Entra: what a renewal has added, and what it has replaced. */
export interface RenewalRemoval {
  /** All that the renewal has added. Without a profile (it is gone): by the kept credential. */
  takeBack(kind: RenewalKind, entry: RenewalEntry, profile: Profile | undefined): Promise<Removal>
  /** What a lost answer may have left beside the one in use. */
  sweep(kind: RenewalKind, entry: RenewalEntry, profile: Profile): Promise<Removal>
  /** The former credential; `shared`: another profile uses it; `unknown`: which one it is is not certain. */
  removeFormer(
    kind: RenewalKind,
    entry: RenewalEntry,
    profile: Profile,
  ): Promise<Removal | 'shared' | 'unknown'>
}

export function createRenewalRemoval(deps: {
  profiles: Pick<Profiles, 'credentials' | 'dropFallback' | 'list'>
  journal: Pick<RenewalJournal, 'open'>
  access: RenewalAccess
  clock: Clock
  signal: AbortSignal
}): RenewalRemoval {
  const { profiles, journal, access, clock, signal } = deps

  function ageOf(since: number): number {
    const age = clock.now() - since
    // The clock was set back: then nothing is young.
    return age < 0 ? PATIENCE_MS : age
  }

  const untilOver = (since: number): Removal => (ageOf(since) < PATIENCE_MS ? 'later' : 'remains')

  /** Who asks, and what is listed; undefined when nobody can ask, a Removal when it has to wait. */
  async function open(kind: RenewalKind, entry: RenewalEntry, profile: Profile | undefined) {
    const kept = await journal.open(entry)
    const asker = await access.toRemove(kind, { profile, kept })
    if (asker === undefined) return undefined
    const outcome = await access.look(kind, asker, signal)
    return outcome.ok ? { asker, kept, listing: outcome.value } : 'later'
  }

  async function removeAll(
    kind: RenewalKind,
    asker: GraphAccess,
    request: { keyIds: readonly string[]; listing: Listing; isSettled: boolean },
  ): Promise<boolean> {
    const { keyIds, listing, isSettled } = request
    for (const keyId of keyIds) {
      const outcome: Outcome<null> = await kind.remove(asker, keyId, { listing, signal })
      if (!outcome.ok && !(isSettled && isAlreadyGone(outcome.failure))) return false
    }
    return true
  }

  return {
    async takeBack(kind, entry, profile) {
      const { keyId, updatedAt } = entry
      const isSettled = ageOf(updatedAt) >= SETTLED_MS
      if ((entry.doubtful || keyId === null) && !isSettled && profile !== undefined) return 'later'
      const found = await open(kind, entry, profile)
      if (found === undefined) return 'remains'
      if (found === 'later') return untilOver(updatedAt)
      const { asker, kept, listing } = found
      if (listing === undefined && keyId === null) {
        const recovered = await kind.recover(asker, entry, { made: kept, listing, signal })
        if (!recovered.ok) return untilOver(updatedAt)
        return recovered.value === 'absent' ? 'done' : 'remains'
      }
      const listed = listing === undefined ? [] : kind.ownKeyIds(listing, entry)
      const others = listed.filter((one) => !isSameKeyId(one, keyId))
      // The one that may be asking goes last.
      const keyIds = keyId === null ? others : [...others, keyId]
      const isDone = await removeAll(kind, asker, { keyIds, listing, isSettled })
      return isDone ? 'done' : untilOver(updatedAt)
    },

    async sweep(kind, entry, profile) {
      if (ageOf(entry.updatedAt) < SETTLED_MS) return 'later'
      const found = await open(kind, entry, profile)
      if (found === undefined) return 'remains'
      if (found === 'later') return untilOver(entry.updatedAt)
      const { asker, listing } = found
      if (listing === undefined) return 'remains'
      const [inUse = null, ...rest] = [
        ...(entry.keyId === null ? [] : [entry.keyId]),
        ...kind.ownKeyIds(listing, entry).filter((one) => !isSameKeyId(one, entry.keyId)),
      ]
      const keyIds = rest.filter((one) => !isSameKeyId(one, inUse))
      const isDone = await removeAll(kind, asker, { keyIds, listing, isSettled: true })
      return isDone ? 'done' : untilOver(entry.updatedAt)
    },

    async removeFormer(kind, entry, profile) {
      const over = untilOver(entry.removeAfter ?? 0)
      const asker = await access.ofProfile(profile)
      if (asker === undefined) return over
      const outcome = await access.look(kind, asker, signal)
      if (!outcome.ok) return over
      const listing = outcome.value
      // It could not be told then; it may be by now.
      const listed = listing?.keyCredentials.find(
        ({ thumbprint }) => thumbprint === entry.formerThumbprint,
      )
      const keyId = entry.formerKeyId ?? listed?.keyId ?? null
      if (keyId === null) return 'unknown'
      const isShared = profiles
        .list()
        .some(
          (other) =>
            other.id !== profile.id &&
            isSameApplication(applicationOf(other), applicationOf(profile)) &&
            profiles
              .credentials(other.id)
              .some((version) => kind.isFormer(version, entry, listing)),
        )
      // First nobody falls back to it any more, then it goes. Where several profiles share it, with the last of them.
      const fallback = profiles
        .credentials(profile.id)
        .find((one) => one.state === 'fallback' && kind.isFormer(one, entry, listing))
      if (fallback !== undefined) {
        const reason = 'the grace time after its renewal is over'
        await profiles.dropFallback(profile.id, { credentialId: fallback.id, reason })
      }
      if (isShared) return 'shared'
      const isListed =
        listing === undefined ||
        [...listing.passwordCredentials, ...listing.keyCredentials].some((one) =>
          isSameKeyId(one.keyId, keyId),
        )
      if (!isListed) return 'done'
      const keyIds = [keyId]
      return (await removeAll(kind, asker, { keyIds, listing, isSettled: true })) ? 'done' : over
    },
  }
}
