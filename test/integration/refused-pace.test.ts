import { describe, expect, it } from 'vitest'
import { createSelfSignedCertificate } from '../../src/entra/index.ts'
import { DAY_MS, MINUTE_MS, SECOND_MS, toIso } from '../../src/platform/clock.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { type Answer, startAgent, type TestAgent } from '../support/agent.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'

const LEAST_MS = 30 * SECOND_MS
/** Clocks are read at both ends of a connection. */
const TOLERANCE_MS = 50
const STEP_MS = 5 * SECOND_MS
/** Minutes pass here while bytes are on their way, and those take real time: no answer is too late. */
const outgoing = {
  httpsTimeoutMs: DAY_MS,
  smtpTimeouts: { connectMs: DAY_MS, greetingMs: DAY_MS, commandMs: DAY_MS, dataMs: DAY_MS },
}
const WRONG = 'Xyz8Q~a-secret-that-entra-does-not-know-1'

interface Bench extends AsyncDisposable {
  readonly agent: TestAgent
  readonly clock: MovableClock
  /** When each token request came, from the first refusal on. */
  readonly requests: readonly number[]
  /** Half an hour in which everybody wants tokens. `also`: at each full minute. */
  pass(also?: (minute: number) => Promise<unknown> | undefined): Promise<void>
  /** Lets time pass until the work is done. */
  until<T>(work: Promise<T>): Promise<T>
}

