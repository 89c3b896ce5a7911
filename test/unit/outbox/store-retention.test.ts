import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES, type OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { createOutboxRetention } from '../../../src/outbox/retention.ts'
import { DAY_MS, HOUR_MS } from '../../../src/platform/clock.ts'
import { createFakeClock } from '../../support/clock.ts'
import {
  accept,
  acceptEnded,
  BODY,
  claimOne,
  countRows,
  KINDS,
  NOW,
  newMessage,
  openStore,
  settle,
} from './store-harness.ts'

const KEEP_ALL = {
  now: NOW,
  bodiesBefore: 0,
  recordsBefore: 0,
  idempotencyBefore: 0,
  mostBodyBytes: 1e12,
}

async function purgeAll(
  store: OutboxStore,
  request: Partial<Parameters<OutboxStore['purge']>[0]>,
): Promise<number> {
  let pieces = 1
  while (await store.purge({ ...KEEP_ALL, ...request })) pieces++
  return pieces
}

describe.each(KINDS)('%s', (kind) => {
  test('bodies go before records, and what waits is never touched', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    const old = await acceptEnded(store, 'delivered', {}, NOW + 1)
    const young = await acceptEnded(store, 'delivered', {}, NOW + 9)
    const waiting = await accept(store)
    expect(await purgeAll(store, { bodiesBefore: NOW + 2 })).toBe(1)
    expect((await store.find(old))?.message).toMatchObject({ state: 'delivered', hasBody: false })
    expect(await store.readChunk(old, 0)).toBeUndefined()
    expect((await store.find(young))?.message.hasBody).toBe(true)

    await purgeAll(store, { recordsBefore: NOW + DAY_MS, bodiesBefore: NOW + DAY_MS })
    expect(await store.find(old)).toBeUndefined()
    expect(await store.find(young)).toBeUndefined()
    expect((await store.find(waiting))?.message.hasBody).toBe(true)
    expect(await countRows(storage, 'message_recipient')).toBe(1)
    expect(await countRows(storage, 'message_chunk')).toBe(1)
  })

  test('when too many bytes are kept, the oldest bodies go', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    const ids: string[] = []
    for (let n = 0; n < 5; n++) {
      ids.push(await acceptEnded(store, 'delivered', { acceptedAt: NOW + n }, NOW + n))
    }
    await purgeAll(store, { mostBodyBytes: 2 * BODY.byteLength })
    const kept = await Promise.all(ids.map(async (id) => (await store.find(id))?.message.hasBody))
    expect(kept).toEqual([false, false, false, true, true])

    const large = newMessage({ sizeBytes: 20 * CHUNK_BYTES })
    await store.accept(large, randomBytes(20 * CHUNK_BYTES))
    await settle(store, await claimOne(store), { state: 'delivered' }, NOW + 100)
    await purgeAll(store, { mostBodyBytes: 0 })
    expect(await countRows(storage, 'message_chunk')).toBe(0)
    expect(await countRows(storage, 'intake')).toBe(0)
    expect(await countRows(storage, 'message')).toBe(6)
  })

  test('much is removed in pieces', async () => {
    await using opened = await openStore(kind)
    const { store, storage } = opened
    for (let n = 0; n < 250; n++) await accept(store)
    await purgeAll(store, {})
    for (const claimed of await store.claim({ profileIds: ['default'], limit: 250 })) {
      await settle(store, claimed, { state: 'delivered' })
    }
    const pieces = await purgeAll(store, { recordsBefore: NOW + DAY_MS })
    expect(pieces).toBe(3)
    expect(await countRows(storage, 'message')).toBe(0)
  })

  test('what failed stays until it was told, with its body', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const failed = await acceptEnded(store, 'failed', { bounceTo: 'anna@contoso.com' })
    const later = { recordsBefore: NOW + DAY_MS, bodiesBefore: NOW + DAY_MS, mostBodyBytes: 0 }
    await purgeAll(store, later)
    expect((await store.find(failed))?.message.hasBody).toBe(true)
    await store.report({ profileId: 'default', messageIds: [failed], now: NOW, report: null })
    await purgeAll(store, later)
    expect((await store.find(failed))?.message.hasBody).toBe(true)
    await store.bounce({ messageId: failed, now: NOW, bounce: null })
    await purgeAll(store, later)
    expect(await store.find(failed)).toBeUndefined()
  })

  test('a message that is tried again keeps its body, one without a body cannot be', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const first = await acceptEnded(store, 'failed', { once: true })
    const second = await acceptEnded(store, 'failed', { once: true })
    expect(await store.requeue(first, ['failed'], NOW)).toBe(true)
    await purgeAll(store, { bodiesBefore: NOW + DAY_MS })
    expect(await store.requeue(second, ['failed'], NOW)).toBe(false)
    expect((await claimOne(store)).body).not.toBeNull()
    await purgeAll(store, { mostBodyBytes: 0 })
    expect(await store.readChunk(first, 0)).toBeDefined()
  })

  test('hours that are over, or that a wrong clock has put far ahead, are forgotten', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    for (const at of [NOW - 3 * DAY_MS, NOW - 20 * HOUR_MS, NOW, NOW + 365 * DAY_MS]) {
      await acceptEnded(store, 'delivered', {}, at)
    }
    expect(await store.accountedSince('contoso', 0)).toBe(4)
    await purgeAll(store, {})
    expect(await store.accountedSince('contoso', 0)).toBe(2)
  })

  test('an Idempotency-Key is forgotten 24 hours after its message came, not before', async () => {
    await using opened = await openStore(kind)
    const { store, log } = opened
    const clock = createFakeClock(NOW)
    await using retention = createOutboxRetention({
      store,
      clock,
      log: log.log,
      config: { recordDays: 30, bodyDays: 7, mostBodyBytes: 1e12 },
    })
    const idempotency = { key: 'order-1', fingerprint: 'aa' }
    const again = () => store.accept(newMessage({ idempotency, acceptedAt: clock.now() }), BODY)
    const first = await accept(store, { idempotency })
    await clock.advance(DAY_MS)
    await retention.run()
    expect(await again()).toMatchObject({ id: first, duplicate: true })
    await clock.advance(1)
    await retention.run()
    expect((await again()).duplicate).toBe(false)
    expect((await store.find(first))?.message.state).toBe('queued')
  })
})
