import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'
import { type SendingAgent, startSendingAgent } from '../support/sending-agent.ts'
import { steadyClock } from '../support/steady-clock.ts'

const YEAR_MS = 365 * DAY_MS
const NEVER = '2099-01-01T00:00:00.000Z'
const NEW_SECRET = 'n3W8Q~another-secret-of-this-application'

const secret = (value: string) => ({ type: 'clientSecret', value, expiresAt: '2099-01-01' })

function profileOf(agent: Pick<SendingAgent, 'profile'>, tenant: SandboxTenant, login: Login) {
  if (login === 'token') return profileWith(agent, tenant.clientSecret)
  const { mailbox: username } = tenant
  return agent.profile({
    subjectPrefix: '',
    errorEmailAddress: null,
    authentication: { type: 'basic', username, password: INITIAL.mailboxPassword },
    delivery: { connections: 3, messagesPerMinute: 30 },
  })
}

function profileWith(agent: Pick<SendingAgent, 'profile'>, value: string) {
  const profile = agent.profile({ subjectPrefix: '', errorEmailAddress: null })
  const authentication = Object.assign({}, profile['authentication'], { credential: secret(value) })
  return { ...profile, authentication }
}

interface Bench extends AsyncDisposable {
  readonly clock: MovableClock
  readonly tenant: SandboxTenant
  readonly agent: SendingAgent
  /** Hands so many messages in. */
  accept(count: number): Promise<void>
  pass(ms: number, stepMs?: number): Promise<void>
  /** How many wait for their next try. */
  waiting(): Promise<number>
  /** How many messages are in each state. */
  states(): Promise<Record<string, number>>
}

type Login = 'token' | 'password'

