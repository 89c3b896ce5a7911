import { expect, it } from 'vitest'
import { FAKE_NOW } from '../../support/clock.ts'
import { entraFailure, noToken, probe, profileOf, smtpReply, startBench, token } from './fakes.ts'

const SWITCHED_OFF = smtpReply(
  'auth',
  535,
  '5.7.139',
  'Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.',
)
const NO_FULL_ACCESS = smtpReply('message', 430, '4.2.0', 'STOREDRV; mailbox logon failure;')

const freshlyChanged = () => profileOf('default', { updatedAt: FAKE_NOW })

it('treats a refusal soon after a change of the settings as spreading', async () => {
  await using bench = await startBench({ profiles: [freshlyChanged()] })
  bench.smtp.script = () => probe({ at: 'auth', failure: SWITCHED_OFF })
  const report = await bench.verification.verify('default', { reason: 'requested' })
  expect(report.diagnosis).toMatchObject({
    code: 'smtp_auth_disabled_for_mailbox',
    retry: 'propagation',
  })
})

it('takes a refusal for final when the same settings have worked before', async () => {
  await using bench = await startBench({ profiles: [freshlyChanged()] })
  bench.smtp.script = (call) =>
    call === 1 ? probe() : probe({ at: 'auth', failure: SWITCHED_OFF })
  await bench.verification.verify('default', { reason: 'requested' })
  await bench.clock.advance(60_000)
  const report = await bench.verification.verify('default', { reason: 'requested' })
  expect(report.diagnosis).toMatchObject({ code: 'smtp_auth_disabled_for_mailbox', retry: 'never' })
  expect(report.diagnosis?.remedy).not.toContain('waiting for Microsoft')
  expect(report.diagnosis?.cause).toContain('It worked until')
})

it('does not take a login for proof of the mailbox permission, but a delivery', async () => {
  await using bench = await startBench({ profiles: [freshlyChanged()] })
  let refuse = false
  bench.smtp.script = (_, { message }) =>
    message !== undefined && refuse
      ? probe({ at: 'message', failure: NO_FULL_ACCESS, withMessage: true })
      : probe({ withMessage: message !== undefined })
  const verify = (sendTo?: string) =>
    bench.verification.verify('default', { reason: 'requested', sendTo })

  await verify()
  refuse = true
  await bench.clock.advance(60_000)
  expect((await verify('it@contoso.com')).diagnosis).toMatchObject({ retry: 'propagation' })
  refuse = false
  await verify('it@contoso.com')
  await bench.verification.idle()
  refuse = true
  await bench.clock.advance(60_000)
  expect((await verify('it@contoso.com')).diagnosis).toMatchObject({ retry: 'never' })
})

it('asks Entra again about an ended secret when a person asks, and takes the end back when a token comes', async () => {
  await using bench = await startBench()
  bench.tokens.script = () =>
    noToken(entraFailure(7000222, 'The provided client secret keys are expired.'))
  await bench.verification.verify('default', { reason: 'requested' })
  expect(bench.profiles.ended).toHaveLength(1)

  bench.tokens.script = () => token()
  const asked = bench.tokens.asked.length
  const byItself = await bench.verification.verify('default', { reason: 'schedule' })
  expect(byItself.outcome).toBe('failed')
  expect(bench.tokens.asked).toHaveLength(asked)

  const onRequest = await bench.verification.verify('default', { reason: 'requested' })
  expect(onRequest.checks.find(({ name }) => name === 'tokenIssued')?.outcome).toBe('ok')
  expect(bench.profiles.alive).toEqual(bench.profiles.ended)
  const after = await bench.verification.verify('default', { reason: 'schedule' })
  expect(after.outcome).toBe('ok')
})
