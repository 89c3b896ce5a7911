import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS, parseInstant } from '../../../src/platform/clock.ts'
import { revealed } from '../../support/revealed.ts'
import { ALICE, exchangeOnline, profileInput } from '../profiles/harness.ts'
import {
  createRenewalBench,
  FIRST_SECRET,
  graphFailure,
  type RenewalBench,
  renewing,
} from './renewal-bench.ts'

const GRACE_MS = 7 * DAY_MS
const states = ({ rig }: RenewalBench) =>
  rig.profiles.credentials('default').map(({ state, hint }) => `${state} ${hint}`)
const listed = ({ directory }: RenewalBench) => directory.secrets.map(({ keyId }) => keyId)
const inUse = ({ rig }: RenewalBench) => revealed(rig.profiles, 'default')
const works = async (bench: RenewalBench) => {
  const value = await inUse(bench)
  return bench.directory.secrets.some((secret) => secret.value === value)
}
/** Time passes without the renewal being asked. */
async function leap(bench: RenewalBench, ms: number): Promise<void> {
  await bench.rig.clock.advance(ms)
}

describe('Renewal', () => {
  it('adds, proves and uses a new secret, and removes the former one after the grace time', async () => {
    await using bench = await createRenewalBench()
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(bench.rig.profiles.get('default').credential).toMatchObject({
      expiresAt: bench.rig.clock.now() + 180 * DAY_MS,
    })
    await leap(bench, GRACE_MS - HOUR_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    await leap(bench, 2 * HOUR_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['key-1'])
    expect(states(bench)).toEqual(['active N01'])
    expect(await bench.renewal.latest('default')).toMatchObject({ step: 'removed', error: null })
    expect(bench.failures).toEqual([])
  })

  it.each([
    ['it is switched off', renewing({ renewal: { enabled: false } })],
    ['nothing is said', renewing({ renewal: undefined })],
    [
      'the end is further away than the set days',
      renewing({ renewal: { enabled: true, daysBefore: 9 } }),
    ],
    ['no end is known', renewing({ credential: { type: 'clientSecret', value: FIRST_SECRET } })],
  ])('does nothing when %s', async (_title, input) => {
    await using bench = await createRenewalBench({ input })
    await bench.pass(0)
    expect(bench.directory.added).toBe(0)
    expect(await bench.renewal.latest('default')).toBeUndefined()
  })

  it('stands back while somebody exchanges the credential by hand', async () => {
    await using bench = await createRenewalBench()
    bench.directory.acceptsNew = false
    const credential = { type: 'clientSecret', value: 'Xyz8Q~other-secret-value-of-the-tests-111' }
    await bench.rig.profiles.stageCredential('default', credential, { actor: ALICE })
    await bench.pass(0)
    expect(bench.directory.added).toBe(0)
  })

  it('takes the new secret back when it does not work, and tries again a day later', async () => {
    await using bench = await createRenewalBench()
    bench.directory.acceptsNew = false
    await bench.pass(30 * MINUTE_MS)
    expect(listed(bench)).toEqual(['first'])
    expect(states(bench)).toEqual(['active Abc'])
    expect(bench.failures).toEqual([expect.stringContaining('was not renewed')])
    await bench.pass(HOUR_MS)
    expect(bench.directory.added).toBe(1)
    bench.directory.acceptsNew = true
    await leap(bench, DAY_MS)
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N02', 'fallback Abc'])
  })

  it('tries a shorter life where the tenant’s policy asks for it', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = (days) =>
      days > 90 ? graphFailure(400, 'CredentialInvalidLifetimeAsPerAppPolicy') : undefined
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
    expect(bench.rig.profiles.get('default').credential).toMatchObject({
      expiresAt: bench.rig.clock.now() + 90 * DAY_MS,
    })
  })

  it('is off until something is changed where the tenant forbids secrets', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => graphFailure(400, 'CredentialTypeNotAllowedAsPerAppPolicy')
    await bench.pass(0)
    expect(bench.failures).toEqual(['graph_secret_type_refused'])
    bench.directory.refuse = undefined
    await leap(bench, 3 * DAY_MS)
    await bench.pass(0)
    expect(bench.directory.added).toBe(0)
    const input = { ...renewing(), subjectPrefix: 'changed' }
    await bench.rig.profiles.replace('default', input, { version: undefined, actor: ALICE })
    await bench.pass(0)
    expect(bench.directory.added).toBe(1)
  })

  it('tells a missing permission once a day', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => graphFailure(403, 'Authorization_RequestDenied')
    await bench.pass(2 * HOUR_MS)
    expect(bench.failures).toEqual(['graph_permission_missing'])
    await leap(bench, DAY_MS)
    await bench.pass(0)
    expect(bench.failures).toHaveLength(2)
    expect(states(bench)).toEqual(['active Abc'])
  })

  it('finds and removes the secret of an answer that was lost', async () => {
    await using bench = await createRenewalBench()
    const { directory } = bench
    let isLost = true
    directory.refuse = () => {
      if (!isLost) return undefined
      isLost = false
      const entry = { keyId: 'lost', value: 'nobody knows', startsAt: 0, endsAt: 0 }
      void bench.renewal.latest('default').then((renewal) => {
        directory.secrets.push({ ...entry, displayName: `postern default ${renewal?.id}` })
      })
      return graphFailure(504, 'GatewayTimeout')
    }
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'lost'])
    await bench.pass(10 * MINUTE_MS)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
  })

  it('leaves the former secret where another profile of the application uses it', async () => {
    await using bench = await createRenewalBench()
    const authentication = exchangeOnline({
      credential: { type: 'clientSecret', value: FIRST_SECRET, expiresAt: '2026-12-03' },
    })
    await bench.rig.profiles.create(profileInput({ id: 'second', authentication }), ALICE)
    await bench.pass(0)
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(await bench.renewal.latest('default')).toMatchObject({
      step: 'removed',
      error: 'another profile uses the former client secret',
    })
  })

  it('leaves the former secret where it cannot be told from another', async () => {
    await using bench = await createRenewalBench()
    const [first] = bench.directory.secrets
    if (first !== undefined) bench.directory.secrets.push({ ...first, keyId: 'twin' })
    await bench.pass(0)
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'twin', 'key-1'])
  })

  it('takes the new secret back after the former one had to take over again', async () => {
    await using bench = await createRenewalBench()
    await bench.pass(10 * MINUTE_MS)
    const refusedId = bench.rig.profiles.get('default').credential?.id ?? ''
    await bench.rig.profiles.useFallback('default', { refusedId, reason: 'AADSTS7000215' })
    await bench.pass(10 * MINUTE_MS)
    expect(listed(bench)).toEqual(['first'])
    expect(states(bench)).toEqual(['active Abc'])
    expect((await bench.renewal.latest('default'))?.step).toBe('failed')
    expect(bench.failures).toHaveLength(1)
  })

  it('leaves everything to people when the credential was exchanged by hand meanwhile', async () => {
    await using bench = await createRenewalBench()
    await bench.pass(10 * MINUTE_MS)
    const { profiles } = bench.rig
    const value = 'Xyz8Q~other-secret-value-of-the-tests-111'
    const by = { actor: ALICE }
    const staged = await profiles.stageCredential('default', { type: 'clientSecret', value }, by)
    await profiles.activateStaged('default', { credentialId: staged.id, ...by })
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(states(bench)).toEqual(['active Xyz', 'fallback N01'])
    expect((await bench.renewal.latest('default'))?.step).toBe('failed')
  })

  it('renews again before the next end', async () => {
    await using bench = await createRenewalBench()
    await bench.pass(0)
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    await leap(bench, 160 * DAY_MS)
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N02', 'fallback N01'])
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['key-2'])
  })

  it('shows no secret in log or audit', async () => {
    await using bench = await createRenewalBench()
    await bench.pass(0)
    const seen = JSON.stringify([bench.rig.captured.lines, await bench.rig.auditEntries()])
    expect(seen).not.toContain('a-new-secret-that-entra-made')
    expect(seen).toContain('credential.renewal')
  })
})

