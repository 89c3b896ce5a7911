import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import {
  heldTooLong,
  messageNotSendable,
  senderMustWait,
} from '../../../../src/outbox/delivery/own-diagnosis.ts'
import {
  composeDeliveryStatus,
  type StatusFacts,
} from '../../../../src/outbox/notify/delivery-status.ts'
import { readHead } from '../../../../src/outbox/notify/message-head.ts'
import { diagnosisContext } from '../../../../src/verification/index.ts'
import { skipFor } from '../../../support/skip.ts'
import { profileOf, START } from '../../alerts/alerts-bench.ts'
import { type FailureOptions, failureOf, REPLY, recipientOf, refused } from './notify-bench.ts'

const ORIGINAL = 'From: <scanner@contoso.com>\r\nSubject: Scan m1\r\n\r\nHello\r\n'

function statusOf(options: FailureOptions = {}, changes: Partial<StatusFacts> = {}) {
  const profile = changes.profile ?? profileOf('default')
  const mail = composeDeliveryStatus({
    detail: failureOf('m1', options),
    to: 'scanner@contoso.com',
    returned: { kind: 'headers', bytes: readHead(Buffer.from(ORIGINAL)).bytes },
    profile,
    context: diagnosisContext(profile, { now: START }),
    hostname: 'gate.contoso.com',
    version: '1.2.3',
    id: 'b1',
    now: START,
    ...changes,
  })
  const raw = mail.body.toString('latin1')
  const start = raw.indexOf('Content-Type: message/delivery-status\r\n\r\n')
  const status = raw.slice(start + 41, raw.indexOf('\r\n--=_postern', start))
  return { ...mail, raw, status, fields: status.split('\r\n\r\n').map((block) => block.trim()) }
}

it('tells the message and each failed recipient in the fields of RFC 3464', () => {
  const envelope = { ...failureOf('x').message.envelope, envid: 'QQ+2B314159' }
  const { raw, fields } = statusOf({
    message: { envelope },
    recipients: [
      recipientOf('good@fabrikam.com', { state: 'delivered' }),
      recipientOf('bob@fabrikam.com', { index: 1, orcpt: 'rfc822;Bob+2Bhome@fabrikam.com' }),
      recipientOf('quiet@fabrikam.com', { index: 2, notify: 'NEVER' }),
    ],
  })
  expect(fields).toEqual([
    [
      'Reporting-MTA: dns; gate.contoso.com',
      'Original-Envelope-Id: QQ+314159',
      'Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0000',
    ].join('\r\n'),
    [
      'Original-Recipient: rfc822; Bob+home@fabrikam.com',
      'Final-Recipient: rfc822; bob@fabrikam.com',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; smtp.office365.com',
      `Diagnostic-Code: smtp; ${REPLY}`,
      'Last-Attempt-Date: Mon, 23 Nov 2026 10:00:00 +0000',
    ].join('\r\n'),
  ])
  expect(raw).toContain('Auto-Submitted: auto-replied\r\n')
  expect(raw).toContain('In-Reply-To: <m1@contoso.com>\r\n')
  expect(raw).toMatch(/report-type=delivery-status;\r\n boundary="=_postern-b1"\r\n/)
})

it.each([
  ['550 no such user', '5.0.0'],
  ['452 4.2.2 mailbox full', '4.2.2'],
  ['421 later', '4.0.0'],
  ['550-5.7.1 first\n550 5.7.1 second', '5.7.1'],
  ['250 2.0.0 OK', '4.0.0'],
])('gives the status of the answer %j', (reply, status) => {
  const { fields } = statusOf({ recipients: [recipientOf('bob@fabrikam.com', { reply })] })
  expect(fields[1]).toContain(`Status: ${status}\r\n`)
})

it('says that its time was over where no server said anything, and names no server then', () => {
  const { fields } = statusOf({
    message: { reply: null },
    recipients: [recipientOf('bob@fabrikam.com', { reply: null })],
    attempts: [],
  })
  expect(fields[1]).toBe(
    [
      'Final-Recipient: rfc822; bob@fabrikam.com',
      'Action: failed',
      'Status: 4.4.7',
      'Diagnostic-Code: x-postern; Summary of recipient_unknown.',
    ].join('\r\n'),
  )
})

it.each([
  ['was kept too long', heldTooLong(168, refused()), '4.4.7'],
  ['waited for other senders to the end', senderMustWait('boss@contoso.com', 1), '4.4.7'],
  ['cannot be put on the wire', messageNotSendable('A line is too long.'), '5.6.0'],
])('gives the status of a message that %s, where no server was asked', (_, diagnosis, status) => {
  const { fields } = statusOf({
    message: { reply: null, diagnosis },
    recipients: [
      recipientOf('bob@fabrikam.com', { reply: null, diagnosisCode: diagnosis.code }),
      recipientOf('ann@fabrikam.com', { index: 1, diagnosisCode: diagnosis.code }),
    ],
  })
  expect(fields[1]).toContain(`\r\nStatus: ${status}\r\nDiagnostic-Code: x-postern; `)
  expect(fields[2]).toContain('\r\nStatus: 5.1.1\r\n')
})

it('leaves under the null sender where nobody logs in, else under the profile’s sender', () => {
  expect(statusOf().envelope).toMatchObject({
    sender: 'default@contoso.com',
    recipients: [{ address: 'scanner@contoso.com', notify: 'NEVER' }],
  })
  const profile = profileOf('default', { authentication: { type: 'none' } })
  expect(statusOf({}, { profile }).envelope.sender).toBe('')
})

