import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { toIso } from '../platform/clock.ts'
import type { Tables } from '../storage/index.ts'
import { SyncChanges, type SyncRun } from './api.ts'

const KEPT_RUNS = 50

const Detail = Type.Object({
  problems: Type.Array(Type.String()),
  warnings: Type.Array(Type.String()),
  changes: SyncChanges,
})
type Detail = Static<typeof Detail>

export interface RunStore {
  add(run: SyncRun & { atMs: number; file: string }): Promise<void>
  /** The newest run, or the newest that was not refused. */
  last(which: 'any' | 'inForce'): Promise<SyncRun | undefined>
}

export function createRunStore(db: Kysely<Tables>): RunStore {
  return {
    async add({ atMs, file, hash, outcome, problems, warnings, changes }) {
      const detail: Detail = { problems, warnings, changes }
      const { id } = await db
        .insertInto('sync_run')
        .values({ at: atMs, file, hash, outcome, detail: JSON.stringify(detail) })
        .returning('id')
        .executeTakeFirstOrThrow()
      await db
        .deleteFrom('sync_run')
        .where('id', '<=', id - KEPT_RUNS)
        .execute()
    },
    async last(which) {
      let query = db.selectFrom('sync_run').selectAll().orderBy('id', 'desc').limit(1)
      if (which === 'inForce') query = query.where('outcome', '!=', 'refused')
      const row = await query.executeTakeFirst()
      if (row === undefined) return undefined
      const { at, hash, outcome } = row
      return { at: toIso(at), hash, outcome, ...readDetail(row.detail) }
    },
  }
}

function readDetail(text: string): Detail {
  try {
    const detail: unknown = JSON.parse(text)
    if (Value.Check(Detail, detail)) return detail
  } catch {
    // A damaged detail must not hide the run.
  }
  return { problems: [], warnings: [], changes: { create: [], change: [], remove: [] } }
}
