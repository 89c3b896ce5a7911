import { describe, expect, test } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import {
  accept,
  BODY,
  claimOne,
  DIAGNOSIS,
  KINDS,
  NOW,
  newMessage,
  openStore,
  settle,
} from './store-harness.ts'

describe.each(KINDS)('%s', (kind) => {
  test('a message is claimed as it was accepted, and ends with the word of the server', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const envelope = {
      sender: 'Alerts@Contoso.com',
      recipients: [
        {
          address: 'Anna@contoso.com',
          notify: 'FAILURE,DELAY',
          orcpt: 'rfc822;Anna+40contoso.com',
        },
        { address: 'ben@contoso.com', notify: null, orcpt: null },
      ],
      smtpUtf8: true,
      eightBit: true,
      ret: 'HDRS',
      envid: 'QQ314159',
    } as const
    const message = newMessage({
      envelope,
      subject: 'Grüße',
      messageId: '<one@contoso.com>',
      bounceTo: 'alerts@contoso.com',
    })
    expect(await store.accept(message, BODY)).toEqual({
      id: message.id,
      acceptedAt: NOW,
      duplicate: false,
    })

    const claimed = await claimOne(store)
    const { recipients, ...rest } = envelope
    expect(claimed.message).toEqual({
      id: message.id,
      profileId: 'default',
      source: 'relay',
      priority: 3,
      client: 'relay:one',
      state: 'sending',
      envelope: rest,
      headerFrom: 'alerts@contoso.com',
      subject: 'Grüße',
      messageId: '<one@contoso.com>',
      once: false,
      bounceTo: 'alerts@contoso.com',
      sizeBytes: BODY.byteLength,
      recipientCount: 2,
      acceptedAt: NOW,
      attempts: 0,
      nextAttemptAt: null,
      finishedAt: null,
      hasBody: true,
      diagnosis: null,
      reply: null,
      serverMessageId: null,
    })
    expect(claimed.recipients).toEqual(
      recipients.map((recipient, index) => ({
        ...recipient,
        index,
        state: 'waiting',
        reply: null,
        diagnosisCode: null,
        finishedAt: null,
      })),
    )
    expect(Buffer.from(claimed.body ?? [])).toEqual(BODY)
    expect(await store.claim({ profileIds: ['default'], limit: 9 })).toEqual([])

    await settle(store, claimed, { state: 'delivered' })
    const detail = await store.find(message.id)
    expect(detail?.message).toMatchObject({
      state: 'delivered',
      attempts: 1,
      finishedAt: NOW + 1_000,
      reply: '250 2.0.0 OK',
      serverMessageId: '<server@id>',
      diagnosis: null,
    })
    expect(detail?.recipients.map(({ state, reply }) => [state, reply])).toEqual([
      ['delivered', '250 2.1.5 OK'],
      ['delivered', '250 2.1.5 OK'],
    ])
    expect(detail?.attempts).toEqual([
      {
        number: 1,
        startedAt: NOW + 500,
        finishedAt: NOW + 1_000,
        outcome: 'delivered',
        server: 'smtp.office365.com:587',
        recipients: 2,
        reply: '250 2.0.0 OK',
        diagnosis: null,
      },
    ])
    expect(await store.state(message.id)).toEqual({
      state: 'delivered',
      reply: '250 2.0.0 OK',
      serverMessageId: '<server@id>',
      diagnosis: null,
      attempts: 1,
    })
  })

  test('a message that is not there is undefined', async () => {
    await using opened = await openStore(kind)
    expect(await opened.store.find('nothing')).toBeUndefined()
    expect(await opened.store.state('nothing')).toBeUndefined()
    expect(await opened.store.readChunk('nothing', 0)).toBeUndefined()
    expect(opened.store.counts()).toEqual(new Map())
  })

  test('a deferred message waits until it is due, and keeps the reason', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const id = await accept(store)
    const dueAt = NOW + 2 * MINUTE_MS
    await settle(store, await claimOne(store), { state: 'deferred', nextAttemptAt: dueAt })
    expect(await store.claim({ profileIds: ['default'], limit: 1 })).toEqual([])
    expect((await store.find(id))?.message).toMatchObject({
      state: 'deferred',
      nextAttemptAt: dueAt,
      diagnosis: DIAGNOSIS,
      attempts: 1,
    })
    expect(await store.wakeDue(dueAt - 1)).toEqual({ profileIds: [], nextDueAt: dueAt })
    expect(await store.wakeDue(dueAt)).toEqual({ profileIds: ['default'], nextDueAt: null })
    expect((await claimOne(store)).message).toMatchObject({ id, nextAttemptAt: null, attempts: 1 })
  })

  test('everything deferred of a profile becomes due at once', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    for (const profileId of ['default', 'default', 'other']) {
      await accept(store, { profileId })
      const claimed = await claimOne(store, profileId)
      await settle(store, claimed, { state: 'deferred', nextAttemptAt: NOW + HOUR_MS })
    }
    await store.wakeAll(['default'])
    expect(await store.claim({ profileIds: ['default', 'other'], limit: 9 })).toHaveLength(2)
    expect((await store.wakeDue(NOW)).nextDueAt).toBe(NOW + HOUR_MS)
  })

  test('a message that was claimed and not tried goes back as it was', async () => {
    await using opened = await openStore(kind)
    const id = await accept(opened.store)
    const claimed = await claimOne(opened.store)
    await opened.store.unclaim([claimed.message.id])
    expect((await opened.store.find(id))?.message).toMatchObject({ state: 'queued', attempts: 0 })
    expect((await claimOne(opened.store)).message.id).toBe(id)
  })

  test('held mail of a sender is freed by the address of the header, or of the envelope where there is none', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const froms = ['denied@contoso.com', 'alerts@contoso.com', 'fine@contoso.com'] as const
    for (const headerFrom of froms) await accept(store, { headerFrom, envelope: { sender: '' } })
    await accept(store, { headerFrom: null, envelope: { sender: 'Denied@contoso.com' } })
    for (let n = 0; n < 4; n++) await settle(store, await claimOne(store), { state: 'held' })
    expect(store.counts().get('default')).toEqual({ queued: 0, held: 4, oldestAcceptedAt: NOW })
    expect(await store.countWaiting('default', 'denied@contoso.com')).toBe(2)
    expect(await store.countWaiting('default', '')).toBe(4)

    expect(await store.unhold('default', 'denied@contoso.com')).toBe(2)
    expect(store.counts().get('default')).toMatchObject({ queued: 2, held: 2 })
    expect(await store.claim({ profileIds: ['default'], limit: 9 })).toHaveLength(2)
  })

  test('mail that waited too long fails with the diagnosis, and only so much at once', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const old = await accept(store, { acceptedAt: NOW - 3 })
    const held = await accept(store, { acceptedAt: NOW - 2, source: 'api' })
    const late = await accept(store, { acceptedAt: NOW - 1 })
    const other = await accept(store, { headerFrom: 'other@contoso.com', envelope: { sender: '' } })
    const first = await claimOne(store)
    await settle(store, await claimOne(store), { state: 'held' })
    await store.unclaim([first.message.id])
    const request = {
      profileId: 'default',
      sender: 'alerts@contoso.com',
      acceptedBefore: NOW - 1,
      now: NOW + HOUR_MS,
      diagnosis: DIAGNOSIS,
    }
    expect(await store.failHeld({ ...request, limit: 1 })).toEqual([{ id: old, source: 'relay' }])
    expect(await store.failHeld({ ...request, limit: 9 })).toEqual([{ id: held, source: 'api' }])
    expect(await store.failHeld({ ...request, limit: 9 })).toEqual([])
    const detail = await store.find(held)
    expect(detail?.message).toMatchObject({
      state: 'failed',
      finishedAt: NOW + HOUR_MS,
      diagnosis: DIAGNOSIS,
    })
    expect(detail?.recipients[0]).toMatchObject({ state: 'failed', diagnosisCode: DIAGNOSIS.code })
    expect(store.counts().get('default')).toEqual({
      queued: 2,
      held: 0,
      oldestAcceptedAt: NOW - 1,
    })
    expect((await store.state(late))?.state).toBe('queued')
    expect((await store.state(other))?.state).toBe('queued')
  })

  test('a waiting message is cancelled with its recipients, a sending or finished one is not', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const id = await accept(store)
    const claimed = await claimOne(store)
    expect(await store.cancel(id, NOW)).toBe(false)
    await store.unclaim([claimed.message.id])
    expect(await store.cancel(id, NOW + 5)).toBe(true)
    expect(await store.cancel(id, NOW + 6)).toBe(false)
    expect(await store.cancel('nothing', NOW)).toBe(false)
    const detail = await store.find(id)
    expect(detail?.message).toMatchObject({ state: 'cancelled', finishedAt: NOW + 5 })
    expect(detail?.recipients[0]?.state).toBe('cancelled')
    expect(store.counts().has('default')).toBe(false)
    expect(await store.unreportedProfiles()).toEqual([])
  })

  test('a failed message that is tried again waits for those without success only', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const id = await accept(store, { to: ['good@contoso.com', 'bad@contoso.com'] })
    const claimed = await claimOne(store)
    await store.settle({
      messageId: id,
      attempt: {
        number: 1,
        startedAt: NOW,
        finishedAt: NOW + 1,
        outcome: 'partlyDelivered',
        server: 'server:25',
        recipients: 2,
        reply: '250 OK',
        diagnosis: DIAGNOSIS,
      },
      recipients: [
        { index: 0, state: 'delivered', reply: '250 OK', diagnosisCode: null },
        { index: 1, state: 'failed', reply: '550 no', diagnosisCode: 'x' },
      ],
      next: { state: 'failed' },
      serverMessageId: null,
      accounted: { mailbox: 'contoso', recipients: 1 },
    })
    expect(claimed.recipients).toHaveLength(2)
    expect(await store.requeue(id, ['deferred'], NOW + 2)).toBe(false)
    expect(await store.requeue(id, ['failed', 'cancelled'], NOW + 2)).toBe(true)
    expect(await store.unreportedProfiles()).toEqual([])
    expect(store.counts().get('default')?.queued).toBe(1)
    const again = await claimOne(store)
    expect(again.message).toMatchObject({ attempts: 1, finishedAt: null })
    expect(again.recipients.map(({ address }) => address)).toEqual(['bad@contoso.com'])
  })

  test('holds are kept, replaced and ended', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const hold = {
      profileId: 'default',
      sender: '',
      since: NOW,
      diagnosis: DIAGNOSIS,
      nextProbeAt: NOW + MINUTE_MS,
      probes: 0,
    }
    await store.putHold(hold)
    await store.putHold({ ...hold, sender: 'denied@contoso.com', since: NOW + 1 })
    await store.putHold({ ...hold, probes: 1 })
    expect(await store.holds()).toEqual([
      { ...hold, probes: 1 },
      { ...hold, sender: 'denied@contoso.com', since: NOW + 1 },
    ])
    await store.endHold('default', '')
    expect((await store.holds()).map(({ sender }) => sender)).toEqual(['denied@contoso.com'])
  })

  test('recipients are charged to their mailbox by whole hours', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    for (const hours of [0, 0, 3]) {
      await accept(store, { to: ['a@contoso.com', 'b@contoso.com'] })
      await settle(store, await claimOne(store), { state: 'delivered' }, NOW + hours * HOUR_MS)
    }
    expect(await store.accountedSince('contoso', NOW)).toBe(6)
    expect(await store.accountedSince('contoso', NOW + HOUR_MS)).toBe(2)
    expect(await store.accountedSince('other', NOW)).toBe(0)
  })

  test('an idempotency key gives the message of that time, with other content it is refused', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const key = { key: 'k1', fingerprint: 'aa' }
    const id = await accept(store, { idempotency: key })
    expect(await store.accept(newMessage({ idempotency: key, acceptedAt: NOW + 9 }), BODY)).toEqual(
      {
        id,
        acceptedAt: NOW,
        duplicate: true,
      },
    )
    await expect(
      store.accept(newMessage({ idempotency: { ...key, fingerprint: 'bb' } }), BODY),
    ).rejects.toMatchObject({
      name: 'PosternError',
      kind: 'conflict',
      code: 'idempotency_key_reused',
    })
    await accept(store, { idempotency: { ...key, fingerprint: 'bb' }, client: 'relay:two' })
    expect(store.counts().get('default')?.queued).toBe(2)

    const before = { now: NOW, bodiesBefore: 0, recordsBefore: 0, mostBodyBytes: 1e9 }
    await store.purge({ ...before, idempotencyBefore: NOW })
    expect((await store.accept(newMessage({ idempotency: key }), BODY)).duplicate).toBe(true)
    await store.purge({ ...before, idempotencyBefore: NOW + 1 })
    expect((await store.accept(newMessage({ idempotency: key }), BODY)).duplicate).toBe(false)
  })

  test('the numbers follow each commit, and listeners are told', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const told: string[] = []
    const stop = store.onChange((profileIds) => told.push(...profileIds))
    await accept(store, { acceptedAt: NOW + 5 })
    await accept(store, { acceptedAt: NOW + 3, profileId: 'other' })
    await accept(store, { acceptedAt: NOW + 9 })
    expect(told).toEqual(['default', 'other', 'default'])
    expect(store.counts()).toEqual(
      new Map([
        ['default', { queued: 2, held: 0, oldestAcceptedAt: NOW + 5 }],
        ['other', { queued: 1, held: 0, oldestAcceptedAt: NOW + 3 }],
      ]),
    )
    stop()
    await settle(store, await claimOne(store), { state: 'delivered' })
    expect(store.counts().get('default')).toEqual({
      queued: 1,
      held: 0,
      oldestAcceptedAt: NOW + 9,
    })
    await settle(store, await claimOne(store, 'other'), { state: 'failed' })
    expect(store.counts().has('other')).toBe(false)
    expect(told).toHaveLength(3)
  })

  test('what is settled without being sent is an error, and nothing changes', async () => {
    await using opened = await openStore(kind)
    const { store } = opened
    const id = await accept(store)
    const claimed = await claimOne(store)
    await store.unclaim([id])
    await expect(settle(store, claimed, { state: 'delivered' })).rejects.toThrow(/not being sent/)
    expect(await store.accountedSince('contoso', 0)).toBe(0)
    expect((await store.state(id))?.state).toBe('queued')
  })

  test('after closing, whatever is asked is refused with a sentence', async () => {
    const opened = await openStore(kind)
    await accept(opened.store)
    await opened[Symbol.asyncDispose]()
    await expect(accept(opened.store)).rejects.toMatchObject({ kind: 'unavailable' })
  })
})
