import { describe, expect, it } from 'vitest'
import { diagnose } from '../../../../src/diagnosis/index.ts'
import type { MessageDetail } from '../../../../src/outbox/message.ts'
import {
  clientWords,
  composeFailureDigest,
  type DigestFacts,
  MOST_IN_FULL,
} from '../../../../src/outbox/notify/failure-digest.ts'
import { composeMessage } from '../../../../src/smtp/index.ts'
import { diagnosisContext } from '../../../../src/verification/index.ts'
import { flat, readMail } from '../../../support/mail.ts'
import { profileOf, START } from '../../alerts/alerts-bench.ts'
import { failedOf, failureOf, REPLY, recipientOf, refused } from './notify-bench.ts'

const PROFILE = profileOf('default')
const CONTEXT = diagnosisContext(PROFILE, { now: START })

function digestOf(failures: readonly MessageDetail[], changes: Partial<DigestFacts> = {}) {
  return composeFailureDigest({
    profile: PROFILE,
    errorEmailAddress: 'it@contoso.com',
    told: failures.slice(0, MOST_IN_FULL).map(failedOf),
    count: failures.length,
    hasMore: false,
    context: CONTEXT,
    publicUrl: null,
    version: '1.2.3',
    id: 'r1',
    now: START,
    ...changes,
  })
}

describe('the digest of failed messages', () => {
  it('says of a message all that its reader needs, in the words of the diagnosis', () => {
    const { subject, text, html } = digestOf([failureOf('m1')], {
      publicUrl: 'https://postern.contoso.com/',
    })
    expect(subject).toBe('[default] A message through profile “default” could not be delivered')
    const diagnosis = refused()
    for (const body of [text, html]) {
      for (const part of [
        'bob@fabrikam.com',
        'Scan m1',
        'scanner@contoso.com',
        'm1@contoso.com',
        '2026-11-23 09:00 UTC',
        'the SMTP relay, client printer',
        diagnosis.summary,
        diagnosis.cause,
        'the operator of Postern',
        diagnosis.remedy,
        'https://postern.contoso.com/api/v1/messages/m1',
        'Postern 1.2.3',
      ]) {
        expect(body).toContain(part)
      }
    }
    expect(text).toContain(`    ${REPLY}`)
    expect(html).not.toContain('<bob')
  })

  it('tells each answer with those whom it is about, and who got the message all the same', () => {
    const other = '550 5.7.1 Unable to relay'
    const { text, subject } = digestOf([
      failureOf('m1', {
        recipients: [
          recipientOf('good@fabrikam.com', {
            index: 0,
            state: 'delivered',
            reply: '250 2.1.5 OK',
            diagnosisCode: null,
          }),
          recipientOf('bob@fabrikam.com', { index: 1 }),
          recipientOf('ann@elsewhere.com', {
            index: 2,
            reply: other,
            diagnosisCode: 'relay_denied',
          }),
        ],
      }),
    ])
    const judged = diagnose(
      {
        source: 'smtp',
        step: 'rcpt',
        host: 'smtp.office365.com',
        code: 550,
        enhancedCode: '5.7.1',
        text: other,
      },
      CONTEXT,
    )
    expect(judged.code).toBe('relay_denied')
    expect(subject).toContain('could not be delivered to all of its recipients')
    expect(text).toContain('Delivered to: 1 of 3 recipients')
    expect(text).toContain('Not delivered to: bob@fabrikam.com')
    expect(text).toContain('Not delivered to: ann@elsewhere.com')
    for (const part of [REPLY, refused().remedy, other, judged.summary, judged.remedy]) {
      expect(text).toContain(part)
    }
  })

  it('tells the diagnosis alone where the server said nothing', () => {
    const { text } = digestOf([
      failureOf('m1', {
        message: { reply: null },
        recipients: [recipientOf('bob@fabrikam.com', { reply: null })],
      }),
    ])
    expect(text).not.toContain('word for word')
    expect(text).toContain(refused().summary)
  })

  it('stays short: some in full, the rest counted', () => {
    const failures = Array.from({ length: 57 }, (_, i) => failureOf(`m-${i}-`))
    const { text, subject } = digestOf(failures)
    expect(subject).toContain('57 messages')
    expect(text.match(/Message: \d+ of 57/g)).toHaveLength(MOST_IN_FULL)
    expect(text).toContain('37 further messages failed')
    expect(text).not.toContain('next report')
    const more = digestOf(failures, { hasMore: true })
    expect(more.subject).toContain('More than 57 messages')
    expect(more.text).toContain('Still more of them are told in the next report.')
  })

  it('counts recipients instead of listing five hundred', () => {
    const recipients = Array.from({ length: 500 }, (_, index) =>
      recipientOf(`user-${index}-@fabrikam.com`, { index }),
    )
    const { text } = digestOf([failureOf('m1', { recipients })])
    expect(text).toContain('user-9-@fabrikam.com and 10 more')
    expect(text).toContain('It was not delivered to 480 further recipients')
    expect(text).not.toContain('user-10-@')
  })

  it('lets no foreign word become a header, a tag or another line', async () => {
    const evil = 'x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>\u202E'
    const mail = digestOf(
      [
        failureOf('m1', {
          message: { subject: evil, messageId: evil, client: evil, headerFrom: evil },
          recipients: [recipientOf(evil, { reply: evil })],
        }),
      ],
      { profile: profileOf('default', { subjectPrefix: evil, senderDisplayName: evil }) },
    )
    expect(mail.html).not.toContain('<script')
    expect(mail.text).not.toMatch(/^Bcc:/m)
    const raw = (await composeMessage(mail)).toString('latin1')
    const read = readMail(raw)
    expect(read.header('bcc')).toEqual([])
    expect(read.header('to')).toEqual(['it@contoso.com'])
    expect(flat(read.text)).toContain('Bcc: victim@example.com')
  })

  it.each([
    ['token:t-1', 'the API, with the token t-1'],
    ['relay:printer', 'the SMTP relay, client printer'],
    ['sendmail:www-data', 'the sendmail command, user www-data'],
    ['postern', 'Postern itself'],
    ['something else', 'something else'],
  ])('says who handed it in: %s', (client, words) => {
    expect(clientWords(client)).toBe(words)
  })
})
