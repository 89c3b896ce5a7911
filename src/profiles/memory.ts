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
}

export function createMemory(initial: readonly StoredProfile[]): Memory {
  const byId = new Map(initial.map((stored) => [stored.profile.id, stored]))
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
      sorted = undefined
    },
    remove(id) {
      byId.delete(id)
      sorted = undefined
    },
  }
}
