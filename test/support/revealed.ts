import type { Profiles } from '../../src/profiles/index.ts'

/** The plain value of the active client secret or password. */
export async function revealed(profiles: Profiles, id: string): Promise<string | undefined> {
  const opened = await profiles.openCredential(profiles.get(id))
  return opened === undefined || opened.type === 'certificate' ? undefined : opened.value.reveal()
}
