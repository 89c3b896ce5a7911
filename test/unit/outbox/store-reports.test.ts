import { describe, expect, test } from 'vitest'
import { ATTEMPTS_TOLD, RECIPIENTS_TOLD } from '../../../src/outbox/outbox-store.ts'
import {
  accept,
  acceptEnded,
  BODY,
  claimOne,
  KINDS,
  NOW,
  newMessage,
  openStore,
  settle,
} from './store-harness.ts'

const ended = (details: readonly { message: { id: string } }[]) =>
  details.map(({ message }) => message.id)

describe.each(KINDS)('%s', (kind) => {
  test('failed mail is told once, oldest first, by profile', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const second = await acceptEnded(store, 'failed', {}, NOW + 2)
    const first = await acceptEnded(store, 'failed', {}, NOW + 1)
    const other = await acceptEnded(store, 'failed', { profileId: 'other' }, NOW + 3)
    await acceptEnded(store, 'delivered', { profileId: 'fine' })
    for (const silent of [{ once: true }, { source: 'report' }, { source: 'bounce' }] as const) {
      await acceptEnded(store, 'failed', { ...silent, bounceTo: 'x@contoso.com' })
    }
    expect(await store.unreportedProfiles()).toEqual(['default', 'other'])
    expect(await store.unreported('default', 9)).toEqual([first, second])
    expect(await store.unreported('default', 1)).toEqual([first])
    expect(await store.failures([other, 'gone'])).toEqual([
      { ...(await store.find(other)), failedCount: 1, deliveredCount: 0 },
    ])
    expect(await store.lastReportAt('default')).toBeNull()

    const message = newMessage({ source: 'report', envelope: { sender: '' }, client: 'postern' })
    await store.report({
      profileId: 'default',
      messageIds: [first],
      now: NOW + 9,
      report: { message, body: BODY },
    })
    expect(await store.unreported('default', 9)).toEqual([second])
    expect(await store.lastReportAt('default')).toBe(NOW + 9)
    expect((await claimOne(store)).message).toMatchObject({ id: message.id, source: 'report' })

    await store.report({ profileId: 'other', messageIds: [other], now: NOW + 9, report: null })
    expect(await store.lastReportAt('other')).toBeNull()
    expect(await store.unreportedProfiles()).toEqual(['default'])
  })

  test('a report that cannot be accepted leaves its messages untold', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const failed = await acceptEnded(store, 'failed', { bounceTo: 'anna@contoso.com' })
    const taken = newMessage({ id: failed, source: 'report' })
    const report = { message: taken, body: BODY }
    await expect(
      store.report({ profileId: 'default', messageIds: [failed], now: NOW, report }),
    ).rejects.toThrow()
    await expect(store.bounce({ messageId: failed, now: NOW, bounce: report })).rejects.toThrow()
    expect(await store.unreported('default', 9)).toEqual([failed])
    expect(ended(await store.unbounced(9))).toEqual([failed])
    expect(await store.lastReportAt('default')).toBeNull()
  })

  test('of what is to be told no more is read than a mail has room for', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const to = Array.from({ length: 50 }, (_, n) => `user${n}@contoso.com`)
    const id = await accept(store, { to, bounceTo: 'anna@contoso.com' })
    for (let n = 0; n < 30; n++) await settle(store, await claimOne(store), { state: 'queued' })
    await settle(store, await claimOne(store), { state: 'failed' })
    const [told, ...more] = await store.failures([id])
    expect(more).toEqual([])
    expect(told).toMatchObject({ failedCount: 50, deliveredCount: 0 })
    expect(told?.recipients.map(({ index }) => index)).toEqual([...Array(RECIPIENTS_TOLD).keys()])
    expect(told?.attempts.map(({ number }) => number)).toEqual([31])
    const [bounced] = await store.unbounced(9)
    expect(bounced?.recipients).toHaveLength(50)
    expect(bounced?.attempts.at(-1)?.number).toBe(31)
    expect(bounced?.attempts).toHaveLength(ATTEMPTS_TOLD)
    expect((await store.find(id))?.attempts).toHaveLength(31)
  })

  test('what fails again after a retry is told again', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const id = await acceptEnded(store, 'failed', { bounceTo: 'anna@contoso.com' })
    await store.report({ profileId: 'default', messageIds: [id], now: NOW, report: null })
    await store.bounce({ messageId: id, now: NOW, bounce: null })
    expect(await store.requeue(id, ['failed'], NOW)).toBe(true)
    await settle(store, await claimOne(store), { state: 'failed' })
    expect(await store.unreported('default', 9)).toEqual([id])
    expect(ended(await store.unbounced(9))).toEqual([id])
  })

  test('a failed message is bounced once, to where that was asked for', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const failed = await acceptEnded(store, 'failed', { bounceTo: 'anna@contoso.com' })
    await acceptEnded(store, 'failed')
    await accept(store, { bounceTo: 'anna@contoso.com' })
    await settle(store, await claimOne(store), { state: 'deferred', nextAttemptAt: NOW + 9 })
    expect(ended(await store.unbounced(9))).toEqual([failed])
    const message = newMessage({ source: 'bounce', envelope: { sender: '' } })
    await store.bounce({ messageId: failed, now: NOW, bounce: { message, body: BODY } })
    expect(await store.unbounced(9)).toEqual([])
    expect((await claimOne(store)).message.source).toBe('bounce')
  })
})
