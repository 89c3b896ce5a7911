import { type Selectable, sql } from 'kysely'
import type { Audit } from '../access/index.ts'
import { PosternError } from '../platform/errors.ts'
import type { Storage, Tables } from '../storage/index.ts'
import { AGENT } from './agent-actor.ts'
import { fromSealed, type KeptCredential, toSealable } from './kept-credential.ts'

/** requested -> added -> staged -> active -> removed; failed from any but the last. */
export type RenewalStep = Tables['credential_renewal']['step']

export interface RenewalEntry {
  readonly id: string
  /** Of a profile that may be gone by now. */
  readonly profileId: string
  readonly type: 'clientSecret' | 'certificate'
  readonly step: RenewalStep
  /** Of the new one at Entra; null when the answer that named it was lost. */
  readonly keyId: string | null
  /** Of a new certificate, from before Entra is asked. */
  readonly thumbprint: string | null
  readonly formerKeyId: string | null
  readonly formerThumbprint: string | null
  /** What Entra was given or has made, sealed; null once the renewal has ended. */
  readonly sealed: string | null
  /** An answer was lost, so more than one may have been added. */
  readonly doubtful: boolean
  readonly startedAt: number
  readonly updatedAt: number
  readonly removeAfter: number | null
  readonly error: string | null
}

/** Each entry is committed, with its audit record, before the next thing happens at Entra. */
export interface RenewalJournal {
  /** The one of the profile that is under way, else its last one. */
  latest(profileId: string): Promise<RenewalEntry | undefined>
  /** Those under way whose profile is gone. */
  orphans(): Promise<readonly RenewalEntry[]>
  /** Whether the profile that the entry was made for is still there, and not another one of its name. */
  hasProfile(entry: RenewalEntry): Promise<boolean>
  begin(entry: RenewalEntry): Promise<void>
  update(entry: RenewalEntry): Promise<void>
  seal(entry: Pick<RenewalEntry, 'id'>, kept: KeptCredential): Promise<string>
  /** Undefined when there is nothing, or it cannot be opened with this master key. */
  open(entry: RenewalEntry): Promise<KeptCredential | undefined>
}

/** Under way: there is something to finish, or to take back, at Entra. */
export function isOpen({ step }: Pick<RenewalEntry, 'step'>): boolean {
  return !ENDED.some((ended) => ended === step)
}

const ENDED = ['removed', 'failed'] as const
const TABLE = 'credential_renewal'

export function createRenewalJournal(deps: {
  storage: Pick<Storage, 'db' | 'keyRing'>
  audit: Audit
}): RenewalJournal {
  const { audit } = deps
  const { db, keyRing } = deps.storage
  const placeOf = (row: string) => ({ table: TABLE, column: 'sealed', row })

  async function record(entry: RenewalEntry, trx: Storage['db']): Promise<void> {
    const { profileId, type, step, keyId, formerKeyId, error } = entry
    const target = { type: 'profile', id: profileId }
    const after = { type, step, keyId, formerKeyId, error }
    await audit.record({ actor: AGENT, action: 'credential.renewal', target, after }, trx)
  }

  return {
    async latest(profileId) {
      const row = await db
        .selectFrom(TABLE)
        .selectAll()
        .where('profile_id', '=', profileId)
        // In the order in which they were made: the clock may have been set back since.
        .orderBy((eb) => eb('step', 'in', ENDED))
        .orderBy(sql`rowid`, 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && entryOf(row)
    },
    async orphans() {
      const rows = await db
        .selectFrom(TABLE)
        .selectAll()
        .where('profile_id', 'is', null)
        .where('step', 'not in', ENDED)
        .orderBy('started_at')
        .execute()
      return rows.map(entryOf)
    },
    async hasProfile({ id }) {
      const found = await db
        .selectFrom(TABLE)
        .select('profile_id')
        .where('id', '=', id)
        .executeTakeFirst()
      return (found?.profile_id ?? null) !== null
    },
    async begin(entry) {
      await db.transaction().execute(async (trx) => {
        const row = { ...rowOf(entry), profile_id: entry.profileId }
        await trx.insertInto(TABLE).values(row).execute()
        await record(entry, trx)
      })
    },
    async update(entry) {
      await db.transaction().execute(async (trx) => {
        const { id, ...changed } = rowOf(entry)
        await trx.updateTable(TABLE).set(changed).where('id', '=', id).execute()
        await record(entry, trx)
      })
    },
    seal: ({ id }, kept) => keyRing.seal(toSealable(kept), placeOf(id)),
    async open({ id, sealed }) {
      if (sealed === null) return undefined
      try {
        return fromSealed(await keyRing.open(sealed, placeOf(id)))
      } catch (error) {
        if (error instanceof PosternError && error.code === 'secret_unreadable') return undefined
        throw error
      }
    },
  }
}

type Row = Selectable<Tables['credential_renewal']>

function entryOf(row: Row): RenewalEntry {
  return {
    id: row.id,
    profileId: row.profile_name,
    type: row.type,
    step: row.step,
    keyId: row.key_id,
    thumbprint: row.thumbprint,
    formerKeyId: row.former_key_id,
    formerThumbprint: row.former_thumbprint,
    sealed: row.sealed,
    doubtful: row.doubtful === 1,
    startedAt: row.started_at,
    updatedAt: row.updated_at,
    removeAfter: row.remove_after,
    error: row.error,
  }
}

/** All but the profile, which the database itself takes away when it is removed. */
function rowOf(entry: RenewalEntry): Omit<Row, 'profile_id'> {
  return {
    id: entry.id,
    profile_name: entry.profileId,
    type: entry.type,
    step: entry.step,
    key_id: entry.keyId,
    thumbprint: entry.thumbprint,
    former_key_id: entry.formerKeyId,
    former_thumbprint: entry.formerThumbprint,
    // What has ended needs no secret any more.
    sealed: isOpen(entry) ? entry.sealed : null,
    doubtful: entry.doubtful ? 1 : 0,
    started_at: entry.startedAt,
    updated_at: entry.updatedAt,
    remove_after: entry.removeAfter,
    error: entry.error,
  }
}
