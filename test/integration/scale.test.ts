import { expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { temporaryFolder } from '../support/folder.ts'

const PROFILES = 100
const CONCURRENCY = 4

const ids = Array.from({ length: PROFILES }, (_, i) => `site-${String(i).padStart(3, '0')}`)

function clientIdOf(index: number): string {
  return `aaaaaaaa-0000-4000-8000-${String(index).padStart(12, '0')}`
}

/** A tenant with an application of its own for each profile; all of them send from one mailbox. */
function startTenant() {
  const each = <Value>(value: (index: number) => Value) =>
    Object.fromEntries(ids.map((_, i) => [clientIdOf(i), value(i)]))
  const objectId = (index: number) => `bbbbbbbb-0000-4000-8000-${String(index).padStart(12, '0')}`
  return startSandboxTenant({
    clock: systemClock,
    seed: {
      apps: each((i) => ({
        objectId: INITIAL.applicationObjectId,
        secrets: { main: { value: secretOf(i), endDateTime: '2099-01-01T00:00:00Z' } },
        servicePrincipal: { objectId: objectId(i) },
        exchangeRoles: ['SMTP.SendAsApp'],
      })),
      exchange: { servicePrincipals: each((i) => ({ objectId: objectId(i) })) },
    },
  })
}

function secretOf(index: number): string {
  return `s3cR~number-${index}-of-this-organisation`
}

async function healths(agent: TestAgent): Promise<string[]> {
  const { profiles } = (await agent.call('GET', 'status')).body
  return profiles.map(({ health }: { health: string }) => health)
}

it('verifies a hundred profiles with few connections at once and one token request each', async () => {
  using folder = temporaryFolder()
  await using tenant = await startTenant()
  const { counters } = tenant.tenant
  const verification = {
    concurrency: CONCURRENCY,
    timeoutMs: 60_000,
    retentionDays: 30,
    reportsPerProfile: 500,
  }
  {
    const config = { verification: { ...verification, schedule: '*/15 * * * *' } }
    await using agent = await startAgent({ tenant, folder, config })
    const stored = ids.map((id, i) => {
      const profile = agent.profile({ id })
      const authentication = Object.assign({}, profile['authentication'], {
        clientId: clientIdOf(i),
        credential: { type: 'clientSecret', value: secretOf(i), expiresAt: '2099-01-01' },
      })
      return agent.call('POST', 'profiles', { ...profile, authentication })
    })
    for (const answer of await Promise.all(stored)) expect(answer.status, answer.text).toBe(201)
    await agent.agent.idle()
    expect(await healths(agent)).toEqual(ids.map(() => 'ok'))
    expect(counters.tokenRequests).toBe(PROFILES)
    expect(counters.smtpConnections).toBe(PROFILES)
    expect(counters.smtpMaxOpenConnections).toBeLessThanOrEqual(CONCURRENCY)
  }

  tenant.tenant.reset()
  // Every second, so that all are due at the start and a sweep is spread over a second.
  const config = { verification: { ...verification, schedule: '* * * * * *' } }
  await using agent = await startAgent({ tenant, folder, config })
  await expect
    .poll(
      async () => {
        const { reports } = (await agent.call('GET', `profiles/${ids.at(-1)}/reports`)).body
        const { body } = await agent.call('GET', `profiles/${ids[0]}/reports`)
        return Math.min(reports.length, body.reports.length)
      },
      { timeout: 25_000 },
    )
    .toBeGreaterThanOrEqual(3)
  await agent.agent.idle()
  expect(await healths(agent)).toEqual(ids.map(() => 'ok'))
  // Several sweeps by now: within a minute one question to Entra is enough for each application.
  expect(counters.smtpConnections).toBeGreaterThanOrEqual(2 * PROFILES)
  expect(counters.tokenRequests).toBe(PROFILES)
  expect(counters.smtpMaxOpenConnections).toBeLessThanOrEqual(CONCURRENCY)
  expect(counters.smtpOpenConnections).toBe(0)
})
