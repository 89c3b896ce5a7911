import { expect, test } from 'vitest'
import { createChunkPool } from '../../../../src/outbox/chunk-pool.ts'
import { createIntake } from '../../../../src/outbox/intake.ts'
import { CHUNK_BYTES } from '../../../../src/outbox/outbox-store.ts'
import { createFakeClock } from '../../../support/clock.ts'
import { draftOf, startBench } from './bench.ts'

/** An intake into a real store; the test says when, and whether, a chunk is stored. */
async function startIntake(append: () => Promise<void>) {
  await using opened = new AsyncDisposableStack()
  const bench = opened.use(await startBench())
  const given: Uint8Array[] = []
  const pool = createChunkPool()
  const intake = createIntake({
    store: {
      ...bench.store,
      async appendChunk(...args) {
        await append()
        await bench.store.appendChunk(...args)
      },
    },
    memory: {
      take: pool.take,
      give(memory) {
        given.push(memory)
        pool.give(memory)
      },
    },
    profiles: bench.profiles,
    clock: createFakeClock(),
    news: { accepted() {} },
    onAccepted() {},
  })
  const held = opened.move()
  return { bench, intake, given, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

const chunk = () => Buffer.alloc(CHUNK_BYTES, 'x')

test('the next chunk is gathered while one is being stored, and no more than that', async () => {
  const stored = Promise.withResolvers<void>()
  await using rig = await startIntake(() => stored.promise)
  const { intake } = rig
  expect(intake.write(chunk()), 'it may be the last one').toBeUndefined()
  await intake.write(chunk())
  const third = intake.write(chunk())
  let isThrough = false
  void third?.then(() => {
    isThrough = true
  })
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect(isThrough).toBe(false)
  stored.resolve()
  await third
  const { id } = await intake.commit(draftOf())
  expect((await rig.bench.outbox.get(id)).message.sizeBytes).toBe(3 * CHUNK_BYTES)
  expect(rig.given, 'all memory comes back').toHaveLength(3)
})

test('a chunk that could not be stored is told to the write after it, and never accepted', async () => {
  await using rig = await startIntake(() => Promise.reject(new Error('the disk is full')))
  const { intake } = rig
  void intake.write(chunk())
  await intake.write(chunk())
  await expect(intake.write(chunk())).rejects.toThrow('the disk is full')
  await intake.abort()
  await expect(rig.bench.outbox.get(intake.id)).rejects.toMatchObject({ code: 'message_not_found' })
})

test('a chunk that could not be stored is told to the commit when nothing came after it', async () => {
  await using rig = await startIntake(() => Promise.reject(new Error('the disk is full')))
  const { intake } = rig
  void intake.write(chunk())
  await intake.write(Buffer.from('y'))
  await expect(intake.commit(draftOf())).rejects.toThrow('the disk is full')
})

test('a small message stays in the pieces that came, a large one is copied', async () => {
  await using rig = await startIntake(() => Promise.resolve())
  const { intake } = rig
  void intake.write(Buffer.alloc(30_000, 'x'))
  expect(intake.hasCopied).toBe(false)
  for (let i = 0; i < 5_000; i++) void intake.write(Buffer.from('y'))
  expect(intake.hasCopied).toBe(true)
  const { id } = await intake.commit(draftOf())
  const pieces: Uint8Array[] = []
  for await (const piece of (await rig.bench.outbox.body(id)) ?? []) pieces.push(piece)
  expect(Buffer.concat(pieces).toString()).toBe('x'.repeat(30_000) + 'y'.repeat(5_000))
})
