import { describe, expect, it } from 'vitest'
import { certificateFactsOf } from '../../../src/entra/index.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { ALICE, exchangeOnline, profileInput } from '../profiles/harness.ts'
import {
  createRenewalBench,
  FIRST_PAIR,
  graphFailure,
  type RenewalBench,
  renewingCertificate,
} from './renewal-bench.ts'

const GRACE_MS = 7 * DAY_MS
const FIRST = certificateFactsOf(FIRST_PAIR.certificate)?.thumbprint ?? ''
const start = () => createRenewalBench({ input: renewingCertificate() })
const listed = ({ directory }: RenewalBench) => directory.keys.map(({ keyId }) => keyId)
const states = ({ rig, directory }: RenewalBench) =>
  rig.profiles.credentials('default').map(({ state, hint }) => {
    const key = directory.keys.find(({ thumbprint }) => thumbprint === hint)
    return `${state} ${key?.keyId ?? (hint === FIRST ? 'first' : 'unknown')}`
  })
const activeEnd = ({ rig }: RenewalBench) => rig.profiles.get('default').credential?.expiresAt
async function works({ rig, directory }: RenewalBench): Promise<boolean> {
  const opened = await rig.profiles.openCredential(rig.profiles.get('default'))
  const facts = opened?.type === 'certificate' ? certificateFactsOf(opened.certificate) : undefined
  return directory.keys.some(({ thumbprint }) => thumbprint === facts?.thumbprint)
}