/** An agent whose clock is set, before a tenant whose clock is right and that refuses whoever is too fast. */
async function startBench(login: Login): Promise<Bench> {
  await using opened = new AsyncDisposableStack()
  const clock = createMovableClock()
  const tenant = opened.use(await startSandboxTenant({ clock: steadyClock(clock) }))
  const secrets = { [INITIAL.secretKeyId]: { endDateTime: NEVER } }
  tenant.tenant.patch({
    limits: { overRate: 'reject' },
    apps: { [tenant.clientId]: { secrets } },
  })
  const agent = opened.use(
    await startSendingAgent({
      clock,
      tenant,
      profile: (started) => profileOf(started, tenant, login),
    }),
  )
  await agent.agent.idle()
  async function states(): Promise<Record<string, number>> {
    const { messages } = (await agent.call('GET', 'messages?limit=200')).body
    const counts: Record<string, number> = {}
    for (const { state } of messages) counts[state] = (counts[state] ?? 0) + 1
    return counts
  }
  const held = opened.move()
  return {
    clock,
    tenant,
    agent,
    async accept(count) {
      await using relay = await agent.openRelay()
      for (let i = 0; i < count; i++) {
        const content = `From: <${tenant.mailbox}>\r\nSubject: clock\r\n\r\nhello\r\n`
        const mail = { from: tenant.mailbox, to: ['ann@fabrikam.com'], content }
        expect((await relay.send(mail)).code).toBe(250)
      }
    },
    async pass(ms, stepMs = SECOND_MS) {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.pass(Math.min(left, stepMs))
        await agent.agent.idle()
      }
    },
    states,
    async waiting() {
      const { queued = 0, deferred = 0 } = await states()
      return queued + deferred
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Most messages that came within a minute of the server. */
function mostInAMinute(tenant: SandboxTenant): number {
  const times = tenant.tenant.inbox
    .list()
    .map(({ receivedAt }) => globalThis.Date.parse(receivedAt))
  const after = (from: number) => times.filter((at) => at >= from && at < from + MINUTE_MS).length
  return Math.max(...times.map(after))
}

const countOf = (tenant: SandboxTenant) => tenant.tenant.inbox.list().length

describe('a clock that is set by a year while mail waits', () => {
  it.each([
    ['forward and back', 'token', [YEAR_MS, -YEAR_MS]],
    ['back and forward', 'token', [-YEAR_MS, YEAR_MS]],
    ['forward and back', 'password', [YEAR_MS, -YEAR_MS]],
    ['back and forward', 'password', [-YEAR_MS, YEAR_MS]],
  ] as const)('%s: the pace stays, and all is delivered (%s)', async (_name, login, jumps) => {
    await using bench = await startBench(login)
    const { clock, tenant, agent } = bench
    await bench.accept(30)
    await bench.pass(10 * SECOND_MS)
    for (const jump of jumps) {
      const before = countOf(tenant)
      clock.set(jump)
      await bench.accept(20)
      await bench.pass(20 * SECOND_MS)
      expect(countOf(tenant)).toBeGreaterThan(before + 5)
    }
    await bench.pass(3 * MINUTE_MS)
    expect(await bench.states()).toEqual({ delivered: 70 })
    expect(countOf(tenant)).toBe(70)
    expect(mostInAMinute(tenant)).toBeLessThanOrEqual(30)
    const { messages } = (await agent.call('GET', 'messages?limit=200')).body
    expect(messages.filter(({ attempts }: { attempts: number }) => attempts !== 1)).toEqual([])
  })

  it.each([
    ['forward', YEAR_MS],
    ['back', -YEAR_MS],
  ])('%s: deferred mail is tried soon, and does not run out of time', async (_name, jump) => {
    await using bench = await startBench('password')
    const { clock, tenant } = bench
    const busy = '451 4.7.0 Temporary server error. Please try again later. PRX2'
    tenant.tenant.patch({ smtp: { forcedReplies: { data: busy } } })
    await bench.accept(3)
    await bench.pass(30 * MINUTE_MS, 10 * SECOND_MS)
    expect(await bench.waiting()).toBe(3)
    clock.set(jump)
    await bench.pass(30 * MINUTE_MS, 10 * SECOND_MS)
    expect(await bench.waiting()).toBe(3)
    tenant.tenant.patch({ smtp: { forcedReplies: { data: null } } })
    // The longest pause between two tries is an hour, give or take a tenth.
    await bench.pass(70 * MINUTE_MS, 20 * SECOND_MS)
    expect(await bench.states()).toEqual({ delivered: 3 })
    expect(countOf(tenant)).toBe(3)
  })

  it.each([
    ['forward', YEAR_MS],
    ['back', -YEAR_MS],
  ])('%s: held mail stays, and leaves when the secret is replaced', async (_name, jump) => {
    await using bench = await startBench('token')
    const { clock, tenant, agent } = bench
    const ended = { [INITIAL.secretKeyId]: { endDateTime: '2020-01-01T00:00:00.000Z' } }
    tenant.tenant.patch({ apps: { [tenant.clientId]: { secrets: ended } } })
    // The token that it has got before ends.
    await bench.pass(2 * HOUR_MS, 10 * MINUTE_MS)
    await bench.accept(5)
    await bench.pass(10 * MINUTE_MS, 10 * SECOND_MS)
    expect(await bench.states()).toEqual({ held: 5 })
    clock.set(jump)
    await bench.pass(2 * HOUR_MS, MINUTE_MS)
    expect(await bench.states()).toEqual({ held: 5 })
    const added = { new: { value: NEW_SECRET, endDateTime: NEVER } }
    tenant.tenant.patch({ apps: { [tenant.clientId]: { secrets: added } } })
    const saved = await agent.call('PUT', 'profiles/default', profileWith(agent, NEW_SECRET), {
      'if-match': '*',
    })
    expect(saved.status, saved.text).toBe(200)
    await bench.pass(2 * MINUTE_MS, 5 * SECOND_MS)
    if (jump > 0) {
      // By this clock every new token has ended long ago: it says so, and waits for the clock.
      expect(await bench.states()).toEqual({ held: 5 })
      const [report] = (await agent.call('GET', 'profiles/default/reports?limit=1')).body.reports
      const { checks } = (await agent.call('GET', `reports/${report.id}`)).body
      expect(JSON.stringify(checks)).toContain('"token_already_ended"')
      clock.set(-jump)
    }
    await bench.pass(70 * MINUTE_MS, 10 * SECOND_MS)
    expect(await bench.states()).toEqual({ delivered: 5 })
    expect(countOf(tenant)).toBe(5)
  })
})
