import type { Storage } from '../storage/index.ts'
import { NO_PROOF, type Proof } from './mail-access.ts'
import { createReportStore } from './store.ts'

/** What the agent has seen each profile do, for a command beside it: both then judge a refusal in the same words. */
export async function readStoredProofs(deps: {
  storage: Pick<Storage, 'db'>
}): Promise<(profileId: string) => Proof> {
  const healths = await createReportStore(deps.storage).healths()
  const byProfile = new Map(healths.map((health) => [health.profileId, health]))
  return (profileId) => byProfile.get(profileId) ?? NO_PROOF
}
