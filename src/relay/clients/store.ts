import type { Kysely, Selectable } from 'kysely'
import type { Tables } from '../../storage/index.ts'

export type ClientRow = Selectable<Tables['relay_client']>

type Executor = Kysely<Tables>

/** SQL of the `relay_client` table. */
export interface ClientStore {
  /** In the order in which they were made. */
  list(executor?: Executor): Promise<readonly ClientRow[]>
  find(id: string, executor?: Executor): Promise<ClientRow | undefined>
  insert(row: ClientRow, executor: Executor): Promise<void>
  update(row: Omit<ClientRow, 'last_used_at'>, executor: Executor): Promise<void>
  remove(id: string, executor: Executor): Promise<void>
  touch(id: string, at: number): Promise<void>
}

export function createClientStore(deps: { db: Executor }): ClientStore {
  const { db } = deps
  return {
    list: (executor = db) =>
      executor.selectFrom('relay_client').selectAll().orderBy('created_at').orderBy('id').execute(),
    find: (id, executor = db) =>
      executor.selectFrom('relay_client').selectAll().where('id', '=', id).executeTakeFirst(),
    async insert(row, executor) {
      await executor.insertInto('relay_client').values(row).execute()
    },
    async update({ id, ...values }, executor) {
      await executor.updateTable('relay_client').set(values).where('id', '=', id).execute()
    },
    async remove(id, executor) {
      await executor.deleteFrom('relay_client').where('id', '=', id).execute()
    },
    async touch(id, at) {
      await db.updateTable('relay_client').set({ last_used_at: at }).where('id', '=', id).execute()
    },
  }
}
