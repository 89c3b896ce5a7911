import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { MessageFilter } from '../../../src/outbox/outbox.ts'
import type { OutboxStore } from '../../../src/outbox/outbox-store.ts'
import {
  accept,
  acceptEnded,
  claimOne,
  DIAGNOSIS,
  KINDS,
  NOW,
  type OpenedStore,
  openStore,
  settle,
} from './store-harness.ts'

type Filter = Parameters<OutboxStore['list']>[0]

async function listIds(store: OutboxStore, filter: Filter, limit = 50): Promise<string[]> {
  return (await store.list(filter, { limit, before: undefined })).map(({ id }) => id)
}

describe.each(KINDS)('%s', (kind) => {
  test('pages run from the newest to the oldest without a gap, also within one millisecond', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    for (let n = 0; n < 25; n++) await accept(store, { acceptedAt: NOW + Math.floor(n / 7) })
    const everything = await store.list({}, { limit: 99, before: undefined })
    const order = everything.map(({ acceptedAt, id }) => `${acceptedAt} ${id}`)
    expect(order).toEqual([...order].sort().reverse())

    for (const filter of [{}, { recipient: 'ANNA@contoso.com' }, { states: ['queued'] }] as const) {
      const paged: string[] = []
      let before: { acceptedAt: number; id: string } | undefined
      do {
        const page = await store.list(filter, { limit: 4, before })
        paged.push(...page.map(({ id }) => id))
        before = page.at(-1)
      } while (before !== undefined)
      expect(paged).toEqual(everything.map(({ id }) => id))
    }
  })

  test('every filter finds its own messages, alone and together', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const common = { recipient: 'to@contoso.com', sender: 'Sender@Contoso.com' }
    const facts = {
      profileId: 'two',
      source: 'api',
      client: 'token:1',
      messageId: '<m@x>',
      acceptedAt: NOW + 50,
      envelope: { sender: 'sender@contoso.com' },
      to: ['To@contoso.com', 'to@contoso.com'],
    } as const
    const id = await accept(store, facts)
    await accept(store, { acceptedAt: NOW })
    await accept(store, { acceptedAt: NOW + 100 })
    const filters: readonly MessageFilter[] = [
      { profileId: 'two' },
      { source: 'api' },
      { client: 'token:1' },
      { messageId: '<m@x>' },
      { recipient: common.recipient },
      { sender: common.sender },
      { acceptedFrom: NOW + 50, acceptedBefore: NOW + 51 },
      { states: ['queued'], profileId: 'two' },
    ]
    for (const filter of filters) expect(await listIds(store, filter)).toEqual([id])
    const all = Object.assign({}, ...filters)
    expect(await listIds(store, all)).toEqual([id])
    for (const wrong of [{ source: 'relay' }, { client: 'x' }, { states: ['failed'] }] as const) {
      expect(await listIds(store, { ...all, ...wrong })).toEqual([])
    }
    expect(await listIds(store, { source: 'relay' })).toHaveLength(2)
  })

  test('states are found, and with held ones those of a profile on hold', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const delivered = await acceptEnded(store, 'delivered')
    const failed = await acceptEnded(store, 'failed')
    const cancelled = await accept(store)
    await store.cancel(cancelled, NOW)
    const deferred = await accept(store)
    await settle(store, await claimOne(store), { state: 'deferred', nextAttemptAt: NOW + 9 })
    const held = await accept(store)
    await settle(store, await claimOne(store), { state: 'held' })
    const sending = await accept(store)
    await claimOne(store)
    const queued = await accept(store)
    const onHold = await accept(store, { profileId: 'other' })
    const found = { delivered, failed, cancelled, deferred, held, sending } as const
    for (const [state, id] of Object.entries(found)) {
      const [stored] = await store.list(
        { states: [(await store.state(id))?.state ?? 'queued'] },
        { limit: 9, before: undefined },
      )
      expect([state, stored?.id]).toEqual([state, id])
    }
    expect((await listIds(store, { states: ['queued'] })).sort()).toEqual([queued, onHold].sort())
    const heldToo = { states: ['held'], heldProfileIds: ['other'] } as const
    expect((await listIds(store, heldToo)).sort()).toEqual([held, onHold].sort())
    expect(await listIds(store, { ...heldToo, profileId: 'default' })).toEqual([held])
    expect((await listIds(store, { states: ['failed', 'delivered'] })).sort()).toEqual(
      [failed, delivered].sort(),
    )
  })
})

/** Copies of a deferred message whose diagnosis is long, a millisecond apart, of each profile in turn. */
async function fillDeferred({ store, storage }: OpenedStore, profiles: number, count: number) {
  await accept(store, { profileId: 'tenant-0' })
  const claimed = await claimOne(store, 'tenant-0')
  await settle(store, claimed, { state: 'deferred', nextAttemptAt: NOW + 9 })
  const diagnosis = { ...DIAGNOSIS, cause: 'The permission is missing. '.repeat(200) }
  await storage.db
    .updateTable('message')
    .set({ diagnosis: JSON.stringify(diagnosis) })
    .execute()
  const row = await storage.db.selectFrom('message').selectAll().executeTakeFirstOrThrow()
  const own = ['seq', 'id', 'profile_id', 'accepted_at']
  const others = Object.keys(row).filter((column) => !own.includes(column))
  const columns = sql.join(others.map((column) => sql.ref(column)))
  await sql`
    insert into message (id, profile_id, accepted_at, ${columns})
    with recursive copy (n) as (select 1 union all select n + 1 from copy where n < ${count})
    select 'copy-' || n, 'tenant-' || (n % ${profiles}), accepted_at + n, ${columns}
    from message, copy where id = ${row.id}
  `.execute(storage.db)
  await store.refreshCounts()
}

test('a page over many profiles costs the thread no more memory than a page', async () => {
  await using opened = await openStore('threaded')
  const { store } = opened
  const [profiles, count, limit] = [40, 20_000, 500]
  await fillDeferred(opened, profiles, count)
  const filter = { states: ['deferred'] } as const
  const [page, accepted] = await Promise.all([
    store.list(filter, { limit, before: undefined }),
    accept(store, { id: 'beside' }),
  ])
  const newest = Array.from({ length: 2 * limit }, (_, n) => `copy-${count - n}`)
  expect(page.map(({ id }) => id)).toEqual(newest.slice(0, limit))
  expect(page.at(-1)?.diagnosis?.cause).toHaveLength(5_400)
  const next = await store.list(filter, { limit, before: page.at(-1) })
  expect(next.map(({ id }) => id)).toEqual(newest.slice(limit))
  expect(accepted).toBe('beside')
})