describe('A renewal that is cut short', () => {
  it('goes on at once after a restart, without waiting for a turn', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => {
      bench.interruption.happened = true
      return undefined
    }
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    await using again = await bench.restart()
    again.directory.refuse = undefined
    await again.renewal.run()
    expect(listed(again)).toEqual(['first', 'key-2'])
    expect((await again.renewal.latest('default'))?.keyId).toBe('key-2')
  })

  it('removes what Entra lists only later, too', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => {
      bench.interruption.happened = true
      return undefined
    }
    await bench.pass(0)
    await using again = await bench.restart()
    again.directory.refuse = undefined
    again.directory.unlisted = 1
    await again.renewal.run()
    expect(listed(again)).toEqual(['first', 'key-1', 'key-2'])
    again.directory.unlisted = 0
    await again.pass(10 * MINUTE_MS)
    expect(listed(again)).toEqual(['first', 'key-2'])
    expect(states(again)).toEqual(['active N02', 'fallback Abc'])
  })

  it('removes it also when no second one may be added', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => {
      bench.interruption.happened = true
      return undefined
    }
    await bench.pass(0)
    await using again = await bench.restart()
    again.directory.refuse = () => graphFailure(403, 'Authorization_RequestDenied')
    again.directory.unlisted = 1
    await again.renewal.run()
    expect(listed(again)).toEqual(['first', 'key-1'])
    again.directory.unlisted = 0
    await again.pass(10 * MINUTE_MS)
    expect(listed(again)).toEqual(['first'])
    expect(again.failures).toEqual(['graph_permission_missing'])
    expect((await again.renewal.latest('default'))?.step).toBe('failed')
  })

  /** Each point at which the process may end, found by going on until none is left. */
  it('at any point leaves a working credential and, in the end, no secret too many', async () => {
    let points = 0
    for (let left = 1; ; left++) {
      await using bench = await createRenewalBench()
      bench.interruption.left = left
      await bench.pass(0)
      await bench.pass(0)
      await leap(bench, GRACE_MS)
      await bench.pass(0)
      if (!bench.interruption.happened) break
      points++
      await using again = await bench.restart()
      expect(await works(again), `after point ${left}`).toBe(true)
      await again.pass(15 * MINUTE_MS)
      expect(await works(again), `after point ${left}`).toBe(true)
      await leap(again, GRACE_MS + DAY_MS)
      await again.pass(15 * MINUTE_MS)
      await leap(again, GRACE_MS + DAY_MS)
      await again.pass(15 * MINUTE_MS)
      expect(await works(again), `after point ${left}`).toBe(true)
      expect(again.directory.secrets, `after point ${left}`).toHaveLength(1)
      expect(states(again), `after point ${left}`).toHaveLength(1)
      const { step } = (await again.renewal.latest('default')) ?? {}
      expect(step, `after point ${left}`).toBe('removed')
      expect(parseInstant('2026-11-23')).toBeLessThan(again.rig.clock.now())
    }
    expect(points).toBeGreaterThan(12)
  }, 120_000)
})

