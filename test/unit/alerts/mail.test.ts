import { describe, expect, it } from 'vitest'
import type { Problem } from '../../../src/alerts/index.ts'
import { opened, resolved } from '../../../src/alerts/life.ts'
import { composeAlertMail, messageIdOf } from '../../../src/alerts/mail.ts'
import type { Profile } from '../../../src/profiles/profile.ts'
import { diagnosisOf, problemOf, profileOf, START } from './alerts-bench.ts'

function mailOf(
  problem: Problem,
  options: { carrier?: Profile; subjectPrefix?: string; publicUrl?: string | null } = {},
) {
  let ids = 0
  const newId = () => `id-${++ids}`
  const alert = opened(problem, undefined, { now: START, recipients: ['it@contoso.com'], newId })
  const [notification] = alert.notifications
  if (notification === undefined) throw new Error('nobody to tell')
  return composeAlertMail({
    alert,
    notification,
    carrier: options.carrier ?? profileOf('default'),
    subjectPrefix: options.subjectPrefix ?? '[Process] ',
    publicUrl: options.publicUrl ?? null,
    version: '1.2.3',
    now: START,
  })
}

const evil =
  'x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>\u2028\u202Eevil\u0000\u0085"\'&'

describe('the mail of an alert', () => {
  it('says what happened, why, who must act, what to do, and how to stop the reminders', () => {
    const diagnosis = diagnosisOf('auth_refused', {
      guideStep: 'Step 7',
      answer: { ...diagnosisOf('x').answer, traceId: 'trace-1', sessionId: 'session-1' },
    })
    const mail = mailOf(problemOf({ diagnosis, details: ['A further line.'] }), {
      publicUrl: 'https://postern.contoso.com/',
    })
    expect(mail.subject).toBe('[Process] Profile “default” cannot send mail.')
    for (const body of [mail.text, mail.html]) {
      for (const part of [
        'Profile “default” cannot send mail.',
        'default',
        '2026-11-23 10:00 UTC',
        'Cause of auth_refused.',
        'the Exchange administrator',
        'Remedy of auth_refused.',
        'Get-CASMailbox',
        '535 5.7.3 Authentication unsuccessful',
        'Trace ID: trace-1',
        'Session ID: session-1',
        'Step 7',
        'A further line.',
        'https://postern.contoso.com/api/v1/alerts/id-1',
        'https://postern.contoso.com/api/v1/alerts/id-1/acknowledge',
        'curl -X POST',
        'Postern 1.2.3',
      ]) {
        expect(body).toContain(part)
      }
    }
  })

  it('names no link where no public address is set', () => {
    expect(mailOf(problemOf()).text).not.toContain('http')
  })

  it('is marked as made by a machine, so that nobody’s vacation answers', () => {
    expect(mailOf(problemOf()).headers).toEqual({
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    })
  })

  it('gives the reason of the all-clear', () => {
    let ids = 0
    const newId = () => `id-${++ids}`
    const moment = { now: START, recipients: ['it@contoso.com'], newId }
    const alert = opened(problemOf(), undefined, moment)
    const over = resolved(
      {
        ...alert,
        notifications: alert.notifications.map((each) => ({
          ...each,
          state: 'delivered' as const,
          deliveredAt: START,
        })),
      },
      'The verification succeeded.',
      START + 60_000,
      newId,
    )
    const notification = over.notifications.find(({ reason }) => reason === 'resolved')
    if (notification === undefined) throw new Error('no all-clear')
    const mail = composeAlertMail({
      alert: over,
      notification,
      carrier: profileOf('default'),
      subjectPrefix: '',
      publicUrl: null,
      version: '1',
      now: START,
    })
    expect(mail.subject).toBe('Resolved: Profile “default” cannot send mail.')
    expect(mail.text).toContain('The verification succeeded.')
    expect(mail.text).toContain('Resolved: 2026-11-23 10:01 UTC')
    expect(mail.text).not.toContain('acknowledge')
  })

  it('lets no foreign word add a header, a line, an element or a hidden character', () => {
    const base = diagnosisOf('auth_refused')
    const diagnosis = {
      ...base,
      summary: evil,
      cause: evil,
      remedy: evil,
      guideStep: evil,
      commands: [{ shell: 'bash' as const, text: evil }],
      answer: { ...base.answer, text: evil, server: evil, traceId: evil },
    }
    const mail = mailOf(problemOf({ summary: evil, diagnosis, details: [evil] }), {
      carrier: profileOf('default', { senderDisplayName: evil }),
      subjectPrefix: `[p]\r\nX-Evil: 1 `,
    })
    const headers = [mail.subject, mail.from.name, mail.messageId, ...Object.values(mail.headers)]
    for (const value of headers) expect(value).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    for (const body of [mail.text, mail.html]) {
      expect(body.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
    expect(mail.html).not.toContain('<script')
    expect(mail.html).toContain('&lt;script&gt;')
  })

  it('keeps subjects and answers of any length within bounds', () => {
    const long = 'x'.repeat(100_000)
    const base = diagnosisOf('auth_refused')
    const diagnosis = { ...base, answer: { ...base.answer, text: long } }
    const mail = mailOf(problemOf({ summary: long.slice(0, 5_000), diagnosis }))
    expect(mail.subject.length).toBeLessThanOrEqual(200)
    expect(mail.text.length).toBeLessThan(12_000)
  })

  it('makes a Message-ID that holds no foreign character', () => {
    const id = '2b1e'
    expect(messageIdOf({ id, recipient: 'a@contoso.com' })).toBe('<postern-alert.2b1e@contoso.com>')
    for (const recipient of ['a@b>\r\nX: 1', 'a@büro.example', 'nothing']) {
      expect(messageIdOf({ id, recipient })).toMatch(/^<postern-alert\.2b1e@[A-Za-z0-9.-]+>$/)
    }
  })
})
