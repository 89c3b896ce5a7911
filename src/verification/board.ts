import { PosternError } from '../platform/errors.ts'
import type { Profile, Profiles } from '../profiles/index.ts'
import type { VerificationNews } from './events.ts'
import { healthDiffers, nextHealth, unknownHealth } from './health.ts'
import { createNetworkWatch } from './network-watch.ts'
import { SECRET_EXPIRED } from './prove-login.ts'
import type { RunResult } from './run-checks.ts'
import type { ReportStore } from './store.ts'
import type { Health, NetworkProblem } from './verification.ts'

/** The health of every profile, kept in memory beside the store, and what follows from a finished run. */
export interface Board {
  healthOf(profileId: string): Health
  networkProblem(): NetworkProblem | null
  /** Stores the run, then tells the news. Throws profile_not_found when the profile is gone. */
  take(profile: Profile, result: RunResult): Promise<void>
  /** The server has accepted a message of the profile. */
  delivered(profileId: string, at: number): Promise<void>
  /** Resolves when nothing is being stored because of `delivered`. */
  settled(): Promise<void>
  forget(profileId: string): void
}

export interface BoardDeps {
  profiles: Profiles
  store: ReportStore
  news: VerificationNews
  now(): number
}

export async function createBoard(deps: BoardDeps): Promise<Board> {
  const { profiles, store, news } = deps
  const healths = new Map<string, Health>()
  const network = createNetworkWatch()
  let storing: Promise<void> = Promise.resolve()
  for (const health of await store.healths()) {
    if (profiles.find(health.profileId) === undefined) continue
    healths.set(health.profileId, health)
    network.restore(health)
  }
  network.resume(profiles.list().length)

  function healthOf(profileId: string): Health {
    return (
      healths.get(profileId) ??
      unknownHealth(profileId, profiles.find(profileId)?.createdAt ?? deps.now())
    )
  }

  async function save(result: RunResult, health: Health): Promise<void> {
    try {
      await store.save(result.report, health)
    } catch (error) {
      throw profiles.find(health.profileId) === undefined ? removed(health.profileId) : error
    }
  }

  return {
    healthOf,
    networkProblem: () => network.problem(),

    async take(profile, result) {
      const { report, finishedAt } = result
      if (profiles.find(profile.id) === undefined) throw removed(profile.id)
      const previous = healthOf(profile.id)
      const judged = nextHealth(previous, report, finishedAt)
      await save(result, judged)
      if (profiles.find(profile.id) === undefined) throw removed(profile.id)
      // A message may have been delivered while the run was stored.
      const { lastDeliveredAt } = healthOf(profile.id)
      healths.set(profile.id, { ...judged, lastDeliveredAt })

      if (report.message !== null) news.delivered(profile.id, finishedAt)
      const health = healthOf(profile.id)
      news.completed(report, health)
      // Before health.changed: whoever hears of a failing profile can already see whether it is the network.
      const change = network.update(health, profiles.list().length, finishedAt)
      if (change !== undefined && 'failing' in change) news.networkFailing(change.failing)
      if (change !== undefined && 'recoveredAt' in change) news.networkRecovered(change.recoveredAt)
      if (healthDiffers(previous, health)) news.healthChanged(previous, health)

      const { credential } = profile
      if (credential === null) return
      const isProven = credential.expirySource === 'proven'
      if (report.diagnosis?.code === SECRET_EXPIRED && !isProven) {
        await profiles.recordEnded(profile.id, credential.id, finishedAt)
      }
      const isIssued = report.checks.some((c) => c.name === 'tokenIssued' && c.outcome === 'ok')
      if (isIssued && isProven) await profiles.recordAlive(profile.id, credential.id)
    },

    async delivered(profileId, at) {
      if (profiles.find(profileId) === undefined) return
      const health = { ...healthOf(profileId), lastDeliveredAt: at }
      healths.set(profileId, health)
      const saved = store.saveDelivered(health, at)
      storing = Promise.allSettled([storing, saved]).then(() => {})
      await saved
    },

    async settled() {
      await storing
    },

    forget(profileId) {
      healths.delete(profileId)
      if (network.remove(profileId)) news.networkRecovered(deps.now())
    },
  }
}

export function removed(profileId: string): PosternError {
  return new PosternError(
    `The profile ${profileId} was removed while it was verified; nothing was stored.`,
    { kind: 'not_found', code: 'profile_not_found' },
  )
}
