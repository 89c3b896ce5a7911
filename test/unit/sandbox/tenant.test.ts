import { X509Certificate } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { describe, expect, it } from 'vitest'
import { daysLeft } from '../../../src/credentials/index.ts'
import { DAY_MS, HOUR_MS, parseInstant, systemClock } from '../../../src/platform/clock.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { createCertificates } from '../../../src/sandbox/certificates.ts'
import { startSandboxTenant } from '../../../src/sandbox/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { createTenant, type InboxMessage } from '../../../src/sandbox/tenant.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { startTestTenant } from './harness.ts'

const message = (id: string): InboxMessage => ({
  id,
  receivedAt: '2026-11-23T10:00:00.000Z',
  mailbox: '',
  envelope: { from: '', to: [] },
  raw: '',
  messageId: '',
})

describe('the tenant', () => {
  it('fills in the defaults of a new entry and returns a removed key to its default', async () => {
    const tenant = await createTenant({ clock: createFakeClock() })
    tenant.patch({ mailboxes: { 'new@contoso.com': { full: true } }, entra: { forcedCode: 53003 } })
    expect(tenant.state().mailboxes['new@contoso.com']).toMatchObject({
      full: true,
      password: null,
      smtpAuthDisabled: null,
      recipientLimit: 500,
    })
    tenant.patch({ mailboxes: { 'new@contoso.com': { full: null } }, entra: { forcedCode: null } })
    expect(tenant.state().mailboxes['new@contoso.com']?.full).toBe(false)
    expect(tenant.state().entra.forcedCode).toBeNull()
  })

  it.each([0, 12, 23])('has a secret that ends in 12 days, started at hour %i', async (hour) => {
    const now = Math.floor(FAKE_NOW / DAY_MS) * DAY_MS + hour * HOUR_MS
    const tenant = await createTenant({ clock: createFakeClock(now) })
    const secret = tenant.state().apps[INITIAL.clientId]?.secrets[INITIAL.secretKeyId]
    expect(daysLeft(parseInstant(secret?.endDateTime ?? '') ?? Number.NaN, now)).toBe(12)
  })

  it('never changes a state that was handed out', async () => {
    const tenant = await createTenant({ clock: createFakeClock() })
    const before = tenant.state()
    const copy = structuredClone(before)
    tenant.patch({ limits: null, entra: { delayMs: 5 }, tenant: { displayName: null } })
    expect(before).toEqual(copy)
    expect(tenant.state().mailboxes).toBe(before.mailboxes)
  })

  it('throws all problems of a wrong patch and tells nobody of a change', async () => {
    const tenant = await createTenant({ clock: createFakeClock() })
    let changes = 0
    const stop = tenant.onChange(() => changes++)
    expect(() => tenant.patch({ clockOffsetMs: 'late', graph: { fault: 1 } })).toThrow(PosternError)
    expect(changes).toBe(0)
    tenant.patch({ clockOffsetMs: HOUR_MS })
    expect(changes).toBe(1)
    expect(tenant.now()).toBe(FAKE_NOW + HOUR_MS)
    expect(tenant.clock.now()).toBe(FAKE_NOW + HOUR_MS)
    stop()
    tenant.reset()
    expect(changes).toBe(1)
    expect(tenant.now()).toBe(FAKE_NOW)
  })

  it('starts from the seed and refuses a wrong one', async () => {
    const clock = createFakeClock()
    const tenant = await createTenant({ clock, seed: { tenant: { displayName: 'Fabrikam' } } })
    expect(tenant.state().tenant.displayName).toBe('Fabrikam')
    tenant.patch({ tenant: { displayName: 'Other' } })
    tenant.reset()
    expect(tenant.state().tenant.displayName).toBe('Fabrikam')
    await expect(createTenant({ clock, seed: { nonsense: 1 } })).rejects.toThrow('nonsense')
  })

  it('keeps count of open connections over a reset', async () => {
    const tenant = await createTenant({ clock: createFakeClock() })
    Object.assign(tenant.counters, { smtpOpenConnections: 2, smtpMaxOpenConnections: 9 })
    tenant.reset()
    expect(tenant.counters).toMatchObject({ smtpOpenConnections: 2, smtpMaxOpenConnections: 2 })
  })

  it('lets a waiter have a message that is there, one that comes, or the reason of its signal', async () => {
    const { inbox } = await createTenant({ clock: createFakeClock() })
    inbox.add(message('a'))
    expect((await inbox.waitFor(({ id }) => id === 'a')).id).toBe('a')
    const coming = inbox.waitFor(({ id }) => id === 'c')
    inbox.add(message('b'))
    inbox.add(message('c'))
    expect((await coming).id).toBe('c')
    const abort = new AbortController()
    const never = inbox.waitFor(() => false, abort.signal)
    abort.abort(new Error('enough'))
    await expect(never).rejects.toThrow('enough')
  })
})

