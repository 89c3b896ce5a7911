import { describe, expect, it } from 'vitest'
import { createProfileMailer, createTestEmail } from '../../../src/verification/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import {
  damaged,
  entraFailure,
  exchangeOnline,
  noToken,
  OBJECT_ID,
  profileOf,
  SECRET,
  SMTP_REFUSED,
  smtpReply,
  startBench,
  TOKEN,
  TOKEN_REFUSED,
  token,
} from './fakes.ts'

const MESSAGE = {
  from: { name: 'Process Alerts', address: 'alerts@contoso.com' },
  to: ['it@contoso.com'],
  subject: 'Alert',
  text: 'Something happened.',
  html: '<p>Something happened.</p>',
  date: FAKE_NOW,
}

function testEmailOf(bench: Awaited<ReturnType<typeof startBench>>) {
  return createTestEmail({ ...bench, mailer: createProfileMailer({ ...bench, patient: true }) })
}

describe('a test email', () => {
  it('answers with the server’s reply and the message’s id', async () => {
    await using bench = await startBench()
    const result = await testEmailOf(bench).send('default', ' it@contoso.com ')
    expect(result).toEqual({
      messageId: '<m@contoso.com>',
      serverMessageId: '<m@contoso.com>',
      reply: '250 2.0.0 OK <m@contoso.com>',
      to: 'it@contoso.com',
      durationMs: 0,
    })
    expect(bench.news['message.delivered']).toEqual([{ profileId: 'default', at: FAKE_NOW }])
  })

  it('says what it is: profile, time, agent, and that nothing has to be done', async () => {
    const senderDisplayName = 'A & B <script>'
    await using bench = await startBench({
      profiles: [profileOf('default', { senderDisplayName })],
    })
    await testEmailOf(bench).send('default', 'it@contoso.com')
    const message = bench.smtp.submitted[0]?.message
    expect(message).toMatchObject({
      from: { name: senderDisplayName, address: 'alerts@contoso.com' },
      to: ['it@contoso.com'],
      subject: '[Process] Test email from Postern (default)',
      headers: { 'Auto-Submitted': 'auto-generated' },
      date: FAKE_NOW,
    })
    for (const body of [message?.text ?? '', message?.html ?? '']) {
      expect(body).toContain('profile default')
      expect(body).toContain('2026-11-23T10:00:00.000Z')
      expect(body).toContain('Mon, 23 Nov 2026 10:00:00 +0000')
      expect(body).toContain('Postern 1.2.3 on gate.example')
      expect(body).toContain('ignore or delete')
    }
    expect(message?.html).toContain('A &amp; B &lt;script&gt;')
    expect(message?.html).not.toContain('<script>')
  })

  it('that the server refuses ends with the diagnosis', async () => {
    await using bench = await startBench()
    const failure = smtpReply('message', 430, '4.2.0', 'STOREDRV; mailbox logon failure; x')
    bench.smtp.submission = () => ({ ok: false, failure })
    await expect(testEmailOf(bench).send('default', 'it@contoso.com')).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'test_email_failed',
      message: expect.stringContaining('FullAccess'),
      details: { diagnosis: { row: 39, answer: { text: expect.stringContaining('430 4.2.0') } } },
    })
    expect(bench.news['message.delivered']).toEqual([])
  })

  it.each(['', 'nobody', 'a@contoso.com,b@contoso.com', 'a@contoso.com\nX: y'])(
    'to %j is refused before anybody is asked',
    async (to) => {
      await using bench = await startBench()
      await expect(testEmailOf(bench).send('default', to)).rejects.toMatchObject({
        kind: 'invalid',
        code: 'recipient_invalid',
        problems: [{ field: 'to' }],
      })
      expect(bench.tokens.asked).toEqual([])
    },
  )

  it('of an unknown profile is not found', async () => {
    await using bench = await startBench()
    await expect(testEmailOf(bench).send('nobody', 'it@contoso.com')).rejects.toMatchObject({
      code: 'profile_not_found',
    })
  })
})

