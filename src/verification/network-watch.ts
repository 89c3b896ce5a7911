import type { Diagnosis } from '../diagnosis/index.ts'
import type { Health, NetworkProblem } from './verification.ts'

/**
 * Diagnoses of the transport step that a broken network of this machine causes: name resolution, connection, time-out,
 * proxy. Read from the diagnosis, so that the judgement goes on after a restart.
 */
const NETWORK_CODES: readonly string[] = [
  'proxy_authentication_required',
  'proxy_failed',
  'entra_name_not_resolved',
  'entra_connect_failed',
  'entra_timeout',
  'smtp_name_not_resolved',
  'smtp_connect_refused',
  'smtp_connect_failed',
  'smtp_no_greeting',
  'smtp_timeout',
]

/** One profile alone may simply name a wrong host. */
const FEWEST_PROFILES = 2

/** apart: the run ended before the network was used, so it says nothing about it. */
type Verdict = 'unreachable' | 'reached' | 'apart'

export interface NetworkWatch {
  /** Takes a health over without news: what was stored before the start. */
  restore(health: Health): void
  /** Call once after every restore: whether the problem was there before the start. */
  resume(profiles: number): void
  /** Takes a finished run over and says what changed by it. */
  update(
    health: Health,
    profiles: number,
    now: number,
  ): { failing: NetworkProblem } | { recoveredAt: number } | undefined
  /** A removed profile no longer counts. Returns true when that ended the problem. */
  remove(profileId: string): boolean
  problem(): NetworkProblem | null
}

export function isNetworkFailure(diagnosis: Diagnosis | null): boolean {
  return diagnosis?.answer.source === 'transport' && NETWORK_CODES.includes(diagnosis.code)
}

/**
 * Tells one problem of the agent's own network from many problems of profiles. It begins when the latest run of
 * every profile that uses the network failed there, at least two of them, and ends with the first run that gets through.
 */
export function createNetworkWatch(): NetworkWatch {
  const latest = new Map<string, { verdict: Verdict; health: Health }>()
  const counts: Record<Verdict, number> = { unreachable: 0, reached: 0, apart: 0 }
  let problem: NetworkProblem | null = null

  function forget(profileId: string): void {
    const known = latest.get(profileId)
    if (known === undefined) return
    counts[known.verdict]--
    latest.delete(profileId)
  }

  function take(health: Health): Verdict | undefined {
    forget(health.profileId)
    const verdict = verdictOf(health)
    if (verdict === undefined) return undefined
    latest.set(health.profileId, { verdict, health })
    counts[verdict]++
    return verdict
  }

  function allUnreachable(profiles: number): boolean {
    return counts.unreachable >= FEWEST_PROFILES && counts.reached === 0 && latest.size >= profiles
  }

  function describe(diagnosis: Diagnosis, since: number): NetworkProblem {
    return { since, profiles: counts.unreachable, diagnosis }
  }

  return {
    restore(health) {
      take(health)
    },
    resume(profiles) {
      if (!allUnreachable(profiles)) return
      const [last] = [...latest.values()]
        .filter(({ verdict }) => verdict === 'unreachable')
        .sort((a, b) => b.health.since - a.health.since)
      if (last?.health.diagnosis) problem = describe(last.health.diagnosis, last.health.since)
    },
    update(health, profiles, now) {
      const verdict = take(health)
      if (problem !== null && verdict === 'reached') {
        problem = null
        return { recoveredAt: now }
      }
      if (problem !== null || health.diagnosis === null || !allUnreachable(profiles)) {
        return undefined
      }
      problem = describe(health.diagnosis, now)
      return { failing: problem }
    },
    remove(profileId) {
      forget(profileId)
      if (problem === null || counts.unreachable > 0) return false
      problem = null
      return true
    },
    problem: () => problem,
  }
}

function verdictOf(health: Health): Verdict | undefined {
  if (health.state === 'unknown') return undefined
  if (health.failuresInRow === 0) return 'reached'
  if (isNetworkFailure(health.diagnosis)) return 'unreachable'
  return health.diagnosis?.answer.source === 'settings' ? 'apart' : 'reached'
}
