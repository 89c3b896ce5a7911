import { vi } from 'vitest'
import { createSelfSignedCertificate } from '../../src/entra/index.ts'
import { DAY_MS, HOUR_MS, SECOND_MS, systemClock, toIso } from '../../src/platform/clock.ts'
import { type Rehearsal, type RehearsalNeed, startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { type Answer, startAgent, type TestAgent } from './agent.ts'
import { createMovableClock, type MovableClock } from './movable-clock.ts'

/** What the agent says about a rehearsed failure. */
export interface Meeting {
  /** Outcome of the verifications just before it and when it is over; null where none can show the failure. */
  readonly before: string | null
  readonly after: string | null
  /** The code of the diagnosis. */
  readonly code: string | null
  /** The whole answer, for the message of a failed test. */
  readonly told: unknown
}

/** An agent with a profile of one kind, and its tenant: one rehearsal after the other. */
export interface RehearsalBench extends AsyncDisposable {
  meet(rehearsal: Rehearsal): Promise<Meeting>
}

const SHORT_MS = 2_000
const OUTGOING = {
  httpsTimeoutMs: SHORT_MS,
  smtpTimeouts: {
    connectMs: SHORT_MS,
    greetingMs: SHORT_MS,
    commandMs: SHORT_MS,
    dataMs: SHORT_MS,
  },
}
/** An answer that takes longer waits for the second name of a refused certificate. */
const LONGEST_STEP_MS = 2 * SHORT_MS
const BETWEEN_REFUSALS_MS = 31 * SECOND_MS
const RECIPIENT = 'you@contoso.com'
/** After it a change is spread, every token is old and no pause between requests is left. */
const STEP_MS = 2 * HOUR_MS
const { clientId, mailbox } = INITIAL

export async function startRehearsalBench(needs: RehearsalNeed | null): Promise<RehearsalBench> {
  await using opened = new AsyncDisposableStack()
  // One clock for both sides: what a certificate signs is valid for minutes.
  const clock = createMovableClock()
  const tenant = opened.use(await startSandboxTenant({ clock, seed: longLived(clock) }))
  const config = { outgoing: OUTGOING }
  const agent = opened.use(await startAgent({ tenant, clock, config }))
  const isAboutGraph = needs === 'graph' || needs === 'renewal'
  if (!isAboutGraph) await store(agent, await profileFor(needs, agent, clock))
  const held = opened.move()

  return {
    meet: (rehearsal) =>
      isAboutGraph
        ? meetInRenewal(agent, clock, rehearsal)
        : meetInVerification(agent, clock, rehearsal),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function meetInVerification(
  agent: TestAgent,
  clock: MovableClock,
  rehearsal: Rehearsal,
): Promise<Meeting> {
  const body = rehearsal.needsMessage ? { sendTo: RECIPIENT } : {}
  const verify = async () => {
    clock.pass(STEP_MS)
    await agent.agent.idle()
    const answer = agent.call('POST', 'profiles/default/verify', body)
    if (rehearsal.needs === 'certificate') {
      await Promise.race([answer, systemClock.sleep(LONGEST_STEP_MS)])
      clock.pass(BETWEEN_REFUSALS_MS)
    }
    return mustBe(200, await answer)
  }
  const before = await verify()
  await rehearse(agent, rehearsal)
  const report = await verify()
  agent.tenant.tenant.restore()
  const after = await verify()
  return {
    before: before.outcome,
    code: report.diagnosis?.code ?? null,
    after: after.outcome,
    told: { before, report, after },
  }
}

/** Only the renewal asks Graph: of a new profile, whose secret ends soon. */
async function meetInRenewal(
  agent: TestAgent,
  clock: MovableClock,
  rehearsal: Rehearsal,
): Promise<Meeting> {
  await rehearse(agent, rehearsal)
  const id = rehearsal.code.replaceAll('_', '-')
  const profile = working(agent)
  const credential = {
    type: 'clientSecret',
    value: INITIAL.clientSecret,
    expiresAt: toIso(clock.now() + 10 * DAY_MS),
  }
  const renewal = { enabled: true }
  const authentication = { ...Object(profile['authentication']), credential, renewal }
  await store(agent, { ...profile, id, authentication })
  // Its next turn comes by the clock.
  clock.pass(STEP_MS)
  const told = await vi.waitFor(async () => {
    const credentials = mustBe(200, await agent.call('GET', `profiles/${id}/credential`))
    if (credentials.renewal?.error == null) throw new Error(JSON.stringify(credentials))
    return credentials
  }, 30_000)
  return { before: null, code: told.renewal.error, after: null, told }
}

/** Hundreds of steps must not reach the end of the secret. */
function longLived(clock: MovableClock): unknown {
  const secret = { endDateTime: toIso(clock.now() + 365 * DAY_MS) }
  return { apps: { [clientId]: { secrets: { [INITIAL.secretKeyId]: secret } } } }
}

/** As an operator picks it: through the control API of the tenant. */
async function rehearse({ tenant }: TestAgent, { code }: Rehearsal): Promise<void> {
  const answer = await fetch(`${tenant.controlUrl}/rehearsals/${code}`, { method: 'POST' })
  if (answer.status !== 200) throw new Error(await answer.text())
}

async function profileFor(
  needs: RehearsalNeed | null,
  agent: TestAgent,
  clock: MovableClock,
): Promise<Record<string, unknown>> {
  const profile = working(agent)
  const exchangeOnline = Object(profile['authentication'])
  const { tenant } = agent.tenant
  switch (needs) {
    case 'basic': {
      const password = INITIAL.mailboxPassword
      return { ...profile, authentication: { type: 'basic', username: mailbox, password } }
    }
    case 'applicationRbac':
      tenant.settle({
        apps: { [clientId]: { exchangeRoles: [] } },
        exchange: { rbac: { [clientId]: { members: [mailbox] } } },
      })
      return { ...profile, authentication: { ...exchangeOnline, applicationRbac: true } }
    case 'certificate': {
      const options = { commonName: 'postern', days: 90, keyBits: 2048, clock } as const
      const { certificate, privateKey } = await createSelfSignedCertificate(options)
      tenant.settle({ apps: { [clientId]: { certificates: { first: { certificate } } } } })
      const credential = { type: 'certificate', certificate, privateKey: privateKey.reveal() }
      return { ...profile, authentication: { ...exchangeOnline, credential } }
    }
    default:
      return profile
  }
}

/** Without an address for alerts: their mails would be tried at the broken tenant as well. */
function working(agent: TestAgent): Record<string, unknown> {
  const { errorEmailAddress: _, ...profile } = agent.profile()
  return profile
}

async function store(agent: TestAgent, profile: Record<string, unknown>): Promise<void> {
  mustBe(201, await agent.call('POST', 'profiles', profile))
  await agent.agent.idle()
}

function mustBe(status: number, answer: Answer): Answer['body'] {
  if (answer.status !== status) throw new Error(answer.text)
  return answer.body
}
