import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { startAgent, type TestAgent } from '../../support/agent.ts'
import { createMovableClock, type MovableClock } from '../../support/movable-clock.ts'
import { entraFailure, noToken, startBench } from './fakes.ts'

const SECRET_ID = '58e2a9c4-0f7b-4163-8d95-b6c1e3f4a720'
const { clientId, mailbox } = INITIAL

describe('a stored secret that has the form of an ID', () => {
  it.each([SECRET_ID, `{${SECRET_ID.toUpperCase()}}`])('%s is said to be one', async (value) => {
    await using bench = await startBench()
    bench.profiles.secret = new Secret(value)
    bench.tokens.script = () => noToken(entraFailure(7000215, 'Invalid client secret provided.'))
    const { diagnosis } = await bench.verification.verify('default', { reason: 'requested' })
    expect(diagnosis?.code).toBe('secret_wrong')
    expect(diagnosis?.summary).toContain('looks like the Secret ID')
  })

  it('is not suspected of a secret that looks like one', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => noToken(entraFailure(7000215, 'Invalid client secret provided.'))
    const { diagnosis } = await bench.verification.verify('default', { reason: 'requested' })
    expect(diagnosis?.summary).toBe('Microsoft Entra does not accept the client secret.')
  })
})

describe('what Graph said, at the simulated tenant', () => {
  let clock: MovableClock
  let tenant: SandboxTenant
  let agent: TestAgent
  beforeEach(async () => {
    clock = createMovableClock()
    tenant = await startSandboxTenant({ clock })
    agent = await startAgent({ tenant, clock })
    tenant.tenant.patch({ apps: { [clientId]: { graphRoles: ['Application.Read.All'] } } })
  })
  afterEach(async () => {
    await agent[Symbol.asyncDispose]()
    await tenant[Symbol.asyncDispose]()
  })

  async function store(): Promise<void> {
    const { status, text } = await agent.call('POST', 'profiles', agent.profile())
    expect(status, text).toBe(201)
    await agent.agent.idle()
  }

  /** Graph is asked by the clock, a profile at each minute. */
  async function graphAnswers(since = 0): Promise<void> {
    clock.pass(MINUTE_MS)
    await vi.waitFor(async () => {
      const { body } = await agent.call('GET', 'profiles/default/credential')
      expect(body.graph?.state).toBe('read')
      expect(globalThis.Date.parse(body.graph.checkedAt)).toBeGreaterThanOrEqual(since)
    }, 30_000)
  }

  it('names the ID that was copied instead of that of the enterprise application', async () => {
    const { objectId } = tenant.tenant.state().apps[clientId] ?? {}
    const wrong = { [clientId]: { objectId } }
    tenant.tenant.patch({ exchange: { servicePrincipals: wrong } })
    await store()
    await graphAnswers()
    clock.pass(3 * HOUR_MS)
    const { body } = await agent.call('POST', 'profiles/default/verify', {})
    expect(body.diagnosis).toMatchObject({ code: 'service_principal_not_accepted' })
    expect(body.diagnosis.answer.text).toContain('535 5.7.3')
    expect(body.diagnosis.remedy).toContain(`shows ${objectId}`)
    const test = await agent.call('POST', 'profiles/default/test-email', { to: mailbox })
    expect(test.body.diagnosis.likelyCauses).toEqual(body.diagnosis.likelyCauses)
    expect(test.body.diagnosis.likelyCauses[1]).toContain(`created with ${objectId}`)
  })

  it.each([
    ['q7G8Q~not-the-value-that-entra-has-made', 'was copied incompletely'],
    ['Zzz8Q~not-the-value-that-entra-has-made', 'belongs to another app registration'],
  ])('of a new secret %s that is refused: it %s', async (value, words) => {
    await store()
    await graphAnswers()
    const credential = { type: 'clientSecret', value, expiresAt: null }
    const staging = agent.call('PUT', 'profiles/default/credential', { credential })
    const staged = await vi.waitFor(async () => {
      const { body } = await agent.call('GET', 'profiles/default/credential')
      expect(body.proof?.diagnosis?.code).toBe('secret_wrong')
      return body
    }, 30_000)
    // The former one works: that says nothing about the new one, which may still be spreading.
    expect(staged.proof.diagnosis.cause).not.toContain('It worked until')
    expect(staged.proof.diagnosis.waitingUntil).toMatch(/Z$/)
    await graphAnswers(clock.now())
    clock.pass(11 * MINUTE_MS)
    await vi.waitFor(async () => {
      const { body } = await agent.call('GET', 'alerts?state=open')
      const refused = body.alerts.find(
        ({ kind }: { kind: string }) => kind === 'credentialReplacement',
      )
      expect(refused?.diagnosis.likelyCauses[0]).toContain(words)
    }, 30_000)
    expect([202, 422]).toContain((await staging).status)
  })
})
