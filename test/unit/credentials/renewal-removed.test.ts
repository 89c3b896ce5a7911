import { describe, expect, it } from 'vitest'
import { DAY_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { ALICE } from '../profiles/harness.ts'
import {
  createRenewalBench,
  graphFailure,
  type RenewalBench,
  renewing,
  renewingCertificate,
} from './renewal-bench.ts'

const KINDS = [
  ['client secret', renewing()],
  ['certificate', renewingCertificate()],
] as const
const by = { version: undefined, actor: ALICE }
const listed = ({ directory: { keys, secrets } }: RenewalBench, kind: string) =>
  (kind === 'certificate' ? keys : secrets).map(({ keyId }) => keyId)
const journal = ({ rig }: RenewalBench) =>
  rig.storage.db.selectFrom('credential_renewal').selectAll().execute()
const remove = async ({ rig }: RenewalBench) => {
  await rig.profiles.remove('default', by)
  await rig.events.idle()
}

describe('When a profile is removed in the middle of the renewal', () => {
  it.each(KINDS)('of a %s, what was added at Entra goes with it', async (kind, input) => {
    await using bench = await createRenewalBench({ input })
    await bench.pass(0)
    expect(listed(bench, kind)).toEqual(['first', 'key-1'])
    await remove(bench)
    expect(listed(bench, kind)).toEqual(['first'])
    expect(await journal(bench)).toMatchObject([
      { profile_id: null, step: 'failed', sealed: null, error: expect.stringContaining('so was') },
    ])
  })

  it.each(KINDS)('of a %s while Entra is asked, too', async (kind, input) => {
    await using bench = await createRenewalBench({ input })
    const { profiles } = bench.rig
    let removed: Promise<void> = Promise.resolve()
    bench.directory.refuse = () => {
      removed = profiles.remove('default', by)
      return undefined
    }
    await bench.pass(0)
    await removed
    await bench.rig.events.idle()
    expect(listed(bench, kind)).toEqual(['first'])
    expect(bench.rig.captured.lines.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  it.each(KINDS)('of a %s, also after a crash', async (kind, input) => {
    await using bench = await createRenewalBench({ input })
    await bench.pass(0)
    bench.interruption.happened = true
    await remove(bench)
    expect(listed(bench, kind)).toEqual(['first', 'key-1'])
    await using again = await bench.restart()
    // Another profile of that name has nothing to do with it.
    await again.rig.profiles.create({ ...input, authentication: { type: 'none' } }, ALICE)
    await again.pass(0)
    expect(listed(again, kind)).toEqual(['first'])
  })

  it('it is tried for a day, and then told what remains', async () => {
    await using bench = await createRenewalBench({ input: renewingCertificate() })
    await bench.pass(0)
    // As if all of the application’s certificates had been removed by hand, but are still listed.
    bench.directory.mayRead = false
    const { keys } = bench.directory
    bench.directory.keys = []
    await remove(bench)
    await bench.pass(30 * MINUTE_MS)
    expect(await journal(bench)).toMatchObject([{ step: 'active' }])
    await bench.rig.clock.advance(DAY_MS)
    await bench.pass(0)
    const error = expect.stringMatching(/a certificate with the thumbprint [0-9A-F]{40} may remain/)
    expect(await journal(bench)).toMatchObject([{ step: 'failed', sealed: null, error }])
    expect(JSON.stringify(await bench.rig.auditEntries())).toContain('may remain')
    expect(keys).toHaveLength(2)
  })

  it('and nobody knows what Entra has made, that is told', async () => {
    await using bench = await createRenewalBench()
    bench.directory.refuse = () => graphFailure(504, 'GatewayTimeout')
    await bench.pass(0)
    expect(await journal(bench)).toMatchObject([{ step: 'requested' }])
    await remove(bench)
    const error = expect.stringContaining('a client secret named “postern default ')
    expect(await journal(bench)).toMatchObject([{ step: 'failed', error }])
  })
})

describe('When the profile is given another application in the middle of a renewal', () => {
  it.each(KINDS)('the new %s is removed at the former one', async (kind, input) => {
    await using bench = await createRenewalBench({ input })
    await bench.pass(0)
    const other = {
      ...renewing({ clientId: 'cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee' }),
      subjectPrefix: '',
    }
    await bench.rig.profiles.replace('default', other, by)
    await bench.pass(10 * MINUTE_MS)
    expect(listed(bench, kind)).not.toContain('key-1')
  })

  it.each(KINDS)('and Entra is being asked, the new %s is not tried there', async (kind, input) => {
    await using bench = await createRenewalBench({ input })
    const { profiles } = bench.rig
    const other = renewing({ clientId: 'cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee' })
    let replaced: Promise<unknown> = Promise.resolve()
    bench.directory.refuse = () => {
      if (bench.directory.added === 0) replaced = profiles.replace('default', other, by)
      return undefined
    }
    await bench.renewal.run()
    await replaced
    const staged = profiles.credentials('default').filter(({ state }) => state === 'staged')
    expect(staged).toEqual([])
    await bench.pass(10 * MINUTE_MS)
    expect(listed(bench, kind)).not.toContain('key-1')
  })
})
