import { describe, expect, it } from 'vitest'
import { createOutboxMailer } from '../../../src/outbox/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { startSandboxTenant } from '../../../src/sandbox/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { createTestEmail, type LastTestEmail } from '../../../src/verification/index.ts'
import { startAgent } from '../../support/agent.ts'
import { startTenantBench, tenantProfile } from './tenant-bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const { clientId, mailbox, secretKeyId } = INITIAL
const SECRET_ID = secretKeyId

type Bench = Awaited<ReturnType<typeof startTenantBench>>

/** Mail does not wait for its minute here. */
const FREE = { messagesPerMinute: null }
const startBench = () => startTenantBench({ delivery: FREE })

const mailOf = ({ clock }: Bench) => ({
  from: { name: 'Process Alerts', address: mailbox },
  to: ['it@contoso.com'],
  subject: 'Alert',
  text: 'Something happened.',
  html: '<p>Something happened.</p>',
  date: clock.now(),
})

function mailerOf(bench: Bench, source: 'alert' | 'test' = 'alert') {
  const profiles = { get: () => tenantProfile(bench.sandbox) }
  return createOutboxMailer({ outbox: bench.outbox, profiles, source })
}

const send = (bench: Bench, source: 'alert' | 'test' = 'alert') =>
  mailerOf(bench, source).send('default', mailOf(bench))

/** Longer than a connection is kept for the next message: the next one has to log in. */
const untilClosed = (bench: Bench) => bench.pass(2 * MINUTE, 10 * SECOND)

const fullAccess = (bench: Bench, since: string | null) =>
  bench.tenant.patch({ mailboxes: { [mailbox]: { fullAccess: { [clientId]: since } } } })

const exchangeRoles = (bench: Bench, roles: readonly string[]) =>
  bench.tenant.patch({ apps: { [clientId]: { exchangeRoles: roles } } })

