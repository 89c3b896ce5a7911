import { expect, test } from 'vitest'
import { createClientBook } from '../../../src/relay/clients/book.ts'
import { type ClientStore, createClientStore } from '../../../src/relay/clients/store.ts'
import { ADMIN, type ClientsRig, startClients } from './harness.ts'

/** A book whose reads of the database the test may hold up or let fail. */
async function startBook(rig: ClientsRig) {
  const store = createClientStore({ db: rig.storage.db })
  const reads = { next: () => Promise.resolve() }
  const watched: ClientStore = {
    ...store,
    async list(executor) {
      const { next } = reads
      const rows = await store.list(executor)
      await next()
      return rows
    },
  }
  const { storage, clock } = rig
  const book = await createClientBook({ storage, store: watched, clock, log: rig.log.log })
  return { book, reads }
}

test('a read that fails is made up for: a client that was switched off meanwhile does not stay', async () => {
  await using rig = await startClients()
  const app = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  const { book, reads } = await startBook(rig)
  await using beside = await rig.beside()
  const off = { name: 'app', profileId: 'default', enabled: false }
  await beside.clients.replace(app.id, off, ADMIN)
  await rig.clock.advance(250)
  reads.next = () => Promise.reject(new Error('SQLITE_BUSY'))
  await expect(book.refresh()).rejects.toThrow('SQLITE_BUSY')
  reads.next = () => Promise.resolve()
  await rig.clock.advance(250)
  await book.refresh()
  expect(book.find(app.id)).toBeUndefined()
})

test('what was read first never takes the place of what was read later', async () => {
  await using rig = await startClients()
  const app = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  const { book, reads } = await startBook(rig)
  await using beside = await rig.beside()
  await beside.clients.create({ name: 'other', profileId: 'default' }, ADMIN)
  await rig.clock.advance(250)
  const held = Promise.withResolvers<void>()
  reads.next = () => held.promise
  const early = book.refresh()
  reads.next = () => Promise.resolve()
  await beside.clients.remove(app.id, ADMIN)
  await book.reload()
  expect(book.find(app.id)).toBeUndefined()
  held.resolve()
  await early
  expect(book.find(app.id)).toBeUndefined()
  expect(book.forLogin('other')).toBeDefined()
})
