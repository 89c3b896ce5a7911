import type { Profile, Profiles } from '../profiles/index.ts'
import type { RelayClient, RelayClientBook } from './clients/index.ts'
import { type SenderRules, senderRules } from './message/index.ts'
import type { Reply } from './reply.ts'

/** Who wants to send, with the profile and the rules that count now. */
export interface Submitter {
  readonly client: RelayClient
  readonly profile: Profile
  readonly rules: SenderRules
}

export type FindSubmitter = (clientId: string) => Submitter | Reply

/** Puts the same together for every message, until the client or its profile is another one. */
export function createSubmitters(deps: {
  book: Pick<RelayClientBook, 'find'>
  profiles: Pick<Profiles, 'find'>
}): FindSubmitter {
  const { book, profiles } = deps
  const known = new WeakMap<RelayClient, Submitter>()
  return (clientId) => {
    const client = book.find(clientId)
    if (client === undefined) return SWITCHED_OFF
    const profile = profiles.find(client.profileId)
    if (profile === undefined) return profileMissing(client.profileId)
    const former = known.get(client)
    if (former?.profile === profile) return former
    const rules = senderRules(client, profile.senderEmailAddress)
    const submitter = { client, profile, rules }
    known.set(client, submitter)
    return submitter
  }
}

function profileMissing(id: string): Reply {
  return {
    code: 451,
    enhanced: '4.3.5',
    text: `The profile "${id}" of this relay client does not exist. An administrator must choose another one for it.`,
  }
}

const SWITCHED_OFF: Reply = {
  code: 550,
  enhanced: '5.7.1',
  text: 'This relay client was removed or switched off. An administrator can switch it on.',
}