describe('Postern’s own mail at the simulated tenant', () => {
  it('is a test email that the server takes over, told in its own words', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    const outcomes: LastTestEmail[] = []
    const testEmail = createTestEmail({
      profiles: { get: () => tenantProfile(bench.sandbox) },
      mailer: mailerOf(bench, 'test'),
      outcomes: {
        async record(_profileId, outcome) {
          outcomes.push(outcome)
        },
      },
      clock: bench.clock,
      version: '1.2.3',
      hostname: 'gate.example',
    })
    const sent = await testEmail.send('default', 'it@contoso.com')
    expect(sent.reply).toMatch(/^250 2\.0\.0 OK/)
    expect(outcomes).toMatchObject([{ reply: sent.reply, diagnosis: null }])
    const [message] = bench.tenant.inbox.list()
    expect(message?.raw.toString()).toContain(`Message-ID: ${sent.messageId}`)
    expect(message?.envelope).toEqual({ from: mailbox, to: ['it@contoso.com'] })
    expect(bench.named('message.delivered')).toHaveLength(1)
  })

  it('meets a missing mailbox permission with one try, and stops no other mail by it', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    fullAccess(bench, null)
    expect(await send(bench, 'test')).toMatchObject({
      ok: false,
      diagnosis: { row: 39, answer: { text: expect.stringContaining('430 4.2.0') } },
    })
    const { messages } = await bench.outbox.list({}, { limit: 9 })
    expect(messages).toMatchObject([{ state: 'failed', attempts: 1, source: 'test' }])
    expect(bench.outbox.holdsOf('default')).toEqual([])
    fullAccess(bench, '2020-01-01T00:00:00.000Z')
    await bench.pass(10 * MINUTE, 10 * SECOND)
    expect(bench.inboxIds()).toEqual([])
    expect(await send(bench)).toMatchObject({ ok: true })
  })

  it('logs in with the remembered token, and with a new one when that is refused, once', async () => {
    await using bench = await startBench()
    const { counters } = bench.tenant
    bench.outbox.start()
    expect(await send(bench)).toMatchObject({ ok: true })
    await untilClosed(bench)
    expect(await send(bench)).toMatchObject({ ok: true })
    expect(counters).toMatchObject({ tokensIssued: 1, authAttempts: 2 })

    await untilClosed(bench)
    bench.tenant.patch({ exchange: { servicePrincipals: { [clientId]: null } } })
    const refused = await send(bench)
    expect(refused).toMatchObject({ ok: false, diagnosis: { row: 35 } })
    // The command to paste names the right one of the three IDs, which only the token tells.
    expect(JSON.stringify(refused)).toContain(INITIAL.servicePrincipalObjectId)
    expect(counters).toMatchObject({ tokensIssued: 2, authAttempts: 4 })
  })

  it('asks for a new token when the remembered one lacks a right that was granted since', async () => {
    await using bench = await startBench()
    const { counters } = bench.tenant
    bench.outbox.start()
    exchangeRoles(bench, [])
    expect(await send(bench)).toMatchObject({ ok: false, diagnosis: { code: 'role_missing' } })
    expect(counters).toMatchObject({ tokensIssued: 1, smtpConnections: 0 })
    exchangeRoles(bench, ['SMTP.SendAsApp'])
    expect(await send(bench)).toMatchObject({ ok: true })
    expect(counters.tokensIssued).toBe(2)
  })

  it('ends before the server when Entra refuses the secret, and tells no secret', async () => {
    await using bench = await startBench()
    bench.outbox.start()
    bench.tenant.rehearse('secret_wrong')
    const refused = await send(bench)
    expect(refused).toMatchObject({ ok: false, diagnosis: { row: 4, code: 'secret_wrong' } })
    expect(bench.tenant.counters.smtpConnections).toBe(0)
    const told = JSON.stringify([refused, bench.lines, bench.news])
    expect(told).not.toContain(INITIAL.clientSecret)
  })

  it.each([SECRET_ID, `{${SECRET_ID.toUpperCase()}}`])(
    'says of a stored secret %s that it has the form of an ID',
    async (value) => {
      await using bench = await startBench()
      bench.outbox.start()
      bench.saveSecret(value)
      const refused = await send(bench, 'test')
      expect(refused).toMatchObject({
        ok: false,
        diagnosis: {
          code: 'secret_wrong',
          summary: expect.stringContaining('looks like the Secret ID'),
        },
      })
    },
  )

  it('does not wait for a pause of Entra as an alert, and does as a test email', async () => {
    await using bench = await startBench()
    const { counters } = bench.tenant
    bench.outbox.start()
    bench.tenant.rehearse('secret_wrong')
    for (const _ of ['asks', 'repeats the answer']) {
      expect(await send(bench)).toMatchObject({ ok: false, diagnosis: { code: 'secret_wrong' } })
    }
    expect(counters.tokenRequests).toBe(1)
    bench.tenant.restore()
    const since = bench.clock.elapsedMs
    let result: unknown
    const sent = send(bench, 'test').then((told) => {
      result = told
    })
    await expect
      .poll(async () => {
        await bench.clock.advance(5 * SECOND)
        return result
      })
      .toMatchObject({ ok: true })
    await sent
    expect(counters.tokenRequests).toBe(2)
    expect(bench.clock.elapsedMs - since).toBeGreaterThanOrEqual(30 * SECOND)
  })
})

describe('Postern’s own mail in the whole agent', () => {
  it('shares the three connections of the mailbox with the verifications', async () => {
    await using tenant = await startSandboxTenant({ clock: systemClock })
    await using agent = await startAgent({ tenant })
    const ids = ['a', 'b', 'c', 'd']
    for (const id of ids) {
      const made = await agent.call('POST', 'profiles', agent.profile({ id, delivery: FREE }))
      expect(made.status, made.text).toBe(201)
    }
    await agent.agent.idle()
    // Everybody is at the server at the same time.
    tenant.tenant.patch({ smtp: { delayMs: 30 } })
    const answers = await Promise.all(
      ids.flatMap((id) => [
        agent.call('POST', `profiles/${id}/verify`, {}),
        agent.call('POST', `profiles/${id}/verify`, { sendTo: 'you@contoso.com' }),
        agent.call('POST', `profiles/${id}/test-email`, { to: 'you@contoso.com' }),
      ]),
    )
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const outcomes = answers.flatMap(({ body }) => body.outcome ?? [])
    expect(outcomes).toEqual(Array.from(ids, () => ['ok', 'ok']).flat())
    expect(tenant.tenant.counters.smtpMaxOpenConnections).toBe(3)
    const { body } = await agent.call('GET', 'status')
    expect(body.profiles[0].lastDeliveredAt).toMatch(/Z$/)
  })
})
