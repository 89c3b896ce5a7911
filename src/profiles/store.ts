import type { Kysely } from 'kysely'
import type { Tables } from '../storage/index.ts'
import type { CredentialFacts, CredentialVersion } from './profile.ts'
import type { Settings } from './settings.ts'
import type {
  CredentialRow,
  ProfileRow,
  StoredCredential,
  StoredProfile,
} from './stored-profile.ts'

type Executor = Kysely<Tables>

export const CREDENTIAL_TABLE = 'credential'
export const SEALED_COLUMN = 'sealed'

/** A profile with all its credentials. */
export type ProfileRows = readonly [ProfileRow, readonly CredentialRow[]]

/** Every statement takes the executor, so that a change and its audit record share one transaction. */
export interface ProfileStore {
  readAll(db: Executor): Promise<readonly ProfileRows[]>
  read(db: Executor, id: string): Promise<ProfileRows | undefined>
  insert(db: Executor, stored: StoredProfile): Promise<void>
  /** False when the row no longer has this version: somebody else changed or removed it. */
  update(db: Executor, stored: StoredProfile, fromVersion: number): Promise<boolean>
  /** Leaves the settings as they are, damaged ones too. False when the row no longer has this version. */
  raiseVersion(db: Executor, id: string, fromVersion: number): Promise<boolean>
  remove(db: Executor, id: string, version: number): Promise<boolean>
  insertCredential(db: Executor, profileId: string, credential: StoredCredential): Promise<void>
  updateExpiry(db: Executor, credential: CredentialFacts): Promise<boolean>
  /** Stores state, recipient and refusal; false when the row is gone. */
  updateState(db: Executor, credential: CredentialVersion): Promise<boolean>
  removeCredential(db: Executor, credentialId: string): Promise<void>
  removeCredentials(db: Executor, profileId: string): Promise<void>
}

export function createProfileStore(): ProfileStore {
  return {
    async readAll(db) {
      const byProfile = new Map<string, CredentialRow[]>()
      for (const row of await db.selectFrom('credential').selectAll().execute()) {
        byProfile.set(row.profile_id, [...(byProfile.get(row.profile_id) ?? []), row])
      }
      const rows = await db.selectFrom('profile').selectAll().orderBy('id').execute()
      return rows.map((row) => [row, byProfile.get(row.id) ?? []])
    },
    async read(db, id) {
      const row = await db.selectFrom('profile').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) return undefined
      const credentials = await db
        .selectFrom('credential')
        .selectAll()
        .where('profile_id', '=', id)
        .execute()
      return [row, credentials]
    },
    async insert(db, { profile, settings }) {
      await db
        .insertInto('profile')
        .values({
          id: profile.id,
          version: profile.version,
          settings: settingsText(settings),
          managed: profile.managed ? 1 : 0,
          created_at: profile.createdAt,
          updated_at: profile.updatedAt,
        })
        .execute()
    },
    async update(db, { profile, settings }, fromVersion) {
      const result = await db
        .updateTable('profile')
        .set({
          version: profile.version,
          settings: settingsText(settings),
          managed: profile.managed ? 1 : 0,
          updated_at: profile.updatedAt,
        })
        .where('id', '=', profile.id)
        .where('version', '=', fromVersion)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async raiseVersion(db, id, fromVersion) {
      const result = await db
        .updateTable('profile')
        .set({ version: fromVersion + 1 })
        .where('id', '=', id)
        .where('version', '=', fromVersion)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async remove(db, id, version) {
      const result = await db
        .deleteFrom('profile')
        .where('id', '=', id)
        .where('version', '=', version)
        .executeTakeFirst()
      return result.numDeletedRows === 1n
    },
    async insertCredential(db, profileId, { facts, sealed }) {
      await db
        .insertInto('credential')
        .values({
          id: facts.id,
          profile_id: profileId,
          state: facts.state,
          type: facts.type,
          sealed,
          hint: facts.hint,
          expires_at: facts.expiresAt,
          expiry_source: facts.expirySource,
          created_at: facts.createdAt,
          key_id: facts.keyId,
          send_to: facts.sendTo,
          refused_at: facts.refusedAt,
        })
        .execute()
    },
    async updateExpiry(db, facts) {
      const result = await db
        .updateTable('credential')
        .set({ expires_at: facts.expiresAt, expiry_source: facts.expirySource })
        .where('id', '=', facts.id)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async updateState(db, { id, state, sendTo, refusedAt }) {
      const result = await db
        .updateTable('credential')
        .set({ state, send_to: sendTo, refused_at: refusedAt })
        .where('id', '=', id)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async removeCredential(db, credentialId) {
      await db.deleteFrom('credential').where('id', '=', credentialId).execute()
    },
    async removeCredentials(db, profileId) {
      await db.deleteFrom('credential').where('profile_id', '=', profileId).execute()
    },
  }
}

function settingsText(settings: Settings): string {
  return JSON.stringify(settings)
}
