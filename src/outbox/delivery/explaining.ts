import type { Diagnosis, Failure } from '../../diagnosis/index.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Profile, Profiles } from '../../profiles/index.ts'
import {
  type Evidence,
  explainFailure,
  type Proof,
  storesSecretId,
} from '../../verification/index.ts'
import type { Tried } from './verdict.ts'

/** What a failure means, by all that is known beside it. */
export interface Explaining {
  explain(
    profile: Profile,
    failure: Failure,
    known: { servicePrincipalObjectId: string | null; secretLooksLikeId: boolean },
  ): Diagnosis
  /** Entra refused a secret that has the form of an ID. */
  refusedSecretId(failure: Tried['failure'], profile: Profile): Promise<boolean>
}

export function createExplaining(deps: {
  profiles: Profiles
  proofOf: (profileId: string) => Proof
  evidence?: Evidence | undefined
  clock: Clock
}): Explaining {
  const { profiles, proofOf, clock } = deps
  return {
    explain(profile, failure, known) {
      const proof = proofOf(profile.id)
      return explainFailure(deps, failure, { profile, proof, now: clock.now(), ...known })
    },
    async refusedSecretId(failure, profile) {
      const isRefusal = failure !== null && 'source' in failure && failure.source === 'entra'
      return isRefusal && (await storesSecretId(profiles, profile).catch(() => false))
    },
  }
}
