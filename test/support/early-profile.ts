import { spreadOver } from '../../src/verification/spread.ts'

/** A profile of this id is among the very first when an agent verifies at its start, which is spread over a minute. */
export const EARLY_PROFILE_ID = earliestOf(1_000)

function earliestOf(count: number): string {
  const ids = Array.from({ length: count }, (_, i) => `profile-${i}`)
  return spreadOver(ids, 60_000)[0]?.id ?? 'profile-0'
}
