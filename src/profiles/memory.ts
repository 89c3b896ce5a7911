import type { Profile } from './profile.ts'
import type { StoredProfile } from './stored-profile.ts'

/** The stored profiles, held for reading without the database. */
export interface Memory {
  find(id: string): StoredProfile | undefined
  /** In the order of the ids. */
  stored(): readonly StoredProfile[]
  profiles(): readonly Profile[]
  set(stored: StoredProfile): void
  remove(id: string): void
  /**
   * For a new profile: above every version that a profile of the same id can have had, so that nobody who has read
   * that one changes this one. The time does it; what this process has seen does it when the clock was set back.
   */
  firstVersion(now: number): number
}

export function createMemory(initial: readonly StoredProfile[]): Memory {
  const byId = new Map(initial.map((stored) => [stored.profile.id, stored]))
  let highest = Math.max(0, ...initial.map(({ profile }) => profile.version))
  let sorted: readonly Profile[] | undefined

  const stored = () => [...byId.values()].sort((a, b) => (a.profile.id < b.profile.id ? -1 : 1))
  return {
    find: (id) => byId.get(id),
    stored,
    profiles() {
      sorted ??= stored().map(({ profile }) => profile)
      return sorted
    },
    set(entry) {
      byId.set(entry.profile.id, entry)
      highest = Math.max(highest, entry.profile.version)
      sorted = undefined
    },
    remove(id) {
      byId.delete(id)
      sorted = undefined
    },
    firstVersion: (now) => Math.max(now, highest + 1),
  }
}