describe('Renewal beside others', () => {
  it('removes the former secret with the last of the profiles that renew it', async () => {
    await using bench = await createRenewalBench()
    await bench.rig.profiles.create({ ...renewing(), id: 'second' }, ALICE)
    await bench.pass(HOUR_MS)
    expect(listed(bench)).toEqual(['first', 'key-1', 'key-2'])
    await leap(bench, GRACE_MS)
    await bench.pass(HOUR_MS)
    expect(listed(bench)).toEqual(['key-1', 'key-2'])
    expect(await bench.renewal.latest('second')).toMatchObject({ step: 'removed' })
    expect(states(bench)).toEqual([expect.stringMatching(/^active N0/)])
  })

  it('does not replace a new secret that somebody has entered meanwhile, and takes its own back', async () => {
    await using bench = await createRenewalBench()
    const value = 'Own8Q~operators-secret-value-of-the-tests'
    const input = { type: 'clientSecret', value, expiresAt: '2027-12-03' }
    const { profiles } = bench.rig
    let staging: Promise<unknown> | undefined
    bench.directory.refuse = () => {
      staging ??= profiles.stageCredential('default', input, { actor: ALICE })
      return undefined
    }
    await bench.pass(10 * MINUTE_MS)
    await staging
    expect(states(bench)).toEqual(['active Abc', 'staged Own'])
    expect(listed(bench)).toEqual(['first'])
    expect(await bench.renewal.latest('default')).toMatchObject({ step: 'failed' })
  })
})

describe('A renewal of which it is not known whether it has added anything', () => {
  it('tells once a day why it cannot go on, and goes on when it can', async () => {
    await using bench = await createRenewalBench()
    const { directory } = bench
    directory.refuse = () => {
      directory.refuse = undefined
      directory.mayRead = false
      return graphFailure(504, 'GatewayTimeout')
    }
    await bench.pass(0)
    expect(bench.failures).toEqual([])
    await bench.pass(2 * HOUR_MS)
    expect(bench.failures).toHaveLength(1)
    const [error] = bench.failures
    expect(await bench.renewal.latest('default')).toMatchObject({ step: 'requested', error })
    await bench.pass(23 * HOUR_MS)
    expect(bench.failures).toEqual([error, error])
    directory.mayRead = true
    await bench.pass(HOUR_MS)
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
    expect(await bench.renewal.latest('default')).toMatchObject({ step: 'active', error: null })
  })
})

describe('A clock that was far ahead and is set right', () => {
  it('does not stop the renewal', async () => {
    const credential = { type: 'clientSecret', value: FIRST_SECRET, expiresAt: '2027-05-01' }
    await using bench = await createRenewalBench({ input: renewing({ credential }) })
    const { clock } = bench.rig
    const now = clock.now()
    bench.directory.refuse = () => graphFailure(403, 'Authorization_RequestDenied')
    clock.set(now + 300 * DAY_MS)
    await bench.pass(0)
    expect(await bench.renewal.latest('default')).toMatchObject({ step: 'failed' })
    bench.directory.refuse = undefined
    clock.set(now)
    await leap(bench, 155 * DAY_MS)
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
  })

  it('does not try again at every turn either', async () => {
    await using bench = await createRenewalBench()
    const { clock } = bench.rig
    const now = clock.now()
    let asked = 0
    bench.directory.refuse = () => {
      asked++
      return graphFailure(403, 'Authorization_RequestDenied')
    }
    clock.set(now + 5 * DAY_MS)
    await bench.pass(0)
    clock.set(now)
    await bench.pass(HOUR_MS)
    expect(asked).toBe(2)
  })

  it('keeps the former secret no longer than the grace time', async () => {
    await using bench = await createRenewalBench()
    const { clock } = bench.rig
    const now = clock.now()
    clock.set(now + 9 * DAY_MS)
    await bench.pass(0)
    expect(states(bench)).toEqual(['active N01', 'fallback Abc'])
    clock.set(now)
    await bench.pass(0)
    await leap(bench, GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['key-1'])
  })
})
