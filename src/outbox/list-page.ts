import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Outbox } from './outbox.ts'
import type { OutboxStore } from './outbox-store.ts'
import { cursorInvalid } from './refusals.ts'

const Cursor = Type.Tuple([Type.Integer(), Type.String({ maxLength: 100 })])

/** One page, and the cursor of the next when there is one. */
export async function listPage(
  store: Pick<OutboxStore, 'list'>,
  filter: Parameters<OutboxStore['list']>[0],
  { limit, cursor }: Parameters<Outbox['list']>[1],
): ReturnType<Outbox['list']> {
  const before = cursor === undefined ? undefined : readCursor(cursor)
  const found = await store.list(filter, { limit: limit + 1, before })
  const messages = found.slice(0, limit)
  const last = messages.at(-1)
  const nextCursor = found.length > limit && last !== undefined ? toCursor(last) : null
  return { messages, nextCursor }
}

function toCursor({ acceptedAt, id }: { acceptedAt: number; id: string }): string {
  return Buffer.from(JSON.stringify([acceptedAt, id])).toString('base64url')
}

function readCursor(cursor: string): { acceptedAt: number; id: string } {
  try {
    const [acceptedAt, id] = Value.Parse(
      Cursor,
      JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')),
    )
    return { acceptedAt, id }
  } catch {
    throw cursorInvalid()
  }
}