describe('mail through a profile', () => {
  it('uses a remembered token', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => token({}, true, 1_800_000)
    const result = await createProfileMailer(bench).send('default', MESSAGE)
    expect(result.ok).toBe(true)
    expect(bench.tokens.asked).toHaveLength(1)
    expect(bench.smtp.submitted[0]?.authentication).toMatchObject({
      type: 'xoauth2',
      username: 'alerts@contoso.com',
    })
  })

  it('replaces a remembered token that is refused, once', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => token({}, true, 1_800_000)
    bench.smtp.submission = () => ({ ok: false, failure: TOKEN_REFUSED })
    const result = await createProfileMailer(bench).send('default', MESSAGE)
    expect(result).toMatchObject({ ok: false, diagnosis: { row: 35 } })
    expect(JSON.stringify(result)).toContain(OBJECT_ID)
    expect(bench.smtp.submitted).toHaveLength(2)
    expect(bench.tokens.dropped).toHaveLength(1)
    expect(bench.tokens.asked.map(({ options }) => options.fresh ?? false)).toEqual([false, true])
  })

  it('logs in the second time with the settings and the secret of that moment', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 1 ? token({}, true) : token({ tid: tenantId }))
    const tenantId = '0a2b6f0e-8d8f-4d5c-9a55-6b7c1f3e2d10'
    const changed = profileOf('default', {
      version: 2,
      server: { host: 'smtp.office365.us', port: 587, security: 'starttls' },
      authentication: { ...exchangeOnline, tenantId },
    })
    bench.smtp.submission = async (call) => {
      if (call === 1) await bench.profiles.put(changed)
      return { ok: false, failure: TOKEN_REFUSED }
    }
    await createProfileMailer(bench).send('default', MESSAGE)
    expect(bench.tokens.asked.map(({ request }) => request.tenantId)).toEqual([
      exchangeOnline.tenantId,
      tenantId,
    ])
    expect(bench.smtp.submitted.map(({ server }) => server.host)).toEqual([
      'smtp.office365.com',
      'smtp.office365.us',
    ])
  })

  it('opens only the secret that belongs to the settings it has read', async () => {
    await using bench = await startBench()
    const { openCredential } = bench.profiles
    const held: unknown[] = []
    bench.profiles.openCredential = (profile) => {
      held.push(profile)
      return openCredential(profile)
    }
    await createProfileMailer(bench).send('default', MESSAGE)
    expect(held).toEqual([profileOf('default')])
  })

  it('goes nowhere with incomplete settings', async () => {
    await using bench = await startBench({ profiles: [damaged()] })
    const result = await createProfileMailer(bench).send('default', MESSAGE)
    expect(result).toMatchObject({ ok: false, diagnosis: { code: 'settings_incomplete' } })
    expect(bench.smtp.submitted).toEqual([])
  })

  it('does not repeat a login that a new token has lost, nor any other failure', async () => {
    await using bench = await startBench()
    bench.smtp.submission = () => ({ ok: false, failure: TOKEN_REFUSED })
    await createProfileMailer(bench).send('default', MESSAGE)
    expect(bench.smtp.submitted).toHaveLength(1)
    bench.tokens.script = () => token({}, true)
    bench.smtp.submission = () => ({ ok: false, failure: SMTP_REFUSED })
    await createProfileMailer(bench).send('default', MESSAGE)
    expect(bench.smtp.submitted).toHaveLength(2)
  })

  it('asks for a new token when a remembered one lacks the right that was granted since', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 1 ? token({ roles: [] }, true) : token())
    const result = await createProfileMailer(bench).send('default', MESSAGE)
    expect(result.ok).toBe(true)
    expect(bench.tokens.asked).toHaveLength(2)
  })

  it('ends before the server when no token comes, or it lacks the role', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) =>
      call === 1
        ? noToken(entraFailure(7000215, 'Invalid client secret provided.'))
        : token({ roles: [] })
    const mailer = createProfileMailer(bench)
    const refused = await mailer.send('default', MESSAGE)
    expect(refused).toMatchObject({ ok: false, diagnosis: { row: 4 } })
    const lacking = await mailer.send('default', MESSAGE)
    expect(lacking).toMatchObject({ ok: false, diagnosis: { code: 'role_missing' } })
    expect(bench.smtp.submitted).toEqual([])
    expect(JSON.stringify([refused, lacking])).not.toMatch(new RegExp(`${SECRET}|${TOKEN}`))
  })

  it('goes without a token for other kinds of login', async () => {
    const basic = { type: 'basic', username: 'printer' } as const
    await using bench = await startBench({
      profiles: [
        profileOf('basic', { authentication: basic }),
        profileOf('none', { authentication: { type: 'none' } }),
      ],
    })
    const mailer = createProfileMailer(bench)
    await mailer.send('basic', MESSAGE)
    await mailer.send('none', MESSAGE)
    expect(bench.smtp.submitted.map(({ authentication }) => authentication.type)).toEqual([
      'login',
      'none',
    ])
    expect(bench.tokens.asked).toEqual([])
  })
})
