import { type Kysely, sql, type Transaction } from 'kysely'
import { PosternError } from '../../platform/errors.ts'
import type { Tables } from '../../storage/index.ts'
import { CHUNK_BYTES } from '../outbox-store.ts'
import type { GroupCommit } from './group-commit.ts'
import { Refusal } from './group-commit.ts'
import { numberMarker, prepare, textMarker } from './prepared.ts'

type Executor = Kysely<Tables>

/** The bytes of messages: on their way in, kept, and removed. */
export interface Bodies {
  append(intakeId: string, index: number, data: Uint8Array): Promise<void>
  abort(intakeId: string): Promise<void>
  /** Stores a body that is here as a whole; its number. */
  insert(body: Uint8Array): number
  /** Takes over what was appended; its number. */
  take(
    executor: Executor,
    intake: { id: string; sizeBytes: number; duplicate: boolean },
  ): Promise<number | Refusal>
  read(body: number, index: number): Promise<Uint8Array | undefined>
  /** Forgets a body that no message names any more. A large one goes bit by bit: `sweep`. */
  drop(executor: Executor, body: { id: string; number: number; sizeBytes: number }): Promise<void>
  /** Bytes that were on their way in when the process ended. */
  discardAll(): Promise<void>
  /** Removes what is discarded, in pieces that the other changes go between. */
  sweep(): Promise<void>
}

const CHUNK: Pick<Tables['message_chunk'], 'first' | 'position' | 'data'> = {
  first: numberMarker(0),
  position: numberMarker(1),
  data: new Uint8Array(0),
}

/** Chunks removed at once. */
const SWEPT_CHUNKS = 16

export function createBodies(deps: { db: Kysely<Tables>; group: GroupCommit }): Bodies {
  const { db, group } = deps
  let sweeping: Promise<void> | undefined

  const insertChunk = prepare(db, CHUNK, (value) =>
    db.insertInto('message_chunk').values(value).returning('number'),
  )
  const grow = prepare(
    db,
    { id: textMarker('id'), index: numberMarker(0), next: numberMarker(1), by: numberMarker(2) },
    (value) =>
      db
        .updateTable('intake')
        .set((is) => ({
          chunks: value.next,
          size_bytes: is('size_bytes', '+', value.by),
        }))
        .where('id', '=', value.id)
        .where('chunks', '=', value.index)
        .where('discarded', '=', 0)
        .returning('body'),
  )
  const firstChunk = prepare(db, { number: numberMarker(0) }, (value) =>
    db.selectFrom('message_chunk').select('data').where('number', '=', value.number),
  )
  const furtherChunk = prepare(db, { first: numberMarker(0), position: numberMarker(1) }, (value) =>
    db
      .selectFrom('message_chunk')
      .select('data')
      .where('first', '=', value.first)
      .where('position', '=', value.position),
  )
  const deleteChunk = prepare(db, { number: numberMarker(0) }, (value) =>
    db.deleteFrom('message_chunk').where('number', '=', value.number),
  )

  function insertFirst(data: Uint8Array): number {
    const [row] = insertChunk({ first: null, position: 0, data })
    if (row === undefined) throw new Error('the chunk has no number')
    return row.number
  }

  /** True: there is more. */
  async function sweepSome(transaction: Transaction<Tables>): Promise<boolean> {
    const intake = await transaction
      .selectFrom('intake')
      .select(['id', 'body'])
      .where('discarded', '=', sql.lit(1))
      .limit(1)
      .executeTakeFirst()
    if (intake === undefined) return false
    const last = transaction
      .selectFrom('message_chunk')
      .select('number')
      .where('first', '=', intake.body)
      .orderBy('position', 'desc')
      .limit(SWEPT_CHUNKS)
    const { numDeletedRows } = await transaction
      .deleteFrom('message_chunk')
      .where('number', 'in', last)
      .executeTakeFirst()
    if (Number(numDeletedRows) === SWEPT_CHUNKS) return true
    deleteChunk({ number: intake.body })
    await transaction.deleteFrom('intake').where('id', '=', intake.id).execute()
    return true
  }

  const bodies: Bodies = {
    append: (intakeId, index, data) =>
      group.write({
        bytes: data.byteLength,
        async run(transaction) {
          if (index === 0) {
            const body = insertFirst(data)
            const intake = { id: intakeId, body, chunks: 1, size_bytes: data.byteLength }
            await transaction
              .insertInto('intake')
              .values({ ...intake, discarded: 0 })
              .execute()
            return
          }
          const [intake] = grow({
            id: intakeId,
            index,
            next: index + 1,
            by: data.byteLength,
          })
          if (intake === undefined) return new Refusal(incomplete())
          insertChunk({ first: intake.body, position: index, data })
          return
        },
      }),

    async abort(intakeId) {
      await group.write({
        async run(transaction) {
          await transaction
            .updateTable('intake')
            .set({ discarded: 1 })
            .where('id', '=', intakeId)
            .execute()
        },
      })
      await bodies.sweep()
    },

    insert(body) {
      const number = insertFirst(body.subarray(0, CHUNK_BYTES))
      for (let position = 1; position * CHUNK_BYTES < body.byteLength; position++) {
        const start = position * CHUNK_BYTES
        const data = body.subarray(start, start + CHUNK_BYTES)
        insertChunk({ first: number, position, data })
      }
      return number
    },

    async take(executor, { id, sizeBytes, duplicate }) {
      const intake = await executor
        .selectFrom('intake')
        .select(['body', 'size_bytes', 'discarded'])
        .where('id', '=', id)
        .executeTakeFirst()
      if (intake?.discarded !== 0 || intake.size_bytes !== sizeBytes) {
        return new Refusal(incomplete())
      }
      if (duplicate) {
        await executor.updateTable('intake').set({ discarded: 1 }).where('id', '=', id).execute()
      } else {
        await executor.deleteFrom('intake').where('id', '=', id).execute()
      }
      return intake.body
    },

    async read(body, index) {
      const [row] =
        index === 0 ? firstChunk({ number: body }) : furtherChunk({ first: body, position: index })
      return row?.data
    },

    async drop(executor, { id, number, sizeBytes }) {
      if (sizeBytes <= CHUNK_BYTES) {
        deleteChunk({ number })
        return
      }
      await executor
        .insertInto('intake')
        .values({ id, body: number, chunks: 0, size_bytes: sizeBytes, discarded: 1 })
        .execute()
    },

    async discardAll() {
      const known = await db.selectFrom('intake').select('id').limit(1).executeTakeFirst()
      if (known === undefined) return
      await db.updateTable('intake').set({ discarded: 1 }).execute()
    },

    sweep() {
      sweeping ??= (async () => {
        while (await group.write({ run: sweepSome })) {}
      })().finally(() => {
        sweeping = undefined
      })
      return sweeping
    },
  }
  return bodies
}

function incomplete(): PosternError {
  return new PosternError(
    'The message is not here as a whole: Postern was restarted while it came in. Send it again.',
    { kind: 'unavailable', code: 'message_incomplete' },
  )
}
