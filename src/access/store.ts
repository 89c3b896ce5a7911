import type { Kysely, Selectable } from 'kysely'
import type { Tables } from '../storage/index.ts'

export type TokenRow = Selectable<Tables['api_token']>
export type AuditRow = Selectable<Tables['audit']>

type Executor = Kysely<Tables>

/** SQL of the `api_token` table. */
export interface TokenStore {
  insert(row: TokenRow, executor?: Executor): Promise<void>
  findByHash(hash: string): Promise<TokenRow | undefined>
  find(id: string): Promise<TokenRow | undefined>
  /** Newest first. */
  list(): Promise<readonly TokenRow[]>
  listCreatedBy(createdBy: string): Promise<readonly TokenRow[]>
  isEmpty(): Promise<boolean>
  /** False when it was revoked before, or is not there. */
  revoke(id: string, at: number, executor?: Executor): Promise<boolean>
  remove(id: string, executor?: Executor): Promise<void>
  touch(id: string, at: number): Promise<void>
}

export function createTokenStore(deps: { db: Executor }): TokenStore {
  const { db } = deps
  return {
    async insert(row, executor = db) {
      await executor.insertInto('api_token').values(row).execute()
    },
    findByHash: (hash) =>
      db.selectFrom('api_token').selectAll().where('hash', '=', hash).executeTakeFirst(),
    find: (id) => db.selectFrom('api_token').selectAll().where('id', '=', id).executeTakeFirst(),
    list: () =>
      db.selectFrom('api_token').selectAll().orderBy('created_at', 'desc').orderBy('id').execute(),
    listCreatedBy: (createdBy) =>
      db.selectFrom('api_token').selectAll().where('created_by', '=', createdBy).execute(),
    async isEmpty() {
      const row = await db.selectFrom('api_token').select('id').limit(1).executeTakeFirst()
      return row === undefined
    },
    async revoke(id, at, executor = db) {
      const { numUpdatedRows } = await executor
        .updateTable('api_token')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async remove(id, executor = db) {
      await executor.deleteFrom('api_token').where('id', '=', id).execute()
    },
    async touch(id, at) {
      await db.updateTable('api_token').set({ last_used_at: at }).where('id', '=', id).execute()
    },
  }
}

export interface AuditQuery {
  readonly limit: number
  readonly before?: number | undefined
  readonly targetType?: string | undefined
  readonly targetId?: string | undefined
}

/** SQL of the `audit` table, which is only ever added to. */
export interface AuditStore {
  insert(row: Omit<AuditRow, 'id'>, executor?: Executor): Promise<void>
  list(query: AuditQuery): Promise<readonly AuditRow[]>
}

export function createAuditStore(deps: { db: Executor }): AuditStore {
  const { db } = deps
  return {
    async insert(row, executor = db) {
      await executor.insertInto('audit').values(row).execute()
    },
    list({ limit, before, targetType, targetId }) {
      let query = db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit)
      if (before !== undefined) query = query.where('id', '<', before)
      if (targetType !== undefined) query = query.where('target_type', '=', targetType)
      if (targetId !== undefined) query = query.where('target_id', '=', targetId)
      return query.execute()
    },
  }
}
