import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSelfSignedCertificate } from '../../../src/entra/index.ts'
import { DAY_MS, MINUTE_MS, systemClock, toIso, toIsoDay } from '../../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { createMovableClock, overPauses } from '../../support/movable-clock.ts'
import { ALICE } from '../profiles/harness.ts'
import {
  benchProfile,
  createTenantBench,
  NEW_SECRET,
  setSecret,
  type TenantBench,
} from './tenant-bench.ts'

const NEW_KEY = 'aaaaaaaa-0000-4000-8000-000000000001'
const LONG_AGO = '2020-01-01T00:00:00Z'
const END = '2099-01-01T00:00:00Z'
const MESSAGE = {
  from: { name: 'Alerts', address: INITIAL.mailbox },
  to: ['it@contoso.com'],
  subject: 'hello',
  text: 'hello',
  html: '<p>hello</p>',
  date: systemClock.now(),
}

const clock = createMovableClock()
let sandbox: SandboxTenant
beforeAll(async () => {
  sandbox = await startSandboxTenant({ clock })
})
afterAll(() => sandbox[Symbol.asyncDispose]())
beforeEach(() => sandbox.tenant.reset())

const authenticationOf = (input: Record<string, unknown>) => {
  const given = input['authentication']
  return typeof given === 'object' ? given : {}
}
const states = ({ rig }: TenantBench) =>
  rig.profiles.credentials('default').map(({ state, hint }) => `${state} ${hint}`)
const put = (bench: TenantBench, sendTo?: string) => {
  const credential = { type: 'clientSecret', value: NEW_SECRET, expiresAt: '2027-10-01' }
  return bench.staging.put('default', { credential, sendTo }, ALICE)
}
const send = (bench: TenantBench) => overPauses(clock, bench.mailer.send('default', MESSAGE))
const addNewSecret = () => setSecret(sandbox, NEW_KEY, { value: NEW_SECRET, endDateTime: END })

describe('A new secret at the simulated tenant', () => {
  it('is proven by token, login and one message, and used from then on', async () => {
    await using bench = await createTenantBench(sandbox, clock)
    addNewSecret()
    expect(await put(bench, 'it@contoso.com')).toBe(true)
    expect(sandbox.tenant.inbox.list()).toHaveLength(1)
    expect(states(bench)).toEqual(['active Xyz', 'fallback q7G'])
    setSecret(sandbox, INITIAL.secretKeyId, null)
    expect(await send(bench)).toMatchObject({ ok: true })
  })

  it('waits when the mailbox would not let its message through: that is no fault of the secret', async () => {
    await using bench = await createTenantBench(sandbox, clock)
    addNewSecret()
    sandbox.tenant.patch({ mailboxes: { [INITIAL.mailbox]: { fullAccess: null } } })
    expect(await put(bench, 'it@contoso.com')).toBe(false)
    expect(bench.staging.proofOf('default')).toMatchObject({
      state: 'waiting',
      diagnosis: { row: 39 },
    })
    expect(states(bench)).toEqual(['active q7G', 'staged Xyz'])
  })

  it('that has ended is refused, and mail goes on with the former one', async () => {
    await using bench = await createTenantBench(sandbox, clock)
    setSecret(sandbox, NEW_KEY, { value: NEW_SECRET, endDateTime: '2021-01-01T00:00:00Z' })
    await expect(put(bench)).rejects.toMatchObject({
      details: { diagnosis: { code: 'secret_expired' } },
    })
    expect(await send(bench)).toMatchObject({ ok: true })
  })

  it('gives way to a certificate, which is proven and used the same way', async () => {
    await using bench = await createTenantBench(sandbox, clock)
    const pair = await createSelfSignedCertificate({
      commonName: 'postern',
      days: 100,
      keyBits: 2048,
      clock,
    })
    const certificate = pair.certificate
    sandbox.tenant.patch({
      apps: { [sandbox.clientId]: { certificates: { [NEW_KEY]: { certificate } } } },
    })
    const privateKey = pair.privateKey.reveal()
    const credential = { type: 'certificate', certificate, privateKey }
    expect(await bench.staging.put('default', { credential }, ALICE)).toBe(true)
    expect(bench.rig.profiles.get('default').credential).toMatchObject({
      type: 'certificate',
      expirySource: 'certificate',
    })
    setSecret(sandbox, INITIAL.secretKeyId, null)
    expect(await send(bench)).toMatchObject({ ok: true })
  })
})