describe('the certificates', () => {
  it('are what their names say', async () => {
    const { caPem, server } = await createCertificates({ clock: systemClock })
    const ca = new X509Certificate(caPem)
    const valid = new X509Certificate(server.valid.cert)
    expect(ca.ca).toBe(true)
    expect(valid.verify(ca.publicKey)).toBe(true)
    expect(valid.checkHost('localhost')).toBe('localhost')
    expect(valid.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(valid.validToDate.getTime()).toBeGreaterThan(Date.now() + 9 * 365 * 24 * HOUR_MS)
    const expired = new X509Certificate(server.expired.cert)
    expect(expired.verify(ca.publicKey)).toBe(true)
    expect(expired.validToDate.getTime()).toBeLessThan(Date.now())
    const wrongName = new X509Certificate(server.wrongName.cert)
    expect(wrongName.checkHost('localhost')).toBeUndefined()
    expect(wrongName.checkHost('mail.wrong.example')).toBe('mail.wrong.example')
    expect(new X509Certificate(server.selfSigned.cert).verify(ca.publicKey)).toBe(false)
  })
})

describe('the sandbox', () => {
  it('delivers mail to its inbox with a token of its own, and not without consent', async () => {
    await using t = await startTestTenant()
    const { smtp, mailbox, tenant, clientId, caPem } = t.sandbox
    const send = async () => {
      const accessToken = String((await t.requestToken()).json()['access_token'])
      const transport = createTransport({
        ...smtp,
        secure: false,
        requireTLS: true,
        tls: { ca: caPem },
        auth: { type: 'OAuth2', user: mailbox, accessToken },
      })
      return transport.sendMail({ from: mailbox, to: 'a@fabrikam.com', subject: 'Hi', text: 'x' })
    }
    const arrival = tenant.inbox.waitFor(({ raw }) => raw.includes('Subject: Hi'))
    expect((await send()).response).toMatch(/^250 2\.0\.0 OK /)
    expect(await arrival).toMatchObject({
      mailbox,
      envelope: { from: mailbox, to: ['a@fabrikam.com'] },
    })
    tenant.patch({ apps: { [clientId]: { exchangeRoles: [] } } })
    await expect(send()).rejects.toThrow('535 5.7.3')
  })

  it('refuses new connections and ends open ones once it is disposed', async () => {
    const t = await startTestTenant({ entra: { fault: 'silent' } })
    const hanging = t.requestToken().catch(() => 'ended')
    await expect.poll(() => t.sandbox.tenant.counters.tokenRequests).toBe(1)
    await t.sandbox[Symbol.asyncDispose]()
    expect(await hanging).toBe('ended')
    await expect(t.call(`${t.sandbox.controlUrl}/state`)).rejects.toThrow('ECONNREFUSED')
    await t[Symbol.asyncDispose]()
  })

  it('says which port cannot be had and leaves nothing open', async () => {
    await using t = await startTestTenant()
    const control = Number(new URL(t.sandbox.controlUrl).port)
    await expect(
      startSandboxTenant({ clock: createFakeClock(), ports: { control } }),
    ).rejects.toThrow(`127.0.0.1:${control} (EADDRINUSE)`)
  })

  it('holds a thousand applications, each with its own secret', async () => {
    await using t = await startTestTenant()
    const apps = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, i) => [
        `app-${i}`,
        {
          objectId: `object-${i}`,
          secrets: { key: { value: `secret-${i}`, endDateTime: '2027-01-01T00:00:00Z' } },
          servicePrincipal: { objectId: `principal-${i}` },
        },
      ]),
    )
    t.sandbox.tenant.patch({ apps })
    const granted = await t.requestToken({ client_id: 'APP-999', client_secret: 'secret-999' })
    expect(granted.status).toBe(200)
    const crossed = await t.requestToken({ client_id: 'app-1', client_secret: 'secret-2' })
    expect(crossed.json()['error_codes']).toEqual([7000215])
  })
})
