import type { Config } from '../../src/config/index.ts'
import { HOUR_MS, systemClock } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { type Answer, startAgent, type TestAgent } from '../support/agent.ts'
import { type ReadMail, readMail } from '../support/mail.ts'
import { createMovableClock, overPauses } from '../support/movable-clock.ts'

/** A second organisation whose server always works: its profile carries the alerts of the broken one. */
export interface Carrier extends AsyncDisposable {
  readonly tenant: SandboxTenant
  /** The next alert mail for this address. */
  mailTo(address: string): Promise<ReadMail>
}

/** Shared with nothing that breaks. */
const CARRIER_MAILBOX = 'gate@fabrikam.com'

export async function startCarrier(): Promise<Carrier> {
  const seed = {
    limits: { connections: 100, messagesPerMinute: 10_000 },
    mailboxes: {
      [CARRIER_MAILBOX]: { fullAccess: { [INITIAL.clientId]: '2020-01-01T00:00:00Z' } },
    },
  }
  const tenant = await startSandboxTenant({ clock: systemClock, seed })
  // As in startAgent: an end that Graph tells would be mailed, too.
  tenant.tenant.patch({ apps: { [tenant.clientId]: { graphRoles: [] } } })
  return {
    tenant,
    async mailTo(address) {
      const wait = AbortSignal.timeout(60_000)
      const found = await tenant.tenant.inbox.waitFor((m) => m.envelope.to.includes(address), wait)
      return readMail(found.raw)
    },
    [Symbol.asyncDispose]: () => tenant[Symbol.asyncDispose](),
  }
}

export interface BrokenTenant extends AsyncDisposable {
  readonly agent: TestAgent
  readonly tenant: SandboxTenant
  /** Where the alerts of the profile `default` go. */
  readonly errorAddress: string
  /** Runs every check now and waits until all that follows from it is done. */
  verify(sendTo?: string): Promise<Answer['body']>
  /** The one open alert of the profile; undefined when there is none. */
  openAlert(): Promise<Answer['body']>
  /** Of the profile, as dashboards see it. */
  status(): Promise<Answer['body']>
  /** Time passes, so that pauses between requests are over. */
  passTime(ms: number): void
  /** A test email, whatever pauses it has to wait for. */
  testEmail(to: string): Promise<Answer>
}

export interface BrokenTenantOptions {
  carrier: Carrier
  /** A merge patch on the tenant, applied when the profile has worked. */
  patch: unknown
  /** Makes the stored profile from one that works. */
  profile?: ((working: Record<string, unknown>) => Record<string, unknown>) | undefined
  /** Applied before the profile is stored. */
  seed?: unknown
  config?: Partial<Config> | undefined
}

let created = 0

/**
 * An agent with a profile that worked three hours ago, so that no change is being spread any more, at a tenant that is
 * broken now; and beside it a working profile that reports to the same address.
 */
export async function startBrokenTenant(options: BrokenTenantOptions): Promise<BrokenTenant> {
  const { carrier, patch, profile = (working) => working, seed = {}, config = {} } = options
  await using opened = new AsyncDisposableStack()
  const tenant = opened.use(await startSandboxTenant({ clock: systemClock, seed }))
  const clock = createMovableClock(-3 * HOUR_MS)
  const agent = opened.use(
    await startAgent({
      tenant,
      clock,
      config: { extraCaPem: `${tenant.caPem}\n${carrier.tenant.caPem}`, ...config },
    }),
  )
  const errorAddress = `it-${++created}@contoso.com`
  await mustCreate(agent, { ...carrierProfile(carrier.tenant), errorEmailAddress: errorAddress })
  await mustCreate(agent, profile(agent.profile({ errorEmailAddress: errorAddress })))
  await agent.agent.idle()
  clock.pass(3 * HOUR_MS)
  tenant.tenant.patch(patch)
  const held = opened.move()

  return {
    agent,
    tenant,
    errorAddress,
    async verify(sendTo) {
      const body = sendTo === undefined ? {} : { sendTo }
      const answer = await agent.call('POST', 'profiles/default/verify', body)
      if (answer.status !== 200) throw new Error(answer.text)
      await agent.agent.idle()
      return answer.body
    },
    async openAlert() {
      const answer = await agent.call('GET', 'alerts?state=open&profileId=default')
      if (answer.body.alerts.length > 1) throw new Error(answer.text)
      return answer.body.alerts[0]
    },
    async status() {
      const answer = await agent.call('GET', 'status')
      return answer.body.profiles.find((each: { id: string }) => each.id === 'default')
    },
    passTime: (ms) => clock.pass(ms),
    testEmail: (to) => overPauses(clock, agent.call('POST', 'profiles/default/test-email', { to })),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function mustCreate(agent: TestAgent, profile: Record<string, unknown>): Promise<void> {
  const answer = await agent.call('POST', 'profiles', profile)
  if (answer.status !== 201) throw new Error(answer.text)
}

function carrierProfile(tenant: SandboxTenant): Record<string, unknown> {
  return {
    id: 'carrier',
    senderDisplayName: 'Carrier',
    senderEmailAddress: CARRIER_MAILBOX,
    server: { host: tenant.smtp.host, port: tenant.smtp.port, security: 'starttls' },
    authentication: {
      type: 'exchangeOnline',
      cloud: 'custom',
      authority: tenant.authority,
      scope: tenant.exchangeScope,
      graphUrl: tenant.graphUrl,
      // By its domain: an application of its own for the agent, however broken the other tenant is.
      tenantId: tenant.tenant.state().tenant.domain,
      clientId: tenant.clientId,
      credential: { type: 'clientSecret', value: tenant.clientSecret },
    },
  }
}
