import type { Actor, Audit } from '../access/index.ts'
import type { Storage } from '../storage/index.ts'
import type { InTurn } from './in-turn.ts'
import type { Memory } from './memory.ts'
import type { CredentialFacts } from './profile.ts'
import type { ProfileStore } from './store.ts'
import { type StoredProfile, toStoredProfile } from './stored-profile.ts'
import { toAuditState } from './view.ts'

/** Changes that nobody made but the agent itself. */
export const AGENT: Actor = { type: 'agent', id: null, name: 'Postern', address: null }

type ExpiryFacts = Pick<CredentialFacts, 'expiresAt' | 'expirySource'>

export type ExpiryChange = (facts: CredentialFacts) => ExpiryFacts | undefined

/** Stores what Entra's answers prove about the end of a credential; undefined when there is nothing to store. */
export type RecordExpiry = (
  of: { profileId: string; credentialId: string },
  action: string,
  change: ExpiryChange,
) => Promise<StoredProfile | undefined>

export function createExpiryRecorder(deps: {
  storage: Pick<Storage, 'db'>
  store: ProfileStore
  audit: Audit
  memory: Memory
  inTurn: InTurn
  reload: (profileId: string) => Promise<unknown>
  view: () => { allowCustomCloud: boolean; now: number }
}): RecordExpiry {
  const { storage, store, audit, memory, inTurn, reload, view } = deps
  return ({ profileId, credentialId }, action, change) =>
    inTurn(async () => {
      const before = memory.find(profileId)
      if (before?.credential?.facts.id !== credentialId) return undefined
      const { credential } = before
      const changed = change(credential.facts)
      if (changed === undefined) return undefined
      const facts = { ...credential.facts, ...changed }
      const { version, managed, createdAt, updatedAt } = before.profile
      const after = toStoredProfile(
        {
          id: profileId,
          // The answer shows the end date, so its tag has to differ. `updatedAt` stays: nobody changed the settings.
          version: version + 1,
          managed,
          createdAt,
          updatedAt,
          settings: before.settings,
          damaged: before.damaged,
          credential: { ...credential, facts },
          others: before.others,
        },
        view(),
      )
      const isStored = await storage.db.transaction().execute(async (trx) => {
        if (!(await store.raiseVersion(trx, profileId, version))) return false
        if (!(await store.updateExpiry(trx, facts))) return false
        await audit.record(
          {
            actor: AGENT,
            action,
            target: { type: 'profile', id: profileId },
            before: toAuditState(before.profile),
            after: toAuditState(after.profile),
          },
          trx,
        )
        return true
      })
      if (!isStored) {
        await reload(profileId)
        return undefined
      }
      memory.set(after)
      return after
    })
}
