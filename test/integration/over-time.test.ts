import { expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock, toIsoDay } from '../../src/platform/clock.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { readMail } from '../support/mail.ts'
import { createMovableClock, overPauses } from '../support/movable-clock.ts'

/** An agent whose clock can be moved; the tenant has the machine's. */
async function startMovable(options: { tenantMovesToo?: boolean; offsetMs?: number } = {}) {
  await using opened = new AsyncDisposableStack()
  const clock = createMovableClock(options.offsetMs)
  const tenant = options.tenantMovesToo
    ? opened.use(await startSandboxTenant({ clock }))
    : undefined
  const agent = opened.use(await startAgent({ clock, ...(tenant && { tenant }) }))
  const held = opened.move()
  return { clock, agent, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function create(agent: TestAgent, profile = agent.profile()): Promise<void> {
  const answer = await agent.call('POST', 'profiles', profile)
  expect(answer.status, answer.text).toBe(201)
  await agent.agent.idle()
}

/** The working profile with another end of its secret. */
function ending(agent: TestAgent, expiresAt: string | null) {
  const profile = agent.profile()
  const credential = { type: 'clientSecret', value: agent.tenant.clientSecret, expiresAt }
  return {
    ...profile,
    authentication: Object.assign({}, profile['authentication'], { credential }),
  }
}

async function verify(agent: TestAgent) {
  const answer = await agent.call('POST', 'profiles/default/verify', {})
  expect(answer.status, answer.text).toBe(200)
  await agent.agent.idle()
  return answer.body
}

async function statusOf(agent: TestAgent) {
  return (await agent.call('GET', 'status')).body
}

function subjects(agent: TestAgent): string[] {
  return agent.tenant.tenant.inbox.list().map(({ raw }) => readMail(raw).subject)
}

it('reminds once at each threshold while the days pass, and starts anew with a new secret', async () => {
  // At noon, so that days by the calendar and by the clock agree.
  const offsetMs = DAY_MS / 2 - (systemClock.now() % DAY_MS)
  await using movable = await startMovable({ tenantMovesToo: true, offsetMs })
  const { agent, clock } = movable
  const { tenant } = agent.tenant
  // Microsoft's own end is later: only what was typed in counts down here.
  const [keyId = ''] = Object.keys(tenant.state().apps[agent.tenant.clientId]?.secrets ?? {})
  const endDateTime = '2099-01-01T00:00:00Z'
  tenant.patch({ apps: { [agent.tenant.clientId]: { secrets: { [keyId]: { endDateTime } } } } })
  await create(agent, ending(agent, toIsoDay(clock.now() + 32 * DAY_MS)))

  // Time passes only while no mail is on its way, which would time out.
  const pass = async (ms: number) => {
    await agent.agent.idle()
    clock.pass(ms)
  }
  for (let left = 31; left >= -2; left--) {
    const before = subjects(agent).length
    await pass(DAY_MS)
    // The last day belongs to the secret: it has ended on the day after.
    if (![30, 14, 7, 3, 1, -1].includes(left)) continue
    // Whoever was just looking when the day passed looks again within the hour.
    const told = async () => {
      await agent.agent.idle()
      const { length } = subjects(agent)
      if (length === before) await pass(MINUTE_MS)
      return length
    }
    await expect.poll(told, { interval: 20 }).toBe(before + 1)
    expect(subjects(agent).at(-1)).toMatch(left < 0 ? /ended/ : new RegExp(`in ${left} days?,`))
  }
  expect(subjects(agent)).toHaveLength(6)

  const renewed = ending(agent, toIsoDay(clock.now() + 20 * DAY_MS))
  await agent.call('PUT', 'profiles/default', renewed, { 'if-match': '*' })
  await agent.agent.idle()
  const { alerts } = (await agent.call('GET', 'alerts?state=open')).body
  expect(alerts).toMatchObject([{ kind: 'credentialExpiring', severity: 'warning' }])
  expect(alerts[0].summary).toContain('in 20 days')
})

it('keeps an alert that cannot be mailed, shows it as undelivered, and sends it when the path works', async () => {
  await using movable = await startMovable()
  const { agent, clock } = movable
  const { tenant } = agent.tenant
  await create(agent)
  tenant.patch({ smtp: { fault: 'refuse' } })
  await verify(agent)
  await verify(agent)
  await agent.call('PUT', 'profiles/default', ending(agent, toIsoDay(clock.now() + 5 * DAY_MS)), {
    'if-match': '*',
  })
  await agent.agent.idle()
  expect((await statusOf(agent)).profiles[0]).toMatchObject({
    health: 'failing',
    openAlerts: 2,
    undeliveredAlerts: 2,
    independentAlertPath: false,
  })
  const open = (await agent.call('GET', 'alerts?state=open')).body.alerts
  for (const { notification } of open) {
    expect(notification).toMatchObject({ state: 'pending', recipient: 'it@contoso.com' })
  }
  expect(subjects(agent)).toEqual([])

  tenant.patch({ smtp: { fault: 'none' } })
  await verify(agent)
  await agent.agent.idle()
  // Nobody could be told of the outage: one mail tells that it was and that it is over. The secret still ends.
  expect(subjects(agent).toSorted()).toEqual([
    expect.stringMatching(/^\[Process\] Resolved: /),
    expect.stringContaining('in 5 days'),
  ])
  expect((await statusOf(agent)).profiles[0]).toMatchObject({ openAlerts: 1, undeliveredAlerts: 0 })
})

it('tells one problem of its own network instead of one for each profile', async () => {
  await using movable = await startMovable()
  const { agent } = movable
  for (const id of ['alpha', 'beta', 'gamma']) await create(agent, agent.profile({ id }))
  agent.tenant.tenant.patch({ entra: { fault: 'refuse' }, smtp: { fault: 'refuse' } })
  const verifyAll = async () => {
    for (const id of ['alpha', 'beta', 'gamma']) {
      await agent.call('POST', `profiles/${id}/verify`, {})
    }
    await agent.agent.idle()
  }
  await verifyAll()
  await verifyAll()
  const { alerts } = (await agent.call('GET', 'alerts?state=open')).body
  expect(alerts).toMatchObject([{ kind: 'network', profileId: null }])
  expect(await statusOf(agent)).toMatchObject({
    status: 'failing',
    problems: [alerts[0].summary],
    openAlerts: 1,
  })

  agent.tenant.tenant.patch({ entra: { fault: 'none' }, smtp: { fault: 'none' } })
  await verifyAll()
  expect((await agent.call('GET', 'alerts?state=open')).body.alerts).toEqual([])
  expect(await statusOf(agent)).toMatchObject({ status: 'ok', problems: [] })
})

it('asks Entra no more before the time is over that Retry-After names', async () => {
  await using movable = await startMovable()
  const { agent, clock } = movable
  const { tenant } = agent.tenant
  await create(agent)
  tenant.patch({ entra: { fault: 'throttled', retryAfterSeconds: 240 } })
  await verify(agent)
  const asked = tenant.counters.tokenRequests
  const again = await verify(agent)
  expect(again.diagnosis).toMatchObject({ code: 'entra_throttled', retry: 'transient' })
  expect(again.diagnosis.retryAfterMs).toBeGreaterThan(200_000)
  expect(tenant.counters.tokenRequests).toBe(asked)

  tenant.patch({ entra: { fault: 'none' } })
  clock.pass(241_000)
  expect((await verify(agent)).outcome).toBe('ok')
})

it('waits for Microsoft to spread a change before it calls a just saved profile broken', async () => {
  await using movable = await startMovable({ tenantMovesToo: true })
  const { agent, clock } = movable
  agent.tenant.tenant.patch({ exchange: { servicePrincipals: { [agent.tenant.clientId]: null } } })
  await create(agent)
  const [shown] = (await statusOf(agent)).profiles
  expect(shown).toMatchObject({ health: 'warning', openAlerts: 0 })
  expect(shown.problem.remedy).toMatch(/^The settings were changed a short time ago: waiting for/)

  clock.pass(3 * HOUR_MS)
  const report = await verify(agent)
  expect(report.diagnosis).toMatchObject({ code: 'service_principal_not_accepted', retry: 'never' })
  expect(report.diagnosis.remedy).toMatch(/^The Exchange administrator adds/)
  expect((await statusOf(agent)).profiles[0]).toMatchObject({ health: 'failing', openAlerts: 1 })
})

it('believes Entra that the secret has ended, until Entra says otherwise or a new one is entered', async () => {
  await using movable = await startMovable()
  const { agent, clock } = movable
  const { tenant } = agent.tenant
  const [keyId = ''] = Object.keys(tenant.state().apps[agent.tenant.clientId]?.secrets ?? {})
  const secret = (change: unknown) =>
    tenant.patch({ apps: { [agent.tenant.clientId]: { secrets: { [keyId]: change } } } })
  await create(agent)
  secret({ endDateTime: '2020-01-01T00:00:00Z' })
  await overPauses(clock, verify(agent))
  const [ended] = (await statusOf(agent)).profiles
  expect(ended.credential.expirySource).toBe('proven')
  expect(ended.credential.daysLeft).toBeLessThanOrEqual(0)
  const { alerts } = (await agent.call('GET', 'alerts?state=open')).body
  expect(alerts).toMatchObject([{ kind: 'credentialEnded', severity: 'critical' }])

  secret({ endDateTime: '2099-01-01T00:00:00Z' })
  clock.pass(10 * MINUTE_MS)
  expect((await overPauses(clock, verify(agent))).outcome).not.toBe('failed')
  expect((await overPauses(clock, verify(agent))).outcome).toBe('ok')
  expect((await statusOf(agent)).profiles[0]).toMatchObject({ health: 'ok', openAlerts: 0 })

  secret({ value: 'a~brand-new-secret-of-the-application' })
  clock.pass(10 * MINUTE_MS)
  expect((await overPauses(clock, verify(agent))).diagnosis.code).toBe('secret_wrong')
  const profile = ending(agent, '2099-01-01')
  const value = 'a~brand-new-secret-of-the-application'
  const credential = { type: 'clientSecret', value, expiresAt: '2099-01-01' }
  Object.assign(profile.authentication, { credential })
  await agent.call('PUT', 'profiles/default', profile, { 'if-match': '*' })
  await overPauses(clock, agent.agent.idle())
  expect(await statusOf(agent)).toMatchObject({ status: 'ok', profiles: [{ openAlerts: 0 }] })
})

it('says that the clock is wrong when it is hours ahead, and works when it is right again', async () => {
  await using movable = await startMovable()
  const { agent, clock } = movable
  await create(agent)
  clock.set(5 * HOUR_MS)
  const report = await verify(agent)
  expect(report.diagnosis).toMatchObject({ code: 'token_already_ended', responsible: 'operator' })
  expect(report.diagnosis.cause).toContain('clock')

  clock.set(-5 * HOUR_MS)
  expect((await verify(agent)).outcome).toBe('ok')
  const sent = await agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' })
  expect(sent.status).toBe(200)
})

it('works with a clock that is hours behind, and goes on when it is corrected', async () => {
  await using movable = await startMovable()
  const { agent, clock } = movable
  clock.set(-5 * HOUR_MS)
  await create(agent)
  expect((await statusOf(agent)).profiles[0].health).toBe('ok')
  clock.set(5 * HOUR_MS)
  expect((await verify(agent)).outcome).toBe('ok')
  const { reports } = (await agent.call('GET', 'profiles/default/reports')).body
  expect(reports).toHaveLength(2)
})

it('gets a new token after hours of sleep of the machine', async () => {
  await using movable = await startMovable({ tenantMovesToo: true })
  const { agent, clock } = movable
  await create(agent)
  const { tokensIssued } = agent.tenant.tenant.counters
  clock.set(9 * HOUR_MS)
  const sent = await agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' })
  expect(sent.status, sent.text).toBe(200)
  expect(agent.tenant.tenant.counters.tokensIssued).toBe(tokensIssued + 1)
})
