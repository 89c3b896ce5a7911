import type { Kysely } from 'kysely'
import type { Profiles } from '../profiles/index.ts'
import type { Tables } from '../storage/index.ts'
import type { AlertSummary } from './alerts.ts'
import type { AlertStore } from './store.ts'
import { isSilenced, pendingOf, type StoredAlert } from './stored-alert.ts'

/** Every open alert, and every resolved one with a mail still waiting, in memory and in step with the store. */
export interface LiveAlerts {
  /** Changes happen one after the other, so each sees what the one before stored. */
  inTurn<Result>(change: () => Promise<Result>): Promise<Result>
  /** Resolves when every change that was asked for so far is done. */
  settled(): Promise<void>
  all(): readonly StoredAlert[]
  get(id: string): StoredAlert | undefined
  openOf(problem: string): StoredAlert | undefined
  summaryOf(profileId: string | null, now: number): AlertSummary
  /** Stores the next state; false when its profile is gone, which took the alert with it. */
  save(
    next: StoredAlert,
    previous: StoredAlert | undefined,
    also?: (executor: Kysely<Tables>) => Promise<void>,
  ): Promise<boolean>
  forget(profileId: string): void
}

export async function createLiveAlerts(deps: {
  store: AlertStore
  profiles: Pick<Profiles, 'find'>
}): Promise<LiveAlerts> {
  const { store, profiles } = deps
  const byId = new Map<string, StoredAlert>()
  const byProblem = new Map<string, string>()
  const byProfile = new Map<string | null, Set<string>>()
  let last: Promise<unknown> = Promise.resolve()

  function drop(alert: StoredAlert): void {
    byId.delete(alert.id)
    const ofProfile = byProfile.get(alert.profileId)
    ofProfile?.delete(alert.id)
    if (ofProfile?.size === 0) byProfile.delete(alert.profileId)
    if (byProblem.get(alert.problem) === alert.id) byProblem.delete(alert.problem)
  }

  function remember(alert: StoredAlert): void {
    drop(alert)
    if (alert.state === 'open') byProblem.set(alert.problem, alert.id)
    else if (pendingOf(alert).length === 0) return
    byId.set(alert.id, alert)
    const ofProfile = byProfile.get(alert.profileId) ?? new Set()
    byProfile.set(alert.profileId, ofProfile.add(alert.id))
  }

  function ofProfile(profileId: string | null): StoredAlert[] {
    return [...(byProfile.get(profileId) ?? [])].flatMap((id) => byId.get(id) ?? [])
  }

  function forget(profileId: string): void {
    for (const alert of ofProfile(profileId)) drop(alert)
  }

  for (const alert of await store.live()) remember(alert)

  return {
    inTurn(change) {
      const run = last.then(change)
      last = run.catch(() => {})
      return run
    },
    async settled() {
      let seen: unknown
      while (seen !== last) {
        seen = last
        await last
      }
    },
    all: () => [...byId.values()],
    get: (id) => byId.get(id),
    openOf(problem) {
      const id = byProblem.get(problem)
      return id === undefined ? undefined : byId.get(id)
    },
    summaryOf(profileId, now) {
      const open = ofProfile(profileId).filter(({ state }) => state === 'open')
      const waiting = open.filter((alert) => pendingOf(alert).length > 0 && !isSilenced(alert, now))
      return { open: open.length, undelivered: waiting.length }
    },
    async save(next, previous, also) {
      try {
        await store.save(next, previous, also)
      } catch (error) {
        if (next.profileId === null || profiles.find(next.profileId) !== undefined) throw error
        forget(next.profileId)
        return false
      }
      remember(next)
      return true
    },
    forget,
  }
}