describe('The fallback at the simulated tenant', () => {
  /** When the new secret has spread everywhere. */
  async function benchLater(): Promise<TenantBench> {
    const bench = await createTenantBench(sandbox, clock)
    addNewSecret()
    await put(bench)
    bench.tokens.drop(sandbox.tenantId, sandbox.clientId)
    clock.pass(11 * MINUTE_MS)
    return bench
  }

  it.each([
    ['was deleted', null, 'AADSTS7000215'],
    ['has expired', { endDateTime: LONG_AGO }, 'AADSTS7000222'],
  ])('takes over when the new secret %s: mail is sent, and it is told', async (_t, change, why) => {
    await using bench = await benchLater()
    setSecret(sandbox, NEW_KEY, change)
    expect(await send(bench)).toMatchObject({ ok: true })
    expect(states(bench)).toEqual(['active q7G', 'fallback Xyz'])
    expect(bench.rig.news.at(-1)).toMatchObject({
      name: 'credential.fallback_used',
      payload: { reason: why, refused: { hint: 'Xyz' } },
    })
    const { counters } = sandbox.tenant
    const { tokenRequests, authAttempts } = counters
    // Its connection is not kept so long: it has to log in again.
    clock.pass(2 * MINUTE_MS)
    expect(await send(bench)).toMatchObject({ ok: true })
    expect(counters).toMatchObject({ tokenRequests, authAttempts: authAttempts + 1 })
  })

  it('helps out, without taking over, while the new secret is still spreading', async () => {
    await using bench = await createTenantBench(sandbox, clock)
    addNewSecret()
    await put(bench)
    bench.tokens.drop(sandbox.tenantId, sandbox.clientId)
    const effectiveAt = toIso(clock.now() + 5 * MINUTE_MS)
    setSecret(sandbox, NEW_KEY, { effectiveAt })
    expect(await send(bench)).toMatchObject({ ok: true })
    expect(states(bench)).toEqual(['active Xyz', 'fallback q7G'])
  })

  it('is asked about once when it is refused, too, and the new one’s diagnosis is told', async () => {
    await using bench = await benchLater()
    setSecret(sandbox, NEW_KEY, null)
    setSecret(sandbox, INITIAL.secretKeyId, { endDateTime: LONG_AGO })
    const before = sandbox.tenant.counters.tokenRequests
    for (const _ of [1, 2]) {
      expect(await send(bench)).toMatchObject({ ok: false, diagnosis: { code: 'secret_wrong' } })
      clock.pass(MINUTE_MS)
    }
    // A minute later the new one is asked about again, the fallback is not.
    expect(sandbox.tenant.counters.tokenRequests - before).toBe(3)
    expect(states(bench)).toEqual(['active Xyz', 'fallback q7G'])
    const [, fallback] = bench.rig.profiles.credentials('default')
    expect(fallback?.refusedAt).not.toBeNull()
  })

  it('does not hide a refusal that is not the secret’s fault', async () => {
    await using bench = await benchLater()
    sandbox.tenant.patch({ apps: { [sandbox.clientId]: { exchangeRoles: [] } } })
    expect(await send(bench)).toMatchObject({ ok: false })
    expect(states(bench)).toEqual(['active Xyz', 'fallback q7G'])
    expect(bench.rig.news.map(({ name }) => name)).not.toContain('credential.fallback_used')
  })
})

describe('Renewal at the simulated tenant', () => {
  const RIGHTS = ['Application.ReadWrite.OwnedBy']
  async function benchToRenew(graphRoles: readonly string[]): Promise<TenantBench> {
    sandbox.tenant.patch({ apps: { [sandbox.clientId]: { graphRoles } } })
    const bench = await createTenantBench(sandbox, clock)
    const input = benchProfile(sandbox)
    const authentication = {
      ...authenticationOf(input),
      renewal: { enabled: true },
      credential: { type: 'clientSecret', expiresAt: toIsoDay(clock.now() + 10 * DAY_MS) },
    }
    const by = { version: undefined, actor: ALICE }
    await bench.rig.profiles.replace('default', { ...input, authentication }, by)
    return bench
  }
  const secretsAtEntra = () =>
    Object.keys(sandbox.tenant.state().apps[sandbox.clientId]?.secrets ?? {})

  it('adds a secret through Graph and has it in use at once', async () => {
    await using bench = await benchToRenew(RIGHTS)
    await bench.renewal.run()
    await bench.staging.idle()
    await bench.rig.events.idle()
    expect(secretsAtEntra()).toHaveLength(2)
    expect(states(bench)).toEqual([expect.stringMatching(/^active /), 'fallback q7G'])
    expect(await bench.renewal.latest('default')).toMatchObject({
      step: 'active',
      formerKeyId: INITIAL.secretKeyId,
    })
    setSecret(sandbox, INITIAL.secretKeyId, null)
    expect(await send(bench)).toMatchObject({ ok: true })
  })

  it('tells that the permission is missing, and nothing else changes', async () => {
    await using bench = await benchToRenew([])
    const heard: (string | undefined)[] = []
    bench.rig.events.on('credential.renewal_failed', ({ diagnosis }) => {
      heard.push(diagnosis?.code)
    })
    await bench.renewal.run()
    expect(heard).toEqual(['graph_permission_missing'])
    expect(secretsAtEntra()).toHaveLength(1)
    expect(states(bench)).toEqual(['active q7G'])
  })
})
