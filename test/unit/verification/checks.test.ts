import { describe, expect, it } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { CHECK_NAMES, type Report } from '../../../src/verification/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import {
  damaged,
  ENTRA_NOT_RESOLVED,
  entraFailure,
  exchangeOnline,
  noToken,
  OBJECT_ID,
  probe,
  profileOf,
  SECRET,
  SMTP_REFUSED,
  smtpReply,
  startBench,
  TOKEN,
  TOKEN_REFUSED,
  token,
} from './fakes.ts'

const DAY_MS = 86_400_000
const MESSAGE_CHECKS = ['senderAccepted', 'recipientAccepted', 'messageAccepted']

function outcomes(report: Report): Record<string, string> {
  return Object.fromEntries(report.checks.map((check) => [check.name, check.outcome]))
}

function failedCheck(report: Report) {
  return report.checks.find((check) => check.outcome === 'failed')
}

function expectSkippedBehind(report: Report, name: string): void {
  const at = report.checks.findIndex((check) => check.name === name)
  expect(report.checks[at]?.outcome).toBe('failed')
  for (const check of report.checks.slice(at + 1)) {
    expect(check).toMatchObject({ outcome: 'skipped', durationMs: 0, diagnosis: null })
  }
}

/** A credential of the profile with an end. */
function ending(expiresAt: number, expirySource: 'typed' | 'proven') {
  const profile = profileOf('default')
  if (profile.credential === null) throw new Error('a credential is expected')
  return { ...profile, credential: { ...profile.credential, expiresAt, expirySource } }
}

