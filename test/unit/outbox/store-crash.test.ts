import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import type { OutboxStore } from '../../../src/outbox/outbox-store.ts'
import type { Storage } from '../../../src/storage/index.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { repositoryFile } from '../../support/golden.ts'
import { SOURCE_FLAGS } from '../../support/source-flags.ts'
import { accept, acceptEnded, claimOne, countRows, openStore, settle } from './store-harness.ts'

/** What is stored is whole: everything acknowledged, every body and recipient, and not a byte more. */
async function expectWhole(
  { store, storage }: { store: OutboxStore; storage: Storage },
  acknowledged: readonly string[],
): Promise<void> {
  const listed = await store.list({}, { limit: 100_000, before: undefined })
  const ids = new Set(listed.map(({ id }) => id))
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
  expect(listed.filter(({ state }) => state !== 'queued')).toEqual([])
  expect(store.counts().get('default')?.queued).toBe(listed.length)
  let chunks = 0
  let recipients = 0
  for (const { id, sizeBytes, recipientCount } of listed) {
    let bytes = 0
    for (let index = 0; bytes < sizeBytes; index++, chunks++) {
      const chunk = await store.readChunk(id, index)
      if (chunk === undefined) throw new Error(`message ${id} lacks chunk ${index}`)
      bytes += chunk.byteLength
    }
    expect(bytes).toBe(sizeBytes)
    recipients += recipientCount
  }
  // Waits for the sweep of what had come in half.
  await store.abortIntake('nothing')
  expect(await countRows(storage, 'intake')).toBe(0)
  expect(await countRows(storage, 'message_chunk')).toBe(chunks)
  expect(await countRows(storage, 'message_recipient')).toBe(recipients)
}

test('a process killed at any moment has lost nothing that was acknowledged, and keeps nothing half', async () => {
  using folder = temporaryFolder()
  const acknowledged: string[] = []
  for (let round = 0; round < 4; round++) {
    const child = spawn(
      process.execPath,
      [...SOURCE_FLAGS, repositoryFile('test/unit/outbox/store-child.ts'), folder.path],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const killAt = acknowledged.length + randomInt(1, 150)
    for await (const id of createInterface({ input: child.stdout })) {
      if (acknowledged.push(id) >= killAt) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await using opened = await openStore('threaded', folder.path)
    await expectWhole(opened, acknowledged)
  }
})

test('after a power failure that cuts the end of the log, everything acknowledged before it is there', async () => {
  using folder = temporaryFolder()
  await using opened = await openStore('threaded', folder.path)
  const { store } = opened
  const acknowledged: string[] = []
  for (let n = 0; n < 20; n++) {
    acknowledged.push(...(await Promise.all([accept(store), accept(store), accept(store)])))
  }
  const file = join(folder.path, 'postern.db')
  const durable = statSync(`${file}-wal`).size
  for (let n = 0; n < 10; n++) await Promise.all([accept(store), accept(store)])
  const end = statSync(`${file}-wal`).size
  expect(end).toBeGreaterThan(durable)

  for (const cut of [
    durable,
    end - 1,
    ...Array.from({ length: 8 }, () => randomInt(durable, end)),
  ]) {
    using copy = temporaryFolder()
    for (const name of ['postern.db', 'postern.db-wal']) {
      copyFileSync(join(folder.path, name), join(copy.path, name))
    }
    truncateSync(join(copy.path, 'postern.db-wal'), cut)
    await using reopened = await openStore('direct', copy.path)
    await expectWhole(reopened, acknowledged)
  }
})

test('what was being sent when the process ended is sent again, what was settled is not', async () => {
  using folder = temporaryFolder()
  using copy = temporaryFolder()
  await using opened = await openStore('threaded', folder.path)
  const { store } = opened
  const delivered = await acceptEnded(store, 'delivered')
  const sending = await accept(store)
  await claimOne(store)
  const deferred = await accept(store)
  await settle(store, await claimOne(store), { state: 'deferred', nextAttemptAt: 1 })
  const half = new Uint8Array(1000)
  await store.appendChunk('half', 0, half)
  for (const name of ['postern.db', 'postern.db-wal']) {
    copyFileSync(join(folder.path, name), join(copy.path, name))
  }

  await using reopened = await openStore('threaded', copy.path)
  const states = await Promise.all(
    [delivered, sending, deferred].map(async (id) => (await reopened.store.state(id))?.state),
  )
  expect(states).toEqual(['delivered', 'queued', 'deferred'])
  expect((await claimOne(reopened.store)).message).toMatchObject({ id: sending, attempts: 0 })
  await reopened.store.abortIntake('nothing')
  expect(await countRows(reopened.storage, 'intake')).toBe(0)
  expect(await countRows(reopened.storage, 'message_chunk')).toBe(3)
})
