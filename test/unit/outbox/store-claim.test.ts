import { describe, expect, test } from 'vitest'
import type { OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { accept, KINDS, NOW, openStore } from './store-harness.ts'

async function claimClients(store: OutboxStore, count: number, profileIds = ['default']) {
  const clients: string[] = []
  for (let n = 0; n < count; n++) {
    for (const { message } of await store.claim({ profileIds, limit: 1 })) {
      clients.push(message.client)
    }
  }
  return clients
}

describe.each(KINDS)('%s', (kind) => {
  test('priorities go first, and of one client the oldest', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const bulk = await accept(store, { priority: 3, acceptedAt: NOW - 9 })
    const later = await accept(store, { priority: 3, acceptedAt: NOW - 99 })
    const person = await accept(store, { priority: 2 })
    const alert = await accept(store, { priority: 0 })
    const trial = await accept(store, { priority: 1 })
    const claimed = await store.claim({ profileIds: ['default'], limit: 9 })
    // By acceptance, not by what the clock said then.
    expect(claimed.map(({ message }) => message.id)).toEqual([alert, trial, person, bulk, later])
  })

  test('only the mail of Postern itself is claimed where that is asked for', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    await accept(store, { priority: 3 })
    await accept(store, { priority: 2 })
    const own = await accept(store, { priority: 1 })
    const request = { profileIds: ['default'], limit: 9, upToPriority: 1 }
    expect((await store.claim(request)).map(({ message }) => message.id)).toEqual([own])
  })

  test('clients take turns, however much one of them has sent', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    await Promise.all(Array.from({ length: 200 }, () => accept(store, { client: 'relay:many' })))
    await accept(store, { client: 'relay:few' })
    await accept(store, { client: 'relay:zero' })
    await accept(store, { client: 'relay:few' })
    expect(await claimClients(store, 6)).toEqual([
      'relay:few',
      'relay:many',
      'relay:zero',
      'relay:few',
      'relay:many',
      'relay:many',
    ])
    await accept(store, { client: 'api:new' })
    expect(await claimClients(store, 2)).toEqual(['api:new', 'relay:many'])
  })

  test('clients of several profiles of one mailbox take turns as well', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    for (let n = 0; n < 3; n++) await accept(store, { client: 'relay:a', profileId: 'one' })
    await accept(store, { client: 'relay:b', profileId: 'two' })
    await accept(store, { client: 'relay:a', profileId: 'two' })
    await accept(store, { client: 'relay:c', profileId: 'three' })
    expect(await claimClients(store, 9, ['two', 'one'])).toEqual([
      'relay:a',
      'relay:b',
      'relay:a',
      'relay:a',
      'relay:a',
    ])
  })

  test('a claim takes no message twice, and only those of its profiles', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const ids = await Promise.all(Array.from({ length: 40 }, () => accept(store)))
    await accept(store, { profileId: 'other' })
    const claims = await Promise.all(
      Array.from({ length: 8 }, () => store.claim({ profileIds: ['default'], limit: 7 })),
    )
    const claimed = claims.flat().map(({ message }) => message.id)
    expect(claimed.sort()).toEqual(ids.sort())
  })
})
