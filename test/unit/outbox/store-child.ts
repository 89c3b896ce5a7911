import { writeSync } from 'node:fs'
import { CHUNK_BYTES } from '../../../src/outbox/outbox-store.ts'
import { BODY, newMessage, openStore } from './store-harness.ts'

// A process of its own that accepts without end and tells each message once it is safe. It is killed by its test.
const [dataDir] = process.argv.slice(2)
if (dataDir === undefined) throw new Error('usage: store-child FOLDER')
const { store } = await openStore('threaded', dataDir)

async function acceptSmall(): Promise<void> {
  for (;;) tell((await store.accept(newMessage({ to: ['a@x.org', 'b@x.org'] }), BODY)).id)
}

async function acceptLarge(): Promise<void> {
  const sizeBytes = 2 * CHUNK_BYTES + 1
  for (;;) {
    const message = newMessage({ sizeBytes, to: ['a@x.org', 'b@x.org'] })
    for (const [index, size] of [CHUNK_BYTES, CHUNK_BYTES, 1].entries()) {
      await store.appendChunk(message.id, index, new Uint8Array(size).fill(index))
    }
    tell((await store.accept(message, null)).id)
  }
}

async function send(): Promise<void> {
  for (;;) await store.claim({ profileIds: ['default'], limit: 1 })
}

function tell(id: string): void {
  writeSync(1, `${id}\n`)
}

await Promise.all([...Array.from({ length: 6 }, acceptSmall), acceptLarge(), acceptLarge(), send()])