describe('Renewal of a certificate', () => {
  it('adds, proves and uses a new one, and removes the former one after the grace time', async () => {
    await using bench = await start()
    await bench.pass(0)
    expect(states(bench)).toEqual(['active key-1', 'fallback first'])
    expect(bench.rig.profiles.get('default').credential?.type).toBe('certificate')
    expect(activeEnd(bench)).toBe(bench.rig.clock.now() + 180 * DAY_MS)
    await bench.rig.clock.advance(GRACE_MS - HOUR_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    await bench.rig.clock.advance(2 * HOUR_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['key-1'])
    expect(states(bench)).toEqual(['active key-1'])
    expect(await bench.renewal.latest('default')).toMatchObject({
      type: 'certificate',
      step: 'removed',
      error: null,
      sealed: null,
    })
    expect(bench.failures).toEqual([])
  })

  it('needs no permission; what it cannot know for certain it leaves alone', async () => {
    await using bench = await start()
    bench.directory.mayRead = false
    await bench.pass(0)
    expect(states(bench)).toEqual(['active key-1', 'fallback first'])
    await bench.rig.clock.advance(GRACE_MS)
    await bench.pass(0)
    // Nobody has told Postern the key id of a certificate that was uploaded by hand.
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(await bench.renewal.latest('default')).toMatchObject({
      step: 'removed',
      error: 'the former certificate is not known for certain',
    })
    await bench.rig.clock.advance(160 * DAY_MS)
    await bench.pass(0)
    await bench.rig.clock.advance(GRACE_MS)
    await bench.pass(0)
    // Its own it knows.
    expect(listed(bench)).toEqual(['first', 'key-2'])
    expect(bench.failures).toEqual([])
  })

  it('tries a shorter life where the tenant’s policy asks for it', async () => {
    await using bench = await start()
    bench.directory.refuse = (days) =>
      days > 90 ? graphFailure(400, 'CredentialInvalidLifetimeAsPerAppPolicy') : undefined
    await bench.pass(0)
    expect(states(bench)).toEqual(['active key-1', 'fallback first'])
    expect(activeEnd(bench)).toBe(bench.rig.clock.now() + 89 * DAY_MS)
  })

  it('tells that the proof is refused, and tries again a day later', async () => {
    await using bench = await start()
    bench.directory.refuse = () => graphFailure(401, 'Authentication_MissingOrMalformed')
    await bench.pass(HOUR_MS)
    expect(bench.failures).toHaveLength(1)
    expect(states(bench)).toEqual(['active first'])
    bench.directory.refuse = undefined
    await bench.rig.clock.advance(DAY_MS)
    await bench.pass(0)
    expect(states(bench)).toEqual(['active key-1', 'fallback first'])
  })

  it('takes the new one back when it does not work', async () => {
    await using bench = await start()
    bench.directory.acceptsNew = false
    await bench.pass(30 * MINUTE_MS)
    expect(listed(bench)).toEqual(['first'])
    expect(states(bench)).toEqual(['active first'])
    expect(bench.failures).toEqual([expect.stringContaining('The certificate of profile')])
  })

  it.each([true, false])(
    'uses the kept certificate after a lost answer (may read: %s)',
    async (mayRead) => {
      await using bench = await start()
      bench.directory.mayRead = mayRead
      bench.directory.refuse = () => {
        bench.interruption.happened = true
        return undefined
      }
      await bench.pass(0)
      expect(listed(bench)).toEqual(['first', 'key-1'])
      await using again = await bench.restart()
      again.directory.refuse = undefined
      await again.pass(0)
      expect(again.directory.added).toBe(1)
      expect(states(again)).toEqual(['active key-1', 'fallback first'])
    },
  )

  it('leaves the former one where another profile of the application uses it', async () => {
    await using bench = await start()
    const { certificate, privateKey } = FIRST_PAIR
    const credential = { type: 'certificate', certificate, privateKey: privateKey.reveal() }
    const authentication = exchangeOnline({ credential })
    await bench.rig.profiles.create(profileInput({ id: 'second', authentication }), ALICE)
    await bench.pass(0)
    await bench.rig.clock.advance(GRACE_MS)
    await bench.pass(0)
    expect(listed(bench)).toEqual(['first', 'key-1'])
    expect(await bench.renewal.latest('default')).toMatchObject({
      error: 'another profile uses the former certificate',
    })
  })

  it('shows no private key in log or audit, and none in the clear in the journal', async () => {
    await using bench = await start()
    await bench.pass(0)
    const { rig } = bench
    const rows = await rig.storage.db.selectFrom('credential_renewal').selectAll().execute()
    expect(rows).toMatchObject([{ step: 'active', sealed: expect.any(String) }])
    const seen = JSON.stringify([rig.captured.lines, await rig.auditEntries(), rows])
    expect(seen).not.toContain('PRIVATE KEY')
    expect(seen).toContain('credential.renewal')
  })
})

describe('The renewal of a certificate that is cut short', () => {
  it.each([true, false])(
    'at any point leaves one that works and, in the end, none too many (may read: %s)',
    async (mayRead) => {
      let points = 0
      for (let left = 1; ; left++) {
        await using bench = await start()
        bench.directory.mayRead = mayRead
        bench.interruption.left = left
        await bench.pass(0)
        await bench.pass(0)
        await bench.rig.clock.advance(GRACE_MS)
        await bench.pass(0)
        if (!bench.interruption.happened) break
        points++
        await using again = await bench.restart()
        expect(await works(again), `after point ${left}`).toBe(true)
        await again.pass(0)
        expect(await works(again), `after point ${left}`).toBe(true)
        await again.rig.clock.advance(GRACE_MS + DAY_MS)
        await again.pass(15 * MINUTE_MS)
        await again.rig.clock.advance(GRACE_MS + DAY_MS)
        await again.pass(15 * MINUTE_MS)
        expect(await works(again), `after point ${left}`).toBe(true)
        // Without the permission nobody knows the key id of what was uploaded by hand.
        const keys = again.directory.keys.filter(({ keyId }) => mayRead || keyId !== 'first')
        expect(keys, `after point ${left}`).toHaveLength(1)
        expect((await again.renewal.latest('default'))?.step, `after point ${left}`).toBe('removed')
      }
      expect(points).toBeGreaterThan(12)
    },
    120_000,
  )
})
