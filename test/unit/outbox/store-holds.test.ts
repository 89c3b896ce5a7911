import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { Hold } from '../../../src/outbox/message.ts'
import type { OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { isSender } from '../../../src/outbox/store/sender.ts'
import { temporaryFolder } from '../../support/folder.ts'
import {
  accept,
  claimOne,
  DIAGNOSIS,
  KINDS,
  type MessageFacts,
  NOW,
  openStore,
  settle,
} from './store-harness.ts'

const HOLD: Hold = {
  profileId: 'default',
  sender: 'denied@contoso.com',
  since: NOW,
  diagnosis: DIAGNOSIS,
  nextProbeAt: NOW + 1,
  probes: 0,
}

/** Its From header; the envelope is that of everybody. */
async function acceptHeld(
  store: OutboxStore,
  headerFrom: string,
  facts: MessageFacts = {},
): Promise<string> {
  const id = await accept(store, { headerFrom, ...facts })
  await settle(store, await claimOne(store, facts.profileId), { state: 'held' })
  return id
}

describe.each(KINDS)('%s', (kind) => {
  test('the end of a hold frees the mail of its sender, all of it, and no other', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    await store.putHold(HOLD)
    await store.putHold({ ...HOLD, sender: 'other@contoso.com' })
    for (let n = 0; n < 3; n++) await acceptHeld(store, HOLD.sender)
    const other = await acceptHeld(store, 'other@contoso.com')
    await store.endHold('default', HOLD.sender)
    expect((await store.holds()).map(({ sender }) => sender)).toEqual(['other@contoso.com'])
    expect(store.counts().get('default')).toMatchObject({ queued: 3, held: 1 })
    expect((await store.state(other))?.state).toBe('held')
  })

  test('the oldest held message of a sender is found', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    await acceptHeld(store, HOLD.sender, { acceptedAt: NOW + 2 })
    const oldest = await acceptHeld(store, HOLD.sender, { acceptedAt: NOW + 1 })
    await acceptHeld(store, 'other@contoso.com')
    await acceptHeld(store, HOLD.sender, { profileId: 'other' })
    expect(await store.oldestHeld('default', HOLD.sender)).toBe(oldest)
    expect(await store.oldestHeld('default', 'nobody@contoso.com')).toBeUndefined()
  })

  test('mail that is held without a hold, or with one that cannot be read, is queued at the start', async () => {
    using folder = temporaryFolder()
    const ids: string[] = []
    {
      await using opened = await openStore(kind, folder.path)
      const { store, storage } = opened
      const senders = [HOLD.sender, 'forgotten@contoso.com', 'damaged@contoso.com']
      for (const sender of senders) ids.push(await acceptHeld(store, sender))
      await store.putHold(HOLD)
      await store.putHold({ ...HOLD, sender: 'damaged@contoso.com' })
      await storage.db
        .updateTable('outbox_hold')
        .set({ diagnosis: '{"code":' })
        .where('sender', '=', 'damaged@contoso.com')
        .execute()
      expect((await store.holds()).map(({ sender }) => sender)).toEqual([HOLD.sender])
    }
    await using opened = await openStore(kind, folder.path)
    const { store } = opened
    const states = await Promise.all(ids.map(async (id) => (await store.state(id))?.state))
    expect(states).toEqual(['held', 'queued', 'queued'])
    expect(store.counts().get('default')).toMatchObject({ queued: 2, held: 1 })
    expect(await store.holds()).toEqual([HOLD])
  })

  test('the end of patience with a sender is not that with another one of the same envelope', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const envelope = { sender: HOLD.sender }
    const other = await acceptHeld(store, 'other@contoso.com', { envelope })
    const own = await acceptHeld(store, HOLD.sender, { envelope })
    const { profileId, sender } = HOLD
    const facts = { acceptedBefore: NOW + 1, now: NOW + 2, diagnosis: DIAGNOSIS, limit: 9 }
    expect(await store.failHeld({ profileId, sender, ...facts })).toMatchObject([{ id: own }])
    expect((await store.state(other))?.state).toBe('held')
  })
})

test('the held mail of one sender is looked up, not searched for', async () => {
  await using opened = await openStore('direct')
  const { rows } = await sql<{ detail: string }>`
    explain query plan select id from message
    where state = 'held' and profile_id = ${'default'}
      and ${isSender('denied@contoso.com')}
    order by accepted_at limit ${1}`.execute(opened.storage.db)
  const plan = rows.map(({ detail }) => detail).join('; ')
  expect(plan).toContain('message_held_sender (profile_id=? AND <expr>=?)')
  expect(plan).not.toContain('TEMP B-TREE')
})
