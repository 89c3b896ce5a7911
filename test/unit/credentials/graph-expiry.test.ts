import { afterEach, describe, expect, it } from 'vitest'
import { createGraphExpiry, type GraphExpiry } from '../../../src/credentials/index.ts'
import type { Failure, Outcome } from '../../../src/diagnosis/index.ts'
import {
  createEntraTransport,
  createGraphClient,
  createTokenSource,
  type GraphApplication,
  type GraphClient,
  type PasswordCredential,
} from '../../../src/entra/index.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock, toIso } from '../../../src/platform/clock.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { startSandboxTenant } from '../../../src/sandbox/index.ts'
import { profileFor } from '../../support/agent.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { ALICE, createRig, profileInput, type Rig } from '../profiles/harness.ts'
import { graphFailure } from './renewal-bench.ts'

const END = FAKE_NOW + 100 * DAY_MS
const DENIED = graphFailure(403, 'Authorization_RequestDenied')
const SILENT: Failure = {
  source: 'transport',
  peer: 'graph',
  phase: 'timeout',
  step: 'read the application',
  host: 'graph.microsoft.com',
  port: 443,
  code: null,
  message: 'no answer',
}

function secret(changes: Partial<PasswordCredential> = {}): PasswordCredential {
  const startsAt = FAKE_NOW - DAY_MS
  return {
    type: 'password',
    keyId: 'k1',
    displayName: 'smtp',
    hint: 'Abc',
    startsAt,
    endsAt: END,
    ...changes,
  }
}

let opened = new AsyncDisposableStack()
afterEach(async () => {
  await opened.disposeAsync()
  opened = new AsyncDisposableStack()
})

interface Bench {
  readonly rig: Rig
  readonly expiry: GraphExpiry
  /** What Graph answers from now on. */
  answer: Outcome<GraphApplication>
  asked: number
  /** Resolves when the schedule has asked so often and what followed is done. */
  untilAsked(count: number): Promise<void>
}

function ok(...passwordCredentials: PasswordCredential[]): Outcome<GraphApplication> {
  const names = { objectId: 'object', clientId: 'client', displayName: 'app' }
  return { ok: true, value: { ...names, keyCredentials: [], passwordCredentials } }
}

async function createBench(given?: Rig): Promise<Bench> {
  const rig = given ?? (await createRig())
  opened.use(rig)
  if (given === undefined) await rig.profiles.create(profileInput(), ALICE)
  const { profiles, clock, events, captured } = rig
  const asked = new Map([1, 2, 3].map((count) => [count, Promise.withResolvers<void>()]))
  const graph: Pick<GraphClient, 'readApplication'> = {
    async readApplication() {
      bench.asked++
      asked.get(bench.asked)?.resolve()
      return bench.answer
    },
  }
  const expiry = opened.use(
    createGraphExpiry({ profiles, graph, clock, log: captured.log, events }),
  )
  const bench: Bench = {
    rig,
    expiry,
    answer: ok(secret()),
    asked: 0,
    async untilAsked(count) {
      if (bench.asked < count) await asked.get(count)?.promise
      await clock.untilSleeping()
    },
  }
  return bench
}

const storedEnd = ({ rig }: Bench) => {
  const { expiresAt, expirySource } = rig.profiles.get('default').credential ?? {}
  return { expiresAt, expirySource }
}
const credentialId = ({ rig }: Bench) => rig.profiles.get('default').credential?.id ?? ''

