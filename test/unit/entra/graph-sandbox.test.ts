import { expect, test } from 'vitest'
import {
  type ClientCredential,
  createEntraTransport,
  createGraphClient,
  createSelfSignedCertificate,
  createTokenSource,
  matchCredential,
} from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { startSandboxTenant } from '../../../src/sandbox/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'
import { clientSecret, cloudAt } from './fixtures.ts'

const DAY = 86_400_000

/** The simulated tenant on a clock of its own, and the agent's side of Entra and Graph. */
async function start(graphRoles: string[]) {
  await using opened = new AsyncDisposableStack()
  const clock = createFakeClock()
  const sandbox = opened.use(await startSandboxTenant({ clock }))
  const { clientId, tenantId, tenant } = sandbox
  tenant.patch({ apps: { [clientId]: { graphRoles } } })
  const trust = createTrust({ extraCaPem: sandbox.caPem })
  const transport = opened.use(
    createEntraTransport({ trust, clock: systemClock, timeoutMs: 20_000 }),
  )
  const { log, lines } = captureLog()
  const deps = { transport, clock, log, monotonicMs: () => clock.elapsedMs }
  const tokens = createTokenSource(deps)
  const graph = createGraphClient({ ...deps, tokens })
  const cloud = {
    ...cloudAt(sandbox.authority),
    scope: sandbox.exchangeScope,
    graphUrl: sandbox.graphUrl,
  }
  const access = { cloud, tenantId, clientId, credential: clientSecret(sandbox.clientSecret) }
  const acquire = (credential: ClientCredential) => tokens.acquire({ ...access, credential })
  /** Over the distance that requests keep while a certificate is refused. */
  const acquireLater = async (credential: ClientCredential) => {
    const outcome = acquire(credential)
    await clock.untilSleeping()
    await clock.advance(30_000)
    return outcome
  }
  const resources = opened.move()
  return {
    sandbox,
    clock,
    acquireLater,
    graph,
    access,
    acquire,
    lines,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

async function createCertificate(clock: ReturnType<typeof createFakeClock>) {
  const options = { commonName: 'postern', days: 90, keyBits: 2048, clock } as const
  return { type: 'certificate', ...(await createSelfSignedCertificate(options)) } as const
}

test('a reader sees the stored secret’s end', async () => {
  await using t = await start(['Application.Read.All'])
  const { sandbox, graph, access } = t
  const application = await graph.readApplication(access)
  if (!application.ok) throw new Error(JSON.stringify(application.failure))
  const hint = sandbox.clientSecret.slice(0, 3)
  const match = matchCredential(application.value, { hint, keyId: null, thumbprint: null })
  expect(match).toMatchObject({ ambiguous: false, credential: { endsAt: expect.any(Number) } })
})

test('without permission nothing is read, and a reader changes nothing', async () => {
  await using t = await start([])
  const refused = { failure: { source: 'graph', status: 403, code: 'Authorization_RequestDenied' } }
  expect(await t.graph.readApplication(t.access)).toMatchObject(refused)
  t.sandbox.tenant.patch({
    apps: { [t.access.clientId]: { graphRoles: ['Application.Read.All'] } },
  })
  await t.clock.advance(6 * 60_000)
  expect((await t.graph.readApplication(t.access)).ok).toBe(true)
  const wanted = { displayName: 'x', endsAt: t.clock.now() + DAY }
  expect(await t.graph.addPassword(t.access, wanted)).toMatchObject(refused)
})

test('a secret is added, signs in, and takes the old one’s place', async () => {
  await using t = await start(['Application.ReadWrite.OwnedBy'])
  const { graph, access, clock } = t
  const before = await graph.readApplication(access)
  const old = before.ok ? before.value.passwordCredentials[0] : undefined
  const endsAt = clock.now() + 180 * DAY
  const added = await graph.addPassword(access, { displayName: 'postern', endsAt })
  if (!added.ok) throw new Error(JSON.stringify(added.failure))
  expect(added.value.credential).toMatchObject({ displayName: 'postern', endsAt })
  const credential: ClientCredential = { type: 'clientSecret', value: added.value.value }
  expect((await t.acquire(credential)).ok).toBe(true)
  const renewed = { ...access, credential }
  expect(await graph.removePassword(renewed, old?.keyId ?? '')).toEqual({ ok: true, value: null })
  const after = await graph.readApplication(renewed)
  expect(after.ok && after.value.passwordCredentials.map(({ keyId }) => keyId)).toEqual([
    added.value.credential.keyId,
  ])
  expect(t.lines.join()).not.toContain(added.value.value.reveal())
})

test.each(['objectId', 'clientId'] as const)(
  'a certificate rolls without any permission where its proof must name the %s',
  async (proofIssuer) => {
    await using t = await start([])
    const { graph, access, clock, sandbox } = t
    const first = await createCertificate(clock)
    sandbox.tenant.patch({
      apps: { [access.clientId]: { certificates: { c1: { certificate: first.certificate } } } },
      graph: { proofIssuer },
    })
    const objectId = sandbox.tenant.state().apps[access.clientId]?.objectId ?? ''
    const holder = { ...access, credential: first }
    expect((await t.acquire(first)).ok).toBe(true)

    const second = await createCertificate(clock)
    const added = await graph.addKey(holder, { certificate: second.certificate, objectId })
    if (!added.ok) throw new Error(JSON.stringify(added.failure))
    expect((await t.acquire(second)).ok).toBe(true)
    const successor = { ...access, credential: second }
    expect(await graph.removeKey(successor, { keyId: 'c1', objectId })).toEqual({
      ok: true,
      value: null,
    })
    await clock.advance(61 * 60_000)
    expect(await t.acquireLater(first)).toMatchObject({ ok: false, failure: { codes: [700027] } })
  },
)

test('a certificate signs in where the tenant knows it only by x5t', async () => {
  await using t = await start([])
  const credential = await createCertificate(t.clock)
  t.sandbox.tenant.patch({
    apps: {
      [t.access.clientId]: { certificates: { c1: { certificate: credential.certificate } } },
    },
    entra: { assertionHeader: 'x5t' },
  })
  expect((await t.acquireLater(credential)).ok).toBe(true)
  const stranger = { ...credential, privateKey: new Secret('nonsense') }
  expect((await t.acquire(stranger)).ok).toBe(false)
})
