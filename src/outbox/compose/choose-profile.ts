import type { Profile, Profiles } from '../../profiles/index.ts'
import { profileRequired } from './refusals.ts'

const DEFAULT_ID = 'default'

/** The named profile, else `default`, else the only one. Throws profile_not_found, profile_required. */
export function chooseProfile(
  profiles: Pick<Profiles, 'list' | 'get' | 'find'>,
  id: string | undefined,
): Profile {
  if (id !== undefined) return profiles.get(id)
  const named = profiles.find(DEFAULT_ID)
  if (named !== undefined) return named
  const [only, ...others] = profiles.list()
  if (only !== undefined && others.length === 0) return only
  throw profileRequired(profiles.list().map((profile) => profile.id))
}
