import { describe, expect, it } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { createTestEmail } from '../../../src/verification/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { profileOf, smtpReply, startBench } from './fakes.ts'
import {
  ACCEPTED_REPLY,
  refusedBy,
  type ScriptedMailer,
  scriptedMailer,
} from './scripted-mailer.ts'

const NO_FULL_ACCESS = smtpReply('message', 430, '4.2.0', 'STOREDRV; mailbox logon failure; x')

function testEmailOf(bench: Awaited<ReturnType<typeof startBench>>, mailer: ScriptedMailer) {
  return createTestEmail({ ...bench, mailer })
}

describe('a test email', () => {
  it('answers with the server’s reply and the message’s id', async () => {
    await using bench = await startBench()
    const mailer = scriptedMailer('accepted')
    const result = await testEmailOf(bench, mailer).send('default', ' it@contoso.com ')
    expect(result).toEqual({
      messageId: '<m@contoso.com>',
      serverMessageId: '<m@contoso.com>',
      reply: ACCEPTED_REPLY,
      to: 'it@contoso.com',
      durationMs: 0,
    })
    expect(mailer.sent.map(({ profileId }) => profileId)).toEqual(['default'])
    expect(bench.outcomes.lastOf('default')).toEqual({
      recipient: 'it@contoso.com',
      at: FAKE_NOW,
      reply: ACCEPTED_REPLY,
      diagnosis: null,
    })
  })

  it('says what it is: profile, time, agent, and that nothing has to be done', async () => {
    const senderDisplayName = 'A & B <script>'
    await using bench = await startBench({
      profiles: [profileOf('default', { senderDisplayName })],
    })
    const mailer = scriptedMailer('accepted')
    await testEmailOf(bench, mailer).send('default', 'it@contoso.com')
    const message = mailer.sent[0]?.message
    expect(message).toMatchObject({
      from: { name: senderDisplayName, address: 'alerts@contoso.com' },
      to: ['it@contoso.com'],
      subject: '[Process] Test email from Postern (default)',
      headers: { 'Auto-Submitted': 'auto-generated' },
      date: FAKE_NOW,
    })
    // Whoever asks twice wants two.
    expect(message?.idempotencyKey).toBeUndefined()
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
    const mailer = scriptedMailer(refusedBy(NO_FULL_ACCESS))
    await expect(
      testEmailOf(bench, mailer).send('default', 'it@contoso.com'),
    ).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'test_email_failed',
      message: expect.stringContaining('FullAccess'),
      details: { diagnosis: { row: 39, answer: { text: expect.stringContaining('430 4.2.0') } } },
    })
    expect(bench.outcomes.lastOf('default')).toMatchObject({
      reply: null,
      diagnosis: { row: 39 },
    })
  })

  it('that was not sent in time is told as that, and its outcome stays what it was', async () => {
    await using bench = await startBench()
    const late = new PosternError('The mail was taken back.', {
      kind: 'unavailable',
      code: 'own_mail_not_sent',
    })
    const mailer = scriptedMailer('accepted', late)
    const testEmail = testEmailOf(bench, mailer)
    await testEmail.send('default', 'it@contoso.com')
    const before = bench.outcomes.lastOf('default')
    await expect(testEmail.send('default', 'it@contoso.com')).rejects.toBe(late)
    expect(bench.outcomes.lastOf('default')).toEqual(before)
  })

  it('is given up when nobody waits for it any more, or when the agent stops', async () => {
    await using bench = await startBench()
    const mailer = scriptedMailer('accepted')
    const stop = new AbortController()
    const caller = new AbortController()
    const testEmail = createTestEmail({ ...bench, mailer, stop: stop.signal })
    await testEmail.send('default', 'it@contoso.com', caller.signal)
    const given = mailer.sent[0]?.signal
    expect(given?.aborted).toBe(false)
    stop.abort(new Error('stopping'))
    expect(given?.aborted).toBe(true)
    await expect(testEmail.send('default', 'it@contoso.com')).rejects.toThrow('stopping')
    const gone = new Error('gone')
    caller.abort(gone)
    const another = createTestEmail({ ...bench, mailer })
    await expect(another.send('default', 'it@contoso.com', caller.signal)).rejects.toBe(gone)
    expect(mailer.sent).toHaveLength(1)
  })

  it.each(['', 'nobody', 'a@contoso.com,b@contoso.com', 'a@contoso.com\nX: y'])(
    'to %j is refused before anything is sent',
    async (to) => {
      await using bench = await startBench()
      const mailer = scriptedMailer()
      await expect(testEmailOf(bench, mailer).send('default', to)).rejects.toMatchObject({
        kind: 'invalid',
        code: 'recipient_invalid',
        problems: [{ field: 'to' }],
      })
      expect(mailer.sent).toEqual([])
    },
  )

  it('of an unknown profile is not found', async () => {
    await using bench = await startBench()
    const mailer = scriptedMailer()
    await expect(testEmailOf(bench, mailer).send('nobody', 'it@contoso.com')).rejects.toMatchObject(
      { code: 'profile_not_found' },
    )
    expect(mailer.sent).toEqual([])
  })
})