async function startBench(): Promise<Bench> {
  await using opened = new AsyncDisposableStack()
  const clock = createMovableClock()
  const tenant = opened.use(await startSandboxTenant({ clock }))
  const agent = opened.use(await startAgent({ tenant, clock, config: { outgoing } }))
  const requests: number[] = []
  observe(tenant.tenant.counters, () => requests.push(clock.now()))
  const held = opened.move()

  async function step(ms = STEP_MS): Promise<void> {
    clock.pass(ms)
    for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate)
  }

  return {
    agent,
    clock,
    requests,
    async pass(also = () => undefined) {
      const asked = new Set<Promise<unknown>>()
      const ask = (work: Promise<unknown> | undefined) => {
        if (work === undefined) return
        const over = work.finally(() => asked.delete(over))
        asked.add(over)
      }
      for (let passed = 0; passed < 30 * MINUTE_MS; passed += STEP_MS) {
        if (passed % MINUTE_MS === 0) ask(also(passed / MINUTE_MS))
        if (passed % (20 * SECOND_MS) === 0) {
          ask(agent.call('POST', 'profiles/default/verify', {}))
          ask(agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' }))
        }
        await step()
      }
      while (asked.size > 0) await step()
    },
    async until(work) {
      let isDone = false
      const over = work.finally(() => {
        isDone = true
      })
      // Small steps: the run as a whole has a limit, too.
      while (!isDone) await step(SECOND_MS / 4)
      return over
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Told of each token request as it comes. */
function observe(counters: { tokenRequests: number }, tell: () => void): void {
  let count = counters.tokenRequests
  Object.defineProperty(counters, 'tokenRequests', {
    get: () => count,
    set(next: number) {
      if (next > count) tell()
      count = next
    },
  })
}

function expectDistance(requests: readonly number[], least: number): void {
  const gaps = requests.slice(1).map((at, index) => at - (requests[index] ?? 0))
  expect(gaps.filter((gap) => gap < LEAST_MS - TOLERANCE_MS)).toEqual([])
  // It is asked, though: somebody may have corrected it.
  expect(gaps.length).toBeGreaterThan(least)
}

function renewing(agent: TestAgent, credential: object): Record<string, unknown> {
  const profile = agent.profile()
  const authentication = {
    ...Object(profile['authentication']),
    credential,
    renewal: { enabled: true },
  }
  return { ...profile, authentication }
}

async function create(agent: TestAgent, input: Record<string, unknown>): Promise<Answer> {
  const answer = await agent.call('POST', 'profiles', input)
  expect(answer.status, answer.text).toBe(201)
  return answer
}

describe('While Entra refuses an application, it is asked at most every 30 s', () => {
  it('for a client secret that is wrong', async () => {
    await using bench = await startBench()
    const { agent, clock, requests } = bench
    const expiresAt = toIso(clock.now() + 10 * DAY_MS)
    await create(agent, renewing(agent, { type: 'clientSecret', value: WRONG, expiresAt }))
    await bench.pass()
    expectDistance(requests, 40)
  })

  it('for a certificate that is not registered, in either of its forms', async () => {
    await using bench = await startBench()
    const { agent, clock, requests } = bench
    const options = { commonName: 'postern', days: 10, keyBits: 2048, clock } as const
    const { certificate, privateKey } = await createSelfSignedCertificate(options)
    const credential = { type: 'certificate', certificate, privateKey: privateKey.reveal() }
    await create(agent, renewing(agent, credential))
    await bench.pass()
    expectDistance(requests, 40)
  })

  it('for new secrets that are being proven beside one that works', async () => {
    await using bench = await startBench()
    const { agent, clock, requests } = bench
    const { clientId, clientSecret, tenant } = agent.tenant
    // What Postern adds by itself does not begin to work.
    tenant.patch({
      apps: { [clientId]: { graphRoles: ['Application.ReadWrite.OwnedBy'] } },
      graph: { replicationSeconds: 7_200 },
    })
    const expiresAt = toIso(clock.now() + 10 * DAY_MS)
    await create(agent, renewing(agent, { type: 'clientSecret', value: clientSecret, expiresAt }))
    // Tokens of what works come first.
    await expect
      .poll(
        async () => (await agent.call('GET', 'profiles/default/credential')).body.proof?.state,
        {
          timeout: 20_000,
        },
      )
      .toBe('waiting')
    const before = requests.length - 1
    await bench.pass((minute) => {
      if (minute !== 15) return undefined
      const credential = { type: 'clientSecret', value: WRONG, expiresAt }
      return agent.call('PUT', 'profiles/default/credential', { credential })
    })
    expectDistance(requests.slice(before), 40)
    const { credentials } = (await agent.call('GET', 'profiles/default/credential')).body
    expect(credentials).toMatchObject([{ state: 'active' }])
  })

  it('for the secret in use and the one to fall back to', async () => {
    await using bench = await startBench()
    const { agent, clock, requests } = bench
    const { clientId, tenant } = agent.tenant
    const newKey = 'aaaaaaaa-0000-4000-8000-000000000001'
    const endDateTime = toIso(clock.now() + 100 * DAY_MS)
    tenant.patch({
      apps: { [clientId]: { secrets: { [newKey]: { value: WRONG, endDateTime } } } },
    })
    await create(agent, agent.profile())
    const credential = { type: 'clientSecret', value: WRONG, expiresAt: endDateTime }
    const put = await agent.call('PUT', 'profiles/default/credential', { credential })
    expect(put.status, put.text).toBe(200)
    await agent.agent.idle()
    const before = requests.length
    const { secrets = {} } = tenant.state().apps[clientId] ?? {}
    const gone = Object.fromEntries(Object.keys(secrets).map((keyId) => [keyId, null]))
    tenant.patch({ apps: { [clientId]: { secrets: gone } } })
    await bench.pass()
    expectDistance(requests.slice(before), 40)
  })

  it('however often a wrong secret is entered', async () => {
    await using bench = await startBench()
    const { agent, clock, requests } = bench
    const expiresAt = toIso(clock.now() + 300 * DAY_MS)
    const wrong = (i: number) =>
      renewing(agent, { type: 'clientSecret', value: WRONG.slice(0, -1) + i, expiresAt })
    await create(agent, wrong(0))
    for (let i = 1; i <= 8; i++) {
      const answer = agent.call('PUT', 'profiles/default', wrong(i), { 'if-match': '*' })
      expect((await bench.until(answer)).status).toBe(200)
    }
    await bench.until(agent.agent.idle())
    // The first secret and the last; those between may be replaced before their turn comes.
    expectDistance(requests, 0)
  })
})

it('Wrong secrets of an application are told as such, and its healthy profile stays healthy', async () => {
  await using bench = await startBench()
  const { agent, clock, requests } = bench
  const { clientSecret } = agent.tenant
  const expiresAt = toIso(clock.now() + 300 * DAY_MS)
  const bad = ['bad1', 'bad2', 'bad3', 'bad4']
  for (const id of ['good', ...bad]) {
    const value = id === 'good' ? clientSecret : WRONG.slice(0, -1) + id.at(-1)
    const input = renewing(agent, { type: 'clientSecret', value, expiresAt })
    await bench.until(create(agent, { ...input, id, name: undefined }))
  }
  await bench.until(agent.agent.idle())
  const verify = (id: string) => agent.call('POST', `profiles/${id}/verify`, {})
  const answers = await bench.until(Promise.all([...bad, 'good'].map(verify)))
  expect(answers.map(({ body }) => body.diagnosis?.code ?? body.outcome)).toEqual([
    'secret_wrong',
    'secret_wrong',
    'secret_wrong',
    'secret_wrong',
    'ok',
  ])
  expectDistance(requests.slice(1), 4)
})
