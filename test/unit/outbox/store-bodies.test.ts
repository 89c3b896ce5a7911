import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES, INLINE_BYTES, type OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { accept, claimOne, countRows, KINDS, newMessage, openStore } from './store-harness.ts'

async function append(store: OutboxStore, id: string, body: Uint8Array): Promise<void> {
  for (let index = 0; index * CHUNK_BYTES < body.byteLength; index++) {
    // A copy: the store takes over what it is given.
    const start = index * CHUNK_BYTES
    await store.appendChunk(id, index, new Uint8Array(body.subarray(start, start + CHUNK_BYTES)))
  }
}

async function readAll(store: OutboxStore, id: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (let index = 0; ; index++) {
    const chunk = await store.readChunk(id, index)
    if (chunk === undefined) return Buffer.concat(chunks)
    chunks.push(chunk)
  }
}

const SIZES = [
  1,
  INLINE_BYTES,
  INLINE_BYTES + 1,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES,
  3 * 1024 * 1024 + 7,
]

describe.each(KINDS)('%s', (kind) => {
  test.each(SIZES)('a body of %i bytes comes back byte for byte', async (size) => {
    await using opened = await openStore(kind)
    const { store } = opened
    const body = randomBytes(size)
    const inPieces = newMessage({ sizeBytes: size })
    await append(store, inPieces.id, body)
    await store.accept(inPieces, null)
    const whole = newMessage({ sizeBytes: size })
    // A part of a larger memory, as buffers of sockets are.
    const memory = Buffer.concat([Buffer.from('before'), body, Buffer.from('after')])
    await store.accept(whole, memory.subarray(6, 6 + size))

    for (const { id } of [inPieces, whole]) {
      expect(body.equals(await readAll(store, id))).toBe(true)
      const claimed = await claimOne(store)
      expect(claimed.message.id).toBe(id)
      if (size <= INLINE_BYTES) expect(body.equals(claimed.body ?? Buffer.of())).toBe(true)
      else expect(claimed.body).toBeNull()
    }
    expect(body.equals(memory.subarray(6, 6 + size))).toBe(true)
  })

  test('an aborted intake leaves nothing, and others that come in meanwhile are whole', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    const aborted = randomUUID()
    const body = randomBytes(CHUNK_BYTES * 40)
    const kept = newMessage({ sizeBytes: body.byteLength })
    await Promise.all([append(store, aborted, body), append(store, kept.id, body)])
    await Promise.all([store.abortIntake(aborted), store.accept(kept, null)])
    await store.abortIntake('nothing')
    expect(await countRows(storage, 'intake')).toBe(0)
    expect(await countRows(storage, 'message_chunk')).toBe(40)
    expect(body.equals(await readAll(store, kept.id))).toBe(true)
  })

  test('a message whose bytes are not all here is not accepted', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    await expect(store.accept(newMessage(), null)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'message_incomplete',
    })
    const message = newMessage({ sizeBytes: 2 * CHUNK_BYTES })
    await store.appendChunk(message.id, 0, randomBytes(CHUNK_BYTES))
    await expect(store.accept(message, null)).rejects.toMatchObject({ code: 'message_incomplete' })
    await expect(store.appendChunk(message.id, 2, randomBytes(5))).rejects.toMatchObject({
      code: 'message_incomplete',
    })
    await store.abortIntake(message.id)
    await expect(store.appendChunk(message.id, 1, randomBytes(5))).rejects.toMatchObject({
      code: 'message_incomplete',
    })
    expect(await countRows(storage, 'message')).toBe(0)
    expect(await countRows(storage, 'message_chunk')).toBe(0)
  })

  test('a repeated message keeps nothing of its second bytes', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    const idempotency = { key: 'k', fingerprint: 'f' }
    const sizeBytes = CHUNK_BYTES + 1
    const messages = [1, 2].map(() => newMessage({ idempotency, sizeBytes }))
    const accepted = []
    for (const message of messages) {
      await append(store, message.id, randomBytes(sizeBytes))
      accepted.push(await store.accept(message, null))
    }
    expect(accepted.map(({ duplicate }) => duplicate)).toEqual([false, true])
    await store.abortIntake('nothing')
    expect(await countRows(storage, 'message_chunk')).toBe(2)
    expect(await countRows(storage, 'intake')).toBe(0)
  })
})

test('on a full disk the message that does not fit is refused whole, small ones and later ones are not', async () => {
  await using opened = await openStore('direct')
  const { store, storage } = opened
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(storage.db)
  const limit = (pages: number) => sql.raw(`pragma max_page_count = ${pages}`).execute(storage.db)
  await limit((rows[0]?.page_count ?? 0) + 20)

  const large = randomBytes(CHUNK_BYTES)
  const full = { kind: 'unavailable', code: 'disk_full' }
  const results = await Promise.allSettled([
    accept(store),
    store.accept(newMessage({ sizeBytes: large.byteLength }), large),
    accept(store),
    store.appendChunk('intake', 0, large),
    accept(store),
  ])
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(results[1]).toMatchObject({ reason: full })
  expect(results[3]).toMatchObject({ reason: full })
  expect(await countRows(storage, 'message')).toBe(3)
  expect(await countRows(storage, 'message_recipient')).toBe(3)
  expect(await countRows(storage, 'message_chunk')).toBe(3)
  expect(await countRows(storage, 'intake')).toBe(0)
  expect(store.counts().get('default')?.queued).toBe(3)

  await limit(1_000_000)
  await store.accept(newMessage({ sizeBytes: large.byteLength }), large)
  expect(store.counts().get('default')?.queued).toBe(4)
})

test('a commit that fails leaves only the guilty one behind', async () => {
  await using opened = await openStore('direct')
  const { store } = opened
  const first = await accept(store)
  const results = await Promise.allSettled([
    accept(store),
    accept(store, { id: first }),
    accept(store),
    store.abortIntake('nothing'),
  ])
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect(store.counts().get('default')?.queued).toBe(3)
  expect(await store.claim({ profileIds: ['default'], limit: 9 })).toHaveLength(3)
})
