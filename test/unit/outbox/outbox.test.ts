import { describe, expect, it } from 'vitest'
import { startTenantBench } from './tenant-bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const EMPTY = { queued: 0, held: 0, oldestAcceptedAt: null }

describe('the outbox against the simulated tenant', () => {
  it('sends 200 messages over at most 3 connections, without one refusal', async () => {
    await using bench = await startTenantBench({
      delivery: { messagesPerMinute: null },
      seed: { limits: { messagesPerMinute: 1_000 } },
    })
    bench.outbox.start()
    const sent = await Promise.all(Array.from({ length: 200 }, () => bench.accept()))
    await bench.outbox.idle()
    expect(bench.inboxIds().toSorted()).toEqual(sent.map(({ messageId }) => messageId).toSorted())
    expect(bench.named('message.deferred')).toEqual([])
    expect(bench.tenant.counters.smtpMaxOpenConnections).toBeLessThanOrEqual(3)
    expect(bench.tenant.counters.tokensIssued).toBe(1)
    expect(bench.outbox.queueOf('default')).toEqual(EMPTY)
  })

  it('sends a burst of 5,000 at the pace that the tenant enforces, without one refusal', async () => {
    await using bench = await startTenantBench({ seed: { limits: { recipientsPerDay: 10_000 } } })
    const accepted: Promise<unknown>[] = []
    for (let i = 0; i < 5_000; i++) accepted.push(bench.accept({ client: `relay:${i % 7}` }))
    await Promise.all(accepted)
    bench.outbox.start()
    await bench.pass(190 * MINUTE, 2_250)
    expect(bench.tenant.counters.messagesAccepted).toBe(5_000)
    expect(new Set(bench.inboxIds()).size).toBe(5_000)
    expect(bench.named('message.deferred')).toEqual([])
    expect(bench.tenant.counters.smtpMaxOpenConnections).toBeLessThanOrEqual(3)
    expect(bench.outbox.queueOf('default')).toEqual(EMPTY)
  }, 180_000)

  it.each([
    'dropAtConnect',
    'dropAtEhlo',
    'dropAtStarttls',
    'dropAtAuth',
    'dropAtMail',
    'dropAtRcpt',
    'dropBefore354',
    'dropMidData',
    'dropAfterDot',
    'busy',
    'proxy',
    'refuse',
  ])('delivers once what met %s', async (fault) => {
    await using bench = await startTenantBench()
    bench.tenant.patch({ smtp: { fault } })
    bench.outbox.start()
    const { id, messageId } = await bench.accept()
    await bench.outbox.idle()
    expect((await bench.outbox.get(id)).message.state).toBe('deferred')
    bench.tenant.patch({ smtp: { fault: 'none' } })
    await bench.pass(2 * MINUTE, 5 * SECOND)
    expect((await bench.outbox.get(id)).message.state).toBe('delivered')
    expect(bench.inboxIds()).toEqual([messageId])
  })

  it('delivers again, with the same Message-ID, what the server took without saying so', async () => {
    await using bench = await startTenantBench()
    bench.tenant.patch({ smtp: { fault: 'dropBefore250' } })
    bench.outbox.start()
    const { id, messageId } = await bench.accept()
    await bench.outbox.idle()
    expect(bench.inboxIds()).toEqual([messageId])
    bench.tenant.patch({ smtp: { fault: 'none' } })
    await bench.pass(2 * MINUTE, 5 * SECOND)
    expect((await bench.outbox.get(id)).message.state).toBe('delivered')
    expect(bench.inboxIds()).toEqual([messageId, messageId])
  })

  it('takes an alias, and holds only the sender that the mailbox may not be', async () => {
    await using bench = await startTenantBench()
    const { mailbox } = bench.sandbox
    bench.tenant.patch({
      mailboxes: {
        [mailbox]: { aliases: ['alias@contoso.com'] },
        'boss@contoso.com': { displayName: 'Boss' },
      },
    })
    bench.outbox.start()
    const denied = await bench.accept({ from: 'boss@contoso.com' })
    await bench.outbox.idle()
    for (let i = 0; i < 5; i++) await bench.accept({ from: 'boss@contoso.com' })
    const alias = await bench.accept({ from: 'alias@contoso.com' })
    const own = await bench.accept()
    await bench.pass(MINUTE)
    expect(bench.inboxIds().toSorted()).toEqual([alias.messageId, own.messageId].toSorted())
    expect((await bench.outbox.get(denied.id)).message).toMatchObject({
      state: 'held',
      diagnosis: { code: 'send_as_denied' },
    })
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 6 })
    expect((await bench.outbox.get(denied.id)).attempts).toHaveLength(1)

    bench.tenant.patch({ mailboxes: { 'boss@contoso.com': { sendAs: [mailbox] } } })
    await bench.pass(20 * MINUTE, 5 * SECOND)
    expect(bench.outbox.queueOf('default')).toEqual(EMPTY)
    expect(bench.inboxIds()).toHaveLength(8)
  })

  it('holds by 430, and drains when FullAccess is granted', async () => {
    await using bench = await startTenantBench()
    const { mailbox, clientId } = bench.sandbox
    const access = (since: string | null) =>
      bench.tenant.patch({ mailboxes: { [mailbox]: { fullAccess: { [clientId]: since } } } })
    access(null)
    bench.outbox.start()
    for (let i = 0; i < 10; i++) await bench.accept()
    await bench.pass(10 * MINUTE, 5 * SECOND)
    expect(bench.outbox.queueOf('default')).toMatchObject({ queued: 0, held: 10 })
    expect(bench.outbox.holdsOf('default')).toMatchObject([
      { diagnosis: { code: 'mailbox_permission_missing' } },
    ])
    expect(bench.named('message.failed')).toEqual([])
    access('2020-01-01T00:00:00.000Z')
    await bench.pass(20 * MINUTE, 5 * SECOND)
    expect(bench.outbox.queueOf('default')).toEqual(EMPTY)
    expect(bench.inboxIds()).toHaveLength(10)
    expect(bench.named('outbox.held')).toHaveLength(1)
    expect(bench.named('outbox.released')).toHaveLength(1)
  })

  it('holds while the secret has expired, and drains with a new one', async () => {
    await using bench = await startTenantBench()
    const { clientId } = bench.sandbox
    const [keyId = ''] = Object.keys(bench.tenant.state().apps[clientId]?.secrets ?? {})
    const secret = { endDateTime: '2020-01-01T00:00:00.000Z' }
    bench.tenant.patch({ apps: { [clientId]: { secrets: { [keyId]: secret } } } })
    bench.outbox.start()
    for (let i = 0; i < 5; i++) await bench.accept()
    await bench.pass(5 * MINUTE, 5 * SECOND)
    expect(bench.outbox.holdsOf('default')).toMatchObject([
      { diagnosis: { code: 'secret_expired' } },
    ])
    expect(bench.tenant.counters.smtpConnections).toBe(0)
    const value = 'n3W8Q~another-secret-0123456789'
    const end = '2030-01-01T00:00:00.000Z'
    bench.tenant.patch({ apps: { [clientId]: { secrets: { new: { value, endDateTime: end } } } } })
    bench.saveSecret(value)
    await bench.pass(10 * MINUTE, 5 * SECOND)
    expect(bench.outbox.queueOf('default')).toEqual(EMPTY)
    expect(bench.inboxIds()).toHaveLength(5)
  })

  it('lets an alert overtake a long queue, and a quiet client a loud one', async () => {
    await using bench = await startTenantBench()
    for (let i = 0; i < 60; i++) await bench.accept({ client: 'relay:loud', priority: 3 })
    const quiet = await bench.accept({ client: 'relay:quiet', priority: 3 })
    bench.outbox.start()
    await bench.pass(10 * SECOND)
    const alert = await bench.accept({ priority: 0, once: true, source: 'alert' })
    await bench.pass(5 * SECOND)
    const ids = bench.inboxIds()
    expect(ids).toContain(quiet.messageId)
    expect(ids).toContain(alert.messageId)
    expect(ids.length).toBeLessThan(15)
  })

  it('keeps to the pace while the clock is set by a year, forward and back', async () => {
    await using bench = await startTenantBench()
    const year = 365 * 24 * HOUR
    const { clientId } = bench.sandbox
    const [keyId = ''] = Object.keys(bench.tenant.state().apps[clientId]?.secrets ?? {})
    const secret = { endDateTime: '2099-01-01T00:00:00.000Z' }
    bench.tenant.patch({ apps: { [clientId]: { secrets: { [keyId]: secret } } } })
    bench.outbox.start()
    for (let i = 0; i < 60; i++) await bench.accept()
    await bench.pass(20 * SECOND)
    bench.clock.set(bench.clock.now() + year)
    await bench.pass(20 * SECOND)
    expect(bench.inboxIds().length).toBeGreaterThan(12)
    expect(bench.inboxIds().length).toBeLessThanOrEqual(30)
    bench.clock.set(bench.clock.now() - year)
    // The tenant counts its minute by a clock of its own.
    bench.tenant.patch({ clockOffsetMs: year })
    await bench.accept()
    await bench.pass(3 * MINUTE)
    expect(new Set(bench.inboxIds()).size).toBe(61)
    expect(bench.named('message.failed')).toEqual([])
  })

  it('notices what another process has accepted into the file', async () => {
    await using bench = await startTenantBench()
    bench.outbox.start()
    await bench.outbox.idle()
    const { clock, sandbox } = bench
    const { openLocalOutbox } = await import('../../../src/outbox/index.ts')
    const { openStorage } = await import('../../../src/storage/index.ts')
    const { captureLog } = await import('../../support/log.ts')
    const { draftOf, fakeProfiles } = await import('./delivery/bench.ts')
    const { tenantProfile } = await import('./tenant-bench.ts')
    {
      const { log } = captureLog()
      const { dataDir } = bench
      await using storage = await openStorage({ dataDir, role: 'companion', clock, log })
      const profiles = fakeProfiles(new Map([['default', tenantProfile(sandbox)]]))
      await using local = await openLocalOutbox({ storage, profiles, clock })
      const intake = local.intake()
      await intake.write(Buffer.from(`From: <${sandbox.mailbox}>\r\n\r\nHello\r\n`))
      const draft = draftOf({ headerFrom: sandbox.mailbox, source: 'sendmail' })
      const envelope = { ...draft.envelope, sender: sandbox.mailbox }
      await intake.commit({ ...draft, envelope })
    }
    await bench.clock.advance(2 * SECOND)
    await expect.poll(() => bench.inboxIds().length).toBe(1)
  })
})
