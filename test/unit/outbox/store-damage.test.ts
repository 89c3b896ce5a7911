import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.ts'
import { accept, KINDS, newMessage, openStore, settle } from './store-harness.ts'

/** Small enough to come with its claim, and too large for one page. */
const BODY = Buffer.from(`Subject: x\r\n\r\n${'Each page of it can be found.\r\n'.repeat(900)}`)

/** SQLite's file format §1.6: an overflow page begins with the number of the next one. */
function damageBody(file: string): void {
  const bytes = readFileSync(file)
  const pageBytes = bytes.readUInt16BE(16)
  const pages: number[] = []
  for (let at = 0; at < bytes.length; at += pageBytes) {
    if (bytes.subarray(at, at + 100).includes('can be found')) pages.push(at)
  }
  const place = pages[1] ?? expect.fail('no second page of the body')
  const nowhere = Buffer.alloc(4, 0xf0)
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, nowhere, 0, nowhere.length, place)
  closeSync(descriptor)
}

test.each(KINDS)('a small body that is damaged keeps no other message back: %s', async (kind) => {
  using folder = temporaryFolder()
  const damaged = newMessage({ sizeBytes: BODY.byteLength })
  const behind: string[] = []
  {
    await using opened = await openStore(kind, folder.path)
    await opened.store.accept(damaged, BODY)
    behind.push(await accept(opened.store), await accept(opened.store, { profileId: 'other' }))
  }
  await using opened = await openStore(kind, folder.path)
  damageBody(join(folder.path, 'postern.db'))
  const { store } = opened
  const claimed = await store.claim({ profileIds: ['default', 'other'], limit: 9 })
  expect(claimed.map(({ message }) => message.id).toSorted()).toEqual(
    [damaged.id, ...behind].toSorted(),
  )
  await expect(store.readChunk(damaged.id, 0)).rejects.toMatchObject({ code: 'database_damaged' })
  for (const one of claimed) await settle(store, one, { state: 'queued' })
  expect((await store.state(damaged.id))?.attempts).toBe(1)
})