it('lets no word of a client or server begin a field of its own', () => {
  const evil = '550 5.1.1 no\r\nFinal-Recipient: rfc822; x@y\r\n\r\nAction: delivered\u0000\u00e9'
  const envelope = { ...failureOf('x').message.envelope, envid: 'a+0D+0AX-Evil: 1' }
  const { fields, raw } = statusOf({
    message: { envelope, subject: evil, messageId: `<a@b>\r\nX-Evil: 2` },
    recipients: [
      recipientOf('bob@fabrikam.com', { reply: evil, orcpt: 'rfc822;a+0D+0AX-Evil: 3' }),
    ],
  })
  expect(fields).toHaveLength(2)
  for (const line of fields.join('\r\n').split('\r\n')) {
    expect(line).toMatch(/^( |[A-Z][A-Za-z-]*: )[\x20-\x7e]+$/)
  }
  expect(fields.join('\r\n').match(/^(Action|Final-Recipient): .*$/gm)).toEqual([
    'Final-Recipient: rfc822; bob@fabrikam.com',
    'Action: failed',
  ])
  expect(raw).not.toMatch(/^X-Evil/m)
  expect(raw).not.toContain('\0')
})

it('keeps every line within what a mail may hold', () => {
  const reply = `550 5.6.0 ${'x'.repeat(5_000)}`
  const { raw } = statusOf({
    message: { subject: 'é'.repeat(200) },
    recipients: [recipientOf('bob@fabrikam.com', { reply })],
  })
  const longest = Math.max(...raw.split('\r\n').map((line) => line.length))
  expect(longest).toBeLessThanOrEqual(998)
  expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  expect(raw).toMatch(/^\p{ASCII}*$/u)
})

it('keeps an address that is not ASCII, in ASCII', () => {
  const { fields, envelope } = statusOf({ recipients: [recipientOf('jörg+x@münchen.example')] })
  expect(fields[1]).toContain(
    'Final-Recipient: utf-8; j\\x{F6}rg\\x{2B}x@m\\x{FC}nchen.example\r\n',
  )
  expect(envelope.smtpUtf8).toBe(false)
  expect(statusOf({}, { to: 'jörg@contoso.com' }).envelope.smtpUtf8).toBe(true)
})

it('gives a message back byte for byte, and says so when its bytes have eight bits', () => {
  const bytes = Buffer.from('Subject: x\r\n\r\n\xe9\xff\r\n..\r\n', 'latin1')
  const { body, envelope, raw } = statusOf({}, { returned: { kind: 'message', bytes } })
  expect(body.includes(bytes)).toBe(true)
  expect(envelope.eightBit).toBe(true)
  const head = 'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
  expect(raw).toContain(`${head}${bytes.toString('latin1')}\r\n--=_postern-b1--\r\n`)
})

/** Another implementation's eyes: Python's own parser of mails and their delivery status. */
const PARSER = `
import email, json, sys
from email import policy
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=policy.SMTP)
human, status, returned = message.iter_parts()
print(json.dumps({
  'type': message.get_content_type(),
  'report': message.get_param('report-type'),
  'subject': str(message['subject']),
  'to': str(message['to']),
  'defects': [str(d) for part in message.walk() for d in part.defects]
    + [str(d) for part in message.walk() for value in part.values() for d in value.defects],
  'types': [part.get_content_type() for part in message.iter_parts()],
  'human': human.get_content(),
  'blocks': [dict((k, str(v)) for k, v in block.items()) for block in status.get_payload()],
  'returned': returned.get_content() if returned.get_content_type() == 'text/rfc822-headers'
    else returned.get_payload(0).as_string(),
}))
`

it.for(['headers', 'message'] as const)(
  'is what another mail program reads as a delivery status notification, with the %s',
  (kind, context) => {
    const reply = `550-5.1.1 <bob@fabrikam.com>\n550 5.1.1 ${'no such user '.repeat(30).trim()}`
    const head = readHead(Buffer.from(ORIGINAL)).bytes
    const bytes = kind === 'headers' ? head : Buffer.from(ORIGINAL)
    const { body } = statusOf(
      {
        message: { subject: 'Größe: 5 €' },
        recipients: [
          recipientOf('bob@fabrikam.com', { reply }),
          recipientOf('jörg@münchen.example', { index: 1, reply }),
        ],
      },
      { returned: { kind, bytes } },
    )
    const { error, status, stdout, stderr } = spawnSync('python3', ['-c', PARSER], { input: body })
    if (error !== undefined) return skipFor(context, 'python3 is not installed')
    expect(stderr.toString()).toBe('')
    expect(status).toBe(0)
    const read: unknown = JSON.parse(stdout.toString())
    expect(read).toMatchObject({
      type: 'multipart/report',
      report: 'delivery-status',
      subject: 'Not delivered: Größe: 5 €',
      to: 'scanner@contoso.com',
      defects: [],
      types: [
        'text/plain',
        'message/delivery-status',
        kind === 'headers' ? 'text/rfc822-headers' : 'message/rfc822',
      ],
      human: expect.stringContaining('Subject: Größe: 5 €'),
      blocks: [
        { 'Reporting-MTA': 'dns; gate.contoso.com' },
        {
          'Final-Recipient': 'rfc822; bob@fabrikam.com',
          Action: 'failed',
          Status: '5.1.1',
          'Diagnostic-Code': `smtp; ${reply.replace('\n', ' ')}`,
        },
        { Action: 'failed' },
      ],
      returned: expect.stringContaining('Subject: Scan m1'),
    })
    return undefined
  },
)