describe('The end of a credential from Graph', () => {
  it('replaces the typed one, in the audit and as news, and once', async () => {
    const bench = await createBench()
    const { version } = bench.rig.profiles.get('default')
    await bench.expiry.checkNext()
    expect(storedEnd(bench)).toEqual({ expiresAt: END, expirySource: 'graph' })
    expect(bench.rig.profiles.get('default').version).toBe(version + 1)
    expect(bench.rig.names()).toEqual(['profile.created', 'profile.changed'])
    expect(bench.rig.news.at(-1)?.payload).toMatchObject({
      actor: { type: 'agent' },
      connectionChanged: false,
      secretChanged: false,
    })
    expect(bench.expiry.findingOf('default')).toMatchObject({ state: 'read', ambiguous: false })
    await bench.rig.clock.advance(DAY_MS)
    await bench.expiry.checkNext()
    expect(bench.asked).toBe(2)
    const actions = (await bench.rig.auditEntries()).map(({ action }) => action)
    expect(actions.filter((action) => action === 'credential.end_read')).toHaveLength(1)
  })

  it('is asked for by itself: a minute after the start, daily, and after the profile was saved', async () => {
    const bench = await createBench()
    const { clock, profiles } = bench.rig
    bench.expiry.start()
    await clock.advance(MINUTE_MS - 1)
    expect(bench.asked).toBe(0)
    await clock.advance(1)
    await bench.untilAsked(1)
    await clock.advance(DAY_MS - MINUTE_MS)
    expect(bench.asked).toBe(1)
    await clock.advance(2 * MINUTE_MS)
    await bench.untilAsked(2)
    const input = profileInput({ subjectPrefix: '[Other] ' })
    await profiles.replace('default', input, { version: undefined, actor: ALICE })
    expect(storedEnd(bench).expirySource).toBe('typed')
    await clock.advance(MINUTE_MS)
    await bench.untilAsked(3)
    expect(storedEnd(bench).expirySource).toBe('graph')
  })

  it('is the earliest of those that look alike and have not ended', async () => {
    const bench = await createBench()
    const sooner = secret({ keyId: 'k2', endsAt: END - 9 * DAY_MS })
    const ended = secret({ keyId: 'k3', endsAt: FAKE_NOW - DAY_MS })
    bench.answer = ok(secret(), sooner, ended, secret({ keyId: 'k4', hint: 'Zzz', endsAt: 1 }))
    await bench.expiry.checkNext()
    expect(storedEnd(bench).expiresAt).toBe(sooner.endsAt)
    const finding = bench.expiry.findingOf('default')
    expect(finding).toMatchObject({ state: 'read', ambiguous: true, newerExists: false })
    expect(finding?.others.map(({ keyId }) => keyId)).toEqual(['k1', 'k3', 'k4'])
    expect(finding?.others[0]).toEqual({
      type: 'clientSecret',
      displayName: 'smtp',
      keyId: 'k1',
      endsAt: toIso(END),
    })
  })

  it('leaves the known date where nothing fits', async () => {
    const bench = await createBench()
    bench.answer = ok(secret({ hint: 'Zzz' }))
    await bench.expiry.checkNext()
    expect(storedEnd(bench).expirySource).toBe('typed')
    expect(bench.expiry.findingOf('default')?.detail).toContain('no credential')
  })

  it('does without the permission: told once, asked again the next day', async () => {
    const bench = await createBench()
    bench.answer = { ok: false, failure: DENIED }
    for (let hour = 0; hour < 47; hour++) {
      await bench.expiry.checkNext()
      await bench.rig.clock.advance(HOUR_MS)
    }
    expect(bench.asked).toBe(2)
    expect(storedEnd(bench).expirySource).toBe('typed')
    expect(bench.expiry.findingOf('default')).toMatchObject({
      state: 'notPermitted',
      detail: expect.stringContaining('Application.Read.All'),
    })
    expect(
      bench.rig.captured.lines.join('\n').split('may not read its own registration'),
    ).toHaveLength(2)
    expect(bench.rig.names()).toEqual(['profile.created'])
  })

  it('changes nothing when Graph does not answer, and keeps what it said before', async () => {
    const bench = await createBench()
    await bench.expiry.checkNext()
    bench.answer = { ok: false, failure: SILENT }
    await bench.rig.clock.advance(DAY_MS)
    await bench.expiry.checkNext()
    await bench.expiry.checkNext()
    expect(bench.asked).toBe(2)
    expect(storedEnd(bench)).toEqual({ expiresAt: END, expirySource: 'graph' })
    expect(bench.expiry.findingOf('default')?.state).toBe('failed')
  })

  it('never overrules what Entra proved, before or meanwhile', async () => {
    const bench = await createBench()
    const id = credentialId(bench)
    await bench.rig.profiles.recordEnded('default', id, FAKE_NOW)
    await bench.expiry.checkNext()
    expect(bench.asked).toBe(0)
    await bench.rig.profiles.recordGraphExpiry('default', id, END)
    await bench.rig.profiles.recordGraphExpiry('default', 'another', END)
    expect(storedEnd(bench)).toEqual({ expiresAt: FAKE_NOW, expirySource: 'proven' })
  })

  it('tells that a newer one exists', async () => {
    const bench = await createBench()
    const newer = { keyId: 'k2', hint: 'Zzz', startsAt: FAKE_NOW, endsAt: END + DAY_MS }
    bench.answer = ok(secret(), secret(newer))
    await bench.expiry.checkNext()
    expect(bench.expiry.findingOf('default')).toMatchObject({ newerExists: true })
    expect(bench.rig.captured.lines.join('\n')).toContain('lists a newer credential')
  })

  it('survives a restart; what Graph said is asked anew', async () => {
    const bench = await createBench()
    await bench.expiry.checkNext()
    await bench.expiry[Symbol.asyncDispose]()
    const next = await createBench(await bench.rig.reopen())
    expect(storedEnd(next)).toEqual({ expiresAt: END, expirySource: 'graph' })
    expect(next.expiry.findingOf('default')).toBeUndefined()
    await next.expiry.checkNext()
    expect(next.expiry.findingOf('default')?.state).toBe('read')
    expect(next.rig.names()).toEqual([])
  })

  it.each([
    [['Application.Read.All'], 'read', 'graph'],
    [[], 'notPermitted', 'typed'],
  ])('at the simulated tenant with the permissions %j: %s', async (graphRoles, state, source) => {
    const sandbox = opened.use(await startSandboxTenant({ clock: systemClock }))
    sandbox.tenant.patch({ apps: { [sandbox.clientId]: { graphRoles } } })
    const rig = opened.use(await createRig({ allowCustomCloud: true }))
    await rig.profiles.create(profileFor(sandbox), ALICE)
    const { profiles, events, captured } = rig
    const around = { clock: systemClock, log: captured.log }
    const trust = createTrust({ extraCaPem: sandbox.caPem })
    const transport = opened.use(createEntraTransport({ trust, timeoutMs: 5_000, ...around }))
    const tokens = createTokenSource({ transport, ...around })
    const graph = createGraphClient({ transport, tokens, ...around })
    const expiry = opened.use(createGraphExpiry({ profiles, graph, events, ...around }))
    await expiry.checkNext()
    expect(expiry.findingOf('default')?.state).toBe(state)
    expect(profiles.get('default').credential?.expirySource).toBe(source)
  })
})
