import { describe, expect, it } from 'vitest'
import {
  type DiagnosisContext,
  diagnose,
  type TransportFailure,
} from '../../../src/diagnosis/index.ts'
import { isNetworkFailure } from '../../../src/verification/network-watch.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import {
  ENTRA_NOT_RESOLVED,
  entraFailure,
  noToken,
  probe,
  profileOf,
  SMTP_REFUSED,
  startBench,
  token,
} from './fakes.ts'

const three = ['a', 'b', 'c'].map((id) => profileOf(id))
const DOWN = () => noToken(ENTRA_NOT_RESOLVED)

async function verifyAll(verification: {
  verify: Awaited<ReturnType<typeof startBench>>['verification']['verify']
}) {
  for (const { id } of three) await verification.verify(id, { reason: 'schedule' })
}

describe('the agent’s own network', () => {
  it('is one problem when every profile fails there, and recovers with the first run that gets through', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = DOWN
    await bench.verification.verify('a', { reason: 'schedule' })
    await bench.verification.verify('b', { reason: 'schedule' })
    expect(bench.verification.networkProblem()).toBeNull()
    await bench.verification.verify('c', { reason: 'schedule' })
    expect(bench.verification.networkProblem()).toMatchObject({
      since: FAKE_NOW,
      profiles: 3,
      diagnosis: { code: 'entra_name_not_resolved' },
    })
    await verifyAll(bench.verification)
    expect(bench.news['network.failing']).toHaveLength(1)

    bench.tokens.script = undefined
    await bench.verification.verify('b', { reason: 'schedule' })
    expect(bench.verification.networkProblem()).toBeNull()
    expect(bench.news['network.recovered']).toEqual([{ at: FAKE_NOW }])
  })

  it('is known before the health of the run that proves it is told', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = DOWN
    const seen: boolean[] = []
    bench.events.on('health.changed', () => {
      seen.push(bench.verification.networkProblem() !== null)
    })
    await verifyAll(bench.verification)
    await verifyAll(bench.verification)
    // The first two warnings come before anybody can know; every profile that turns failing comes after.
    expect(seen).toEqual([false, false, true, true, true, true])
  })

  it('is not to blame while one profile gets through, or only one profile exists', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = (call) => (call === 2 ? token() : DOWN())
    await verifyAll(bench.verification)
    expect(bench.verification.networkProblem()).toBeNull()

    await using single = await startBench()
    single.tokens.script = DOWN
    await single.verification.verify('default', { reason: 'schedule' })
    await single.verification.verify('default', { reason: 'schedule' })
    expect(single.verification.networkProblem()).toBeNull()
  })

  it('does not count a profile whose settings end the run before the network', async () => {
    await using bench = await startBench({
      profiles: [...three, profileOf('ended', { credential: null })],
    })
    const { openCredential } = bench.profiles
    bench.profiles.openCredential = async (profile) =>
      profile.id === 'ended' ? undefined : openCredential(profile)
    bench.tokens.script = DOWN
    await bench.verification.verify('ended', { reason: 'schedule' })
    await verifyAll(bench.verification)
    expect(bench.verification.networkProblem()?.profiles).toBe(3)
  })

  it('takes an answer of Entra, even a refusal, as a network that works', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = DOWN
    await verifyAll(bench.verification)
    bench.tokens.script = () => noToken(entraFailure(7000215, 'Invalid client secret provided.'))
    await bench.verification.verify('a', { reason: 'schedule' })
    expect(bench.verification.networkProblem()).toBeNull()
  })

  it('also sees the way to the SMTP servers', async () => {
    await using bench = await startBench({ profiles: three })
    bench.smtp.script = () => probe({ at: 'connect', failure: SMTP_REFUSED })
    await verifyAll(bench.verification)
    expect(bench.verification.networkProblem()?.diagnosis.code).toBe('smtp_connect_refused')
  })

  it('goes on after a restart without being told again, and its end is told', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = DOWN
    await verifyAll(bench.verification)
    await bench.verification[Symbol.asyncDispose]()
    await using again = await bench.start()
    expect(again.networkProblem()).toMatchObject({ since: FAKE_NOW, profiles: 3 })
    expect(bench.news['network.failing']).toHaveLength(1)
    bench.tokens.script = undefined
    await again.verify('a', { reason: 'started' })
    expect(bench.news['network.recovered']).toHaveLength(1)
  })

  it('ends when the last profile that fails there is removed', async () => {
    await using bench = await startBench({ profiles: three })
    bench.tokens.script = DOWN
    await verifyAll(bench.verification)
    for (const { id } of three) await bench.profiles.drop(id)
    expect(bench.verification.networkProblem()).toBeNull()
    expect(bench.news['network.recovered']).toHaveLength(1)
  })

  it.each(
    (['entra', 'smtp'] as const).flatMap((peer) =>
      (
        [
          ['dns', 'connect', true],
          ['connect', 'connect', true],
          ['timeout', 'connect', true],
          ['timeout', 'greeting', true],
          ['proxy', 'connect', true],
          ['tls', 'starttls', false],
          ['protocol', 'ehlo', false],
        ] as const
      ).map(([phase, step, expected]) => [peer, phase, step, expected] as const),
    ),
  )('a failure towards %s in the phase %s (step %s) counts: %s', (peer, phase, step, expected) => {
    const failure: TransportFailure = { ...SMTP_REFUSED, peer, phase, step, code: 'EXAMPLE' }
    expect(isNetworkFailure(diagnose(failure, CONTEXT))).toBe(expected)
  })
})

const CONTEXT: DiagnosisContext = {
  profileId: 'default',
  authenticationType: 'exchangeOnline',
  cloud: 'worldwide',
  authority: 'https://login.microsoftonline.com',
  tenantId: 'contoso.com',
  clientId: 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354',
  servicePrincipalObjectId: null,
  mailbox: 'alerts@contoso.com',
  senderEmailAddress: 'alerts@contoso.com',
  smtpHost: 'smtp.office365.com',
  smtpPort: 587,
  applicationRbac: false,
  changedAt: null,
  workedUntil: null,
  secretLooksLikeId: false,
  now: FAKE_NOW,
}
