import { describe, expect, it } from 'vitest'
import type { AlertKind, Problem } from '../../../src/alerts/index.ts'
import { type Attempt, attempted, opened, resolved } from '../../../src/alerts/life.ts'
import { composeAlertMail, messageIdOf } from '../../../src/alerts/mail.ts'
import type { Profile } from '../../../src/profiles/profile.ts'
import { diagnosisOf, problemOf, profileOf, START } from './alerts-bench.ts'

interface MailOptions {
  carrier?: Profile
  subjectPrefix?: string
  publicUrl?: string | null
}

function ids() {
  let last = 0
  return () => `id-${++last}`
}

function mailOf(problem: Problem, options: MailOptions = {}) {
  const moment = { now: START, recipients: ['it@contoso.com'], newId: ids() }
  const alert = opened(problem, undefined, moment)
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

/** The mail about the end, 42 minutes later, for whoever got the first mail or did not. */
function lastMailOf(problem: Problem, first: Attempt) {
  const moment = { now: START, recipients: ['it@contoso.com'], newId: ids() }
  const alert = opened(problem, undefined, moment)
  const tried = attempted(alert, alert.notifications[0]?.id ?? '', first, moment)
  const now = START + 42 * 60_000
  const over = resolved(tried, 'The verification succeeded.', { ...moment, now })
  const notification = over.notifications.find(({ reason }) => reason === 'resolved')
  if (notification === undefined) throw new Error('no mail about the end')
  return composeAlertMail({
    alert: over,
    notification,
    carrier: profileOf('default'),
    subjectPrefix: '',
    publicUrl: null,
    version: '1',
    now,
  })
}

const TOLD: Attempt = { ok: true, by: 'default' }
const NOT_TOLD: Attempt = { ok: false, error: 'No path.' }

const evil =
  'x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>\u2028\u202Eevil\u0000\u0085"\'&'

describe('the mail of an alert', () => {
  it('says what happened, why, who must act, what to do, and how to stop the reminders', () => {
    const diagnosis = diagnosisOf('auth_refused', {
      guideStep: 'smtp-auth',
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
        'Allow SMTP AUTH for the mailbox',
        'A further line.',
        'https://postern.contoso.com/api/v1/alerts/id-1',
        'https://postern.contoso.com/api/v1/alerts/id-1/acknowledge',
        'curl -X POST',
        'Postern 1.2.3',
      ]) {
        expect(body).toContain(part)
      }
      expect(body).not.toContain('smtp-auth')
    }
  })

  it('names the address of the machine itself where no public one is set, and links nothing', () => {
    const mail = mailOf(problemOf())
    expect(mail.text).toContain('http://127.0.0.1:8587/api/v1/alerts/id-1/acknowledge')
    expect(mail.text).toContain('Bearer $TOKEN')
    expect(mail.html).not.toContain('<a ')
  })

  it('asks for no variable that Postern’s own commands would refuse', () => {
    for (const publicUrl of [null, 'https://postern.contoso.com']) {
      expect(mailOf(problemOf(), { publicUrl }).text).not.toContain('$POSTERN')
    }
  })

  it('links the alert and the pages to open, and nothing that is not of the web', () => {
    const commands = [
      { shell: 'url', text: 'https://entra.microsoft.com/?a=1&b="2"' },
      { shell: 'url', text: 'javascript:alert(1)' },
      { shell: 'url', text: 'not a url' },
    ] as const
    const diagnosis = diagnosisOf('auth_refused', { commands: [...commands] })
    const { html } = mailOf(problemOf({ diagnosis }), { publicUrl: 'https://p.contoso.com' })
    const links = [...html.matchAll(/<a href="([^"]*)">/g)].map(([, href]) => href)
    expect(links).toEqual([
      'https://p.contoso.com/api/v1/alerts/id-1',
      'https://entra.microsoft.com/?a=1&amp;b=%222%22',
    ])
    expect(html).toContain('javascript:alert(1)')
  })

  it('shows no answer word for word when no server has answered', () => {
    const base = diagnosisOf('credential_ended')
    const answer = { ...base.answer, source: 'settings', server: null, text: '2026-11-23' }
    const { text } = mailOf(problemOf({ diagnosis: { ...base, answer } }))
    expect(text).not.toContain('word for word')
    expect(mailOf(problemOf()).text).toContain('The answer of smtp.office365.com, word for word')
  })

  it('says cause, who must act and what to do also without a diagnosis', () => {
    const advice = {
      cause: 'It ends.',
      responsible: 'entraAdministrator',
      remedy: 'Make a new one.',
      commands: [{ shell: 'bash', text: 'az ad app' }],
    } as const
    const problem = problemOf({
      diagnosis: null,
      advice: { ...advice, commands: [...advice.commands] },
    })
    expect(mailOf(problem).text).toContain(
      [
        'Cause:\nIt ends.',
        'Who must act:\nthe Entra administrator',
        'What to do:\nMake a new one.',
        'In a shell:\n    az ad app',
      ].join('\n\n'),
    )
  })

  it('lists several likely causes in their order, with what is known before and beside them', () => {
    const likelyCauses = ['It was removed.', 'It was made again.']
    const cause =
      'It worked until 10:42. (1) It was removed. (2) It was made again. Such changes take up to 2 hours.'
    const { text } = mailOf(problemOf({ diagnosis: diagnosisOf('x', { cause, likelyCauses }) }))
    expect(text).toContain(
      [
        'Likely causes, the most probable one first:',
        'It worked until 10:42.',
        '(1) It was removed.',
        '(2) It was made again.',
        'Such changes take up to 2 hours.',
      ].join('\n'),
    )
    expect(text).not.toContain('Not a failure yet')
  })

  it('says what waits for Microsoft, and until when', () => {
    const diagnosis = diagnosisOf('x', { waitingUntil: '2026-11-23T11:41:20.000Z' })
    expect(mailOf(problemOf({ diagnosis })).text).toContain(
      'Not a failure yet:\nWaiting for Microsoft, usually done by 2026-11-23 11:42 UTC.',
    )
  })

  it('offers no end of the reminders where the days themselves remind', () => {
    const { text } = mailOf(problemOf({ kind: 'credentialExpiring', diagnosis: null }))
    expect(text).not.toContain('reminders')
    expect(text).not.toContain('acknowledge')
  })

  it('is marked as made by a machine, so that nobody’s vacation answers', () => {
    expect(mailOf(problemOf()).headers).toEqual({
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    })
  })

  it('gives the reason of the all-clear', () => {
    const mail = lastMailOf(problemOf(), TOLD)
    expect(mail.subject).toBe('Resolved: profile “default” can send mail again')
    expect(mail.text).toContain('The verification succeeded.')
    expect(mail.text).toContain('Resolved: 2026-11-23 10:42 UTC')
    expect(mail.text).not.toContain('acknowledge')
    expect(mail.text).not.toContain('could not be mailed')
  })

  it('tells afterwards what could not be mailed in time', () => {
    const mail = lastMailOf(problemOf({ summary: 'It broke.' }), NOT_TOLD)
    expect(mail.subject).toBe('Resolved: profile “default” can send mail again')
    expect(mail.text).toContain(
      'Profile “default” could not send mail from 2026-11-23 10:00 UTC to 2026-11-23 10:42 UTC.\n' +
        'This could not be mailed before; it works again.',
    )
    expect(mail.text).toContain('Problem: It broke.')
    expect(mail.text).toContain('Cause of auth_refused.')
  })

  it.each([
    ['verification', 'default', 'profile “default” can send mail again'],
    [
      'credentialExpiring',
      'default',
      'the credential of profile “default” does not end soon any more',
    ],
    ['credentialEnded', 'default', 'the credential of profile “default” is valid again'],
    ['secretUnreadable', 'default', 'the secret of profile “default” can be read again'],
    ['network', null, 'the servers can be reached again'],
    ['settingsFile', null, 'the settings file is in order again'],
  ] satisfies [AlertKind, string | null, string][])(
    'says in the subject what is over: %s',
    (kind, profileId, words) => {
      const { subject } = lastMailOf(problemOf({ kind, profileId }), TOLD)
      expect(subject).toBe(`Resolved: ${words}`)
    },
  )

  it('lets no foreign word add a header, a line, an element or a hidden character', () => {
    const base = diagnosisOf('auth_refused')
    const commands = ['bash', 'url'] as const
    const diagnosis = {
      ...base,
      summary: evil,
      cause: evil,
      remedy: evil,
      guideStep: evil,
      commands: commands.map((shell) => ({ shell, text: `https://x/${evil}` })),
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