describe('the checks of a verification', () => {
  it('runs every check of an Exchange Online profile in order, with time and evidence', async () => {
    await using bench = await startBench()
    const report = await bench.verification.verify('default', { reason: 'requested' })

    expect(report.checks.map((check) => check.name)).toEqual(
      CHECK_NAMES.filter((name) => !MESSAGE_CHECKS.includes(name)),
    )
    expect(report).toMatchObject({ outcome: 'ok', reason: 'requested', withMessage: false })
    for (const check of report.checks) {
      expect(check.outcome).toBe('ok')
      expect(check.evidence).not.toBe('')
    }
    const byName = Object.fromEntries(report.checks.map((check) => [check.name, check]))
    expect(byName['entraReachable']?.durationMs).toBe(42)
    expect(byName['entraReachable']?.evidence).toContain('203.0.113.7')
    expect(byName['serverReachable']?.durationMs).toBe(15)
    expect(byName['tls']?.durationMs).toBe(10)
    expect(byName['tls']?.evidence).toContain('seen at starttls')
    expect(byName['authAccepted']?.evidence).toBe('seen at auth')
  })

  it.each([
    ['server', {}, 'server host is missing'],
    [
      'sender',
      { server: profileOf('x').server, senderEmailAddress: '' },
      'sender email address is missing',
    ],
    [
      'server and sender',
      { senderEmailAddress: '' },
      'server host and the sender email address are missing',
    ],
  ])('stop at settings without %s, and nobody is asked', async (_name, change, words) => {
    await using bench = await startBench({ profiles: [damaged(change)] })
    const report = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(report, 'settingsComplete')
    expect(report.diagnosis).toMatchObject({
      code: 'settings_incomplete',
      cause: expect.stringContaining(words),
    })
    expect(bench.smtp.probed).toEqual([])
  })

  it('says what a run without a message cannot prove', async () => {
    const sender = 'noreply@contoso.com'
    const authentication = { ...exchangeOnline, username: 'alerts@contoso.com' }
    await using bench = await startBench({
      profiles: [profileOf('default', { senderEmailAddress: sender, authentication })],
    })
    const { unproven } = await bench.verification.verify('default', { reason: 'requested' })
    expect(unproven.join('\n')).toMatch(/FullAccess on alerts@contoso\.com/)
    expect(unproven.join('\n')).toMatch(/alerts@contoso\.com may send as noreply@contoso\.com/)
  })

  it('proves sender, recipient and message when one is to be sent', async () => {
    await using bench = await startBench()
    const report = await bench.verification.verify('default', {
      reason: 'requested',
      sendTo: 'it@contoso.com',
    })
    expect(report.checks.map((check) => check.name)).toEqual([...CHECK_NAMES])
    expect(report).toMatchObject({
      outcome: 'ok',
      withMessage: true,
      message: { messageId: '<m@contoso.com>', reply: expect.stringContaining('250 2.0.0 OK') },
    })
    expect(report.unproven.join()).not.toMatch(/FullAccess/)
    const [sent] = bench.smtp.probed
    expect(sent?.message).toMatchObject({ from: 'alerts@contoso.com', to: ['it@contoso.com'] })
    const data = sent?.message?.data.toString() ?? ''
    expect(data).toContain('Subject: [Process] Test email from Postern (default)')
    expect(data).toContain('2026-11-23T10:00:00.000Z')
    expect(data).toContain('Postern 1.2.3 on gate.example')
    expect(data).toContain('text/html')
    expect(bench.news['message.delivered']).toEqual([{ profileId: 'default', at: FAKE_NOW }])
    expect(bench.verification.healthOf('default').lastDeliveredAt).toBe(FAKE_NOW)
  })

  it.each([
    'not an address',
    'a@contoso.com, b@contoso.com',
    'a@contoso.com\r\nBcc: b@contoso.com',
    '',
  ])('refuses to send to %j and asks nobody', async (sendTo) => {
    await using bench = await startBench()
    await expect(
      bench.verification.verify('default', { reason: 'requested', sendTo }),
    ).rejects.toMatchObject({
      kind: 'invalid',
      code: 'recipient_invalid',
      problems: [{ field: 'sendTo' }],
    })
    expect(bench.tokens.asked).toEqual([])
  })

  it('leaves out what does not belong to the kind of login', async () => {
    const basic = { type: 'basic', username: 'printer' } as const
    const plain = { host: 'relay.example', port: 25, security: 'none' } as const
    await using bench = await startBench({
      profiles: [
        profileOf('basic', { authentication: basic }),
        profileOf('none', { authentication: { type: 'none' }, server: plain }),
      ],
    })
    const ofBasic = await bench.verification.verify('basic', { reason: 'requested' })
    expect(Object.keys(outcomes(ofBasic))).toEqual([
      'settingsComplete',
      'serverReachable',
      'tls',
      'authOffered',
      'authAccepted',
    ])
    const ofNone = await bench.verification.verify('none', { reason: 'requested' })
    expect(Object.keys(outcomes(ofNone))).toEqual(['settingsComplete', 'serverReachable'])
    expect(bench.tokens.asked).toEqual([])
    expect(bench.smtp.probed.map(({ authentication }) => authentication.type)).toEqual([
      'login',
      'none',
    ])
  })

  it('fails on a missing secret and asks nobody', async () => {
    await using bench = await startBench({ profiles: [profileOf('default', { credential: null })] })
    bench.profiles.secret = undefined
    const report = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(report, 'settingsComplete')
    expect(report.diagnosis?.code).toBe('settings_incomplete')
    expect(bench.tokens.asked).toEqual([])
  })

  it('fails on a secret that the master key does not open', async () => {
    await using bench = await startBench()
    bench.profiles.secret = new PosternError('A stored secret cannot be opened.', {
      kind: 'unavailable',
      code: 'secret_unreadable',
    })
    const report = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(report, 'settingsComplete')
    expect(report.diagnosis).toMatchObject({ code: 'secret_unreadable', responsible: 'operator' })
  })

  it('only doubts when a typed end date has passed, because Entra decides', async () => {
    await using bench = await startBench({ profiles: [ending(FAKE_NOW - DAY_MS, 'typed')] })
    const report = await bench.verification.verify('default', { reason: 'requested' })
    expect(outcomes(report)).toMatchObject({ credentialNotEnded: 'warning', authAccepted: 'ok' })
    expect(report).toMatchObject({ outcome: 'warning', diagnosis: null })
    expect(bench.verification.healthOf('default')).toMatchObject({
      state: 'warning',
      diagnosis: { code: 'credential_ended' },
      lastSucceededAt: FAKE_NOW,
    })
  })

  it('does not ask Entra again about a secret whose end it has proved', async () => {
    await using bench = await startBench()
    const expired = entraFailure(7000222, 'The provided client secret keys are expired.')
    bench.tokens.script = () => noToken(expired)
    const first = await bench.verification.verify('default', { reason: 'schedule' })
    expectSkippedBehind(first, 'tokenIssued')
    expect(bench.profiles.ended).toEqual(['credential-default'])

    const second = await bench.verification.verify('default', { reason: 'schedule' })
    expectSkippedBehind(second, 'credentialNotEnded')
    expect(second.diagnosis).toEqual(first.diagnosis)
    expect(bench.tokens.asked).toHaveLength(1)
    expect(bench.profiles.ended).toHaveLength(1)
    expect(bench.news['health.changed']).toHaveLength(1)
  })

  it('tells an unreachable Entra from an Entra that refuses', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) =>
      noToken(
        call === 1 ? ENTRA_NOT_RESOLVED : entraFailure(7000215, 'Invalid client secret provided.'),
      )
    const unreachable = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(unreachable, 'entraReachable')
    expect(failedCheck(unreachable)).toMatchObject({
      durationMs: 42,
      evidence: expect.stringContaining('ENOTFOUND'),
      diagnosis: { code: 'entra_name_not_resolved', responsible: 'networkTeam' },
    })

    const refused = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(refused, 'tokenIssued')
    expect(outcomes(refused)['entraReachable']).toBe('ok')
    expect(refused.diagnosis?.answer.text).toContain('AADSTS7000215')
    expect(bench.smtp.probed).toEqual([])
  })

  it('fails on a token for another resource, and on one without the role', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) =>
      call === 1 ? token({ aud: 'https://graph.microsoft.com' }) : token({ roles: [] })
    const audience = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(audience, 'tokenAudience')
    const role = await bench.verification.verify('default', { reason: 'requested' })
    expectSkippedBehind(role, 'tokenRole')
    expect(role.diagnosis?.code).toBe('role_missing')
    expect(bench.smtp.probed).toEqual([])
  })

  it('takes a token without the role when application RBAC grants the right, and doubts one with it', async () => {
    const authentication = { ...exchangeOnline, applicationRbac: true }
    await using bench = await startBench({ profiles: [profileOf('default', { authentication })] })
    bench.tokens.script = (call) => (call === 1 ? token({ roles: [] }) : token())
    const without = await bench.verification.verify('default', { reason: 'requested' })
    expect(without.outcome).toBe('ok')
    const both = await bench.verification.verify('default', { reason: 'requested' })
    expect(outcomes(both)).toMatchObject({ tokenRole: 'warning', authAccepted: 'ok' })
  })

  it.each([
    ['connect', 'serverReachable', SMTP_REFUSED],
    ['starttls', 'tls', { ...SMTP_REFUSED, phase: 'tls', step: 'starttls' }],
    [
      'offer',
      'authOffered',
      {
        source: 'smtp_offer',
        problem: 'no_auth_mechanism',
        host: 'smtp.office365.com',
        offered: ['LOGIN'],
        wanted: 'XOAUTH2',
      },
    ],
    ['auth', 'authAccepted', TOKEN_REFUSED],
    ['mail', 'senderAccepted', smtpReply('mail', 550, '5.7.60', 'no permission')],
    ['rcpt', 'recipientAccepted', smtpReply('rcpt', 550, '5.1.1', 'User unknown')],
    ['message', 'messageAccepted', smtpReply('message', 430, '4.2.0', 'mailbox logon failure')],
  ] as const)('a dialogue that ends at %s fails the check %s', async (at, name, failure) => {
    await using bench = await startBench()
    bench.smtp.script = () => probe({ at, failure, withMessage: true })
    const report = await bench.verification.verify('default', {
      reason: 'requested',
      sendTo: 'it@contoso.com',
    })
    expectSkippedBehind(report, name)
    expect(failedCheck(report)?.evidence).toContain(`seen at ${at}`)
    expect(report.diagnosis).toEqual(failedCheck(report)?.diagnosis)
    expect(report.message).toBeNull()
  })

  it('names the enterprise application’s own object ID when the login is refused', async () => {
    await using bench = await startBench()
    bench.smtp.script = () => probe({ at: 'auth', failure: TOKEN_REFUSED })
    const report = await bench.verification.verify('default', { reason: 'requested' })
    expect(JSON.stringify(report.diagnosis?.commands)).toContain(OBJECT_ID)
    expect(bench.smtp.probed).toHaveLength(1)
  })

  it('a sweep takes a token of the last minute, and asks for a new one when it is older', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 1 ? token({}, true, 59_000) : token({}, true, 61_000))
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.tokens.asked).toHaveLength(1)
    await bench.verification.verify('default', { reason: 'schedule' })
    expect(bench.tokens.asked.map(({ options }) => options.fresh ?? false)).toEqual([
      false,
      false,
      'unlessPaced',
    ])
  })

  it('a person’s request always asks Entra anew and waits for a cool-down', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'requested' })
    expect(bench.tokens.asked[0]?.options).toMatchObject({ fresh: true, patient: true })
  })

  it('tries a refused login once more with a new token when the token was remembered', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 1 ? token({}, true, 1_000) : token())
    bench.smtp.script = (call) =>
      call === 1 ? probe({ at: 'auth', failure: TOKEN_REFUSED }) : probe()
    const report = await bench.verification.verify('default', { reason: 'schedule' })
    expect(report.outcome).toBe('ok')
    expect(bench.tokens.dropped).toHaveLength(1)
    expect(bench.tokens.asked[1]?.options.fresh).toBe(true)
  })

  it('ends a run that hangs with a report of the check that was under way', async () => {
    await using bench = await startBench({ config: { timeoutMs: 30_000 } })
    bench.tokens.acquire = (_request, options = {}) =>
      new Promise((_, reject) =>
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
      )
    const run = bench.verification.verify('default', { reason: 'requested' })
    await bench.clock.untilSleeping()
    await bench.clock.advance(30_000)
    const report = await run
    expectSkippedBehind(report, 'entraReachable')
    expect(report).toMatchObject({ durationMs: 30_000, diagnosis: { code: 'entra_timeout' } })
  })

  it('does not count what a run waits for its turn at Entra, and lets others run meanwhile', async () => {
    await using bench = await startBench({ config: { timeoutMs: 30_000, concurrency: 1 } })
    const { promise: turn, resolve: comes } = Promise.withResolvers<void>()
    bench.tokens.acquire = async (_request, { onWait } = {}) => {
      const end = onWait?.()
      await turn
      end?.()
      return token()
    }
    const run = bench.verification.verify('default', { reason: 'requested' })
    await bench.clock.advance(120_000)
    comes()
    expect(await run).toMatchObject({ outcome: 'ok', durationMs: 120_000 })
  })

  it('keeps the secret and the token out of reports, events and the log', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) =>
      call === 1
        ? noToken(entraFailure(7000215, `Invalid client secret provided. client_secret=${SECRET}`))
        : token()
    await bench.verification.verify('default', { reason: 'requested' })
    await bench.verification.verify('default', { reason: 'requested', sendTo: 'it@contoso.com' })
    const stored = JSON.stringify([await bench.reportRows(), await bench.healthRows()])
    const told = JSON.stringify(bench.news)
    for (const text of [stored, told, bench.lines.join('')]) {
      expect(text).not.toContain(SECRET)
      expect(text).not.toContain(TOKEN)
    }
  })
})
