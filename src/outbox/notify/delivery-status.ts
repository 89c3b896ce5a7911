import { encode, wrap } from 'nodemailer/lib/qp'
import type { DiagnosisContext } from '../../diagnosis/index.ts'
import { toRfc5322 } from '../../platform/clock.ts'
import type { Profile } from '../../profiles/index.ts'
import { type Block, oneLine, shorten, toText } from '../../smtp/index.ts'
import type { Envelope, MessageDetail, StoredRecipient } from '../message.ts'
import { recipientsToTell } from './bounce-policy.ts'
import { type FailedGroup, failedGroups, statusOf } from './explain.ts'
import { addressList, domainOf, groupBlocks, messageRows } from './failure-blocks.ts'
import { encodedWords, isAscii, readableXtext, statusText, utf8Address } from './status-text.ts'

export interface StatusFacts {
  readonly detail: MessageDetail
  /** Who gets it. */
  readonly to: string
  /** What of the message comes back; null: its bytes are not kept any more. */
  readonly returned: { readonly kind: 'message' | 'headers'; readonly bytes: Buffer } | null
  readonly profile: Profile
  readonly context: DiagnosisContext
  /** Of this machine. */
  readonly hostname: string
  readonly version: string
  /** Of the notification itself. */
  readonly id: string
  readonly now: number
}

export interface StatusMail {
  readonly envelope: Envelope
  readonly subject: string
  readonly messageId: string
  readonly body: Buffer
}

const LONGEST_SUBJECT = 200
const CRLF = '\r\n'

/**
 * A delivery status notification: multipart/report (RFC 6522) of words for people, a message/delivery-status (RFC 3464)
 * for programs, and what comes back of the message itself.
 */
export function composeDeliveryStatus(facts: StatusFacts): StatusMail {
  const { detail, to, returned, profile, id, now } = facts
  const { message } = detail
  const from = profile.senderEmailAddress
  const messageId = `<postern-bounce.${id}@${domainOf(from)}>`
  const about = message.subject === null ? 'your message' : oneLine(message.subject)
  const subject = shorten(`Not delivered: ${about}`, LONGEST_SUBJECT)
  const boundary = `=_postern-${id}`
  const isEightBit = returned?.bytes.some((byte) => byte > 127) ?? false
  const fields = [
    `Date: ${toRfc5322(now)}`,
    `From: Postern mail delivery <${oneLine(from)}>`,
    `To: <${oneLine(to)}>`,
    `Subject: ${encodedWords(subject)}`,
    `Message-ID: ${messageId}`,
    ...threadFields(message.messageId),
    // RFC 3834 §5; the second is Exchange's own word for it ([MS-OXCMAIL] §2.1.3.2.20).
    'Auto-Submitted: auto-replied',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;${CRLF} boundary="${boundary}"`,
    ...(isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []),
  ]
  const parts = [
    part(
      ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable'],
      quotedPrintable(toText(wordsOf(facts))),
    ),
    part(['Content-Type: message/delivery-status'], statusFields(facts)),
    ...(returned === null ? [] : [returnedPart(returned, isEightBit)]),
  ]
  const open = Buffer.from(`${CRLF}--${boundary}${CRLF}`)
  const body = Buffer.concat([
    Buffer.from(fields.join(CRLF) + CRLF),
    ...parts.flatMap((each) => [open, each]),
    Buffer.from(`${CRLF}--${boundary}--${CRLF}`),
  ])
  return { envelope: envelopeOf(facts, isEightBit), subject, messageId, body }
}

/**
 * RFC 3461 §6.1 wants a null sender, which servers that know who has logged in refuse: Exchange Online lets a mailbox send
 * as itself and as nobody else. There it leaves under the profile's sender, and asks not to be reported itself.
 */
function envelopeOf({ profile, to }: StatusFacts, eightBit: boolean): Envelope {
  const { authentication, senderEmailAddress } = profile
  const isOpen = authentication.type === 'none'
  return {
    sender: isOpen ? '' : senderEmailAddress,
    recipients: [{ address: to, notify: 'NEVER', orcpt: null }],
    smtpUtf8: !isAscii(to) || !isAscii(senderEmailAddress),
    eightBit,
    ret: null,
    envid: null,
  }
}

function toldGroups({ detail, context }: StatusFacts): readonly FailedGroup[] {
  const told = new Set(recipientsToTell(detail).map(({ index }) => index))
  return failedGroups(detail, context).flatMap((group) => {
    const recipients = group.recipients.filter(({ index }) => told.has(index))
    return recipients.length === 0 ? [] : [{ ...group, recipients }]
  })
}

function wordsOf(facts: StatusFacts): readonly Block[] {
  const { detail, hostname, version, returned } = facts
  const back = { message: 'the message itself', headers: 'the header of the message' }
  const behind = returned === null ? '' : `, and ${back[returned.kind]}`
  return [
    {
      style: 'text',
      lines: [
        `This is Postern ${version} on ${hostname}. It could not deliver a message that came from you, and does not try it again.`,
      ],
    },
    { style: 'facts', rows: messageRows(detail) },
    ...toldGroups(facts).flatMap((group): readonly Block[] => [
      { style: 'facts', rows: [['Not delivered to', addressList(group.recipients)]] },
      ...groupBlocks(group),
    ]),
    {
      style: 'text',
      lines: [`A report for programs follows${behind}.`],
    },
  ]
}

/** RFC 3464 §2.1: a block about the message, and one about each recipient, with an empty line between them. */
function statusFields(facts: StatusFacts): Buffer {
  const { detail, hostname } = facts
  const { message, attempts } = detail
  const last = attempts.at(-1)
  const envelopeId = readableXtext(message.envelope.envid)
  const about = [
    `Reporting-MTA: dns; ${statusText(hostname)}`,
    ...(envelopeId === null ? [] : [`Original-Envelope-Id: ${envelopeId}`]),
    `Arrival-Date: ${toRfc5322(message.acceptedAt)}`,
  ]
  const each = toldGroups(facts).flatMap((group) =>
    group.recipients.map((recipient) => recipientFields(recipient, group, last)),
  )
  const blocks = [about, ...each].map((lines) => lines.map((line) => `${line}${CRLF}`).join(''))
  return Buffer.from(blocks.join(CRLF), 'latin1')
}

function recipientFields(
  recipient: StoredRecipient,
  { reply, diagnosis }: FailedGroup,
  last: MessageDetail['attempts'][number] | undefined,
): string[] {
  const original = originalRecipient(recipient.orcpt)
  // The server spoke only where there are words of it.
  const host = reply === null ? undefined : last?.server.replace(/:\d+$/, '')
  const said = reply === null ? undefined : `smtp; ${statusText(reply)}`
  const known = diagnosis === null ? undefined : `x-postern; ${statusText(diagnosis.summary)}`
  const why = said ?? known
  return [
    ...(original === null ? [] : [`Original-Recipient: ${original}`]),
    `Final-Recipient: ${finalRecipient(recipient.address)}`,
    'Action: failed',
    `Status: ${statusOf(reply, recipient.diagnosisCode)}`,
    ...(host === undefined ? [] : [`Remote-MTA: dns; ${statusText(host)}`]),
    ...(why === undefined ? [] : [`Diagnostic-Code: ${why}`]),
    ...(last === undefined ? [] : [`Last-Attempt-Date: ${toRfc5322(last.finishedAt)}`]),
  ]
}

/** RFC 6533 §3: an address that is not ASCII keeps its letters in a form that is. */
function finalRecipient(address: string): string {
  return isAscii(address) ? `rfc822; ${statusText(address)}` : `utf-8; ${utf8Address(address)}`
}

/** RFC 3461 §4.2: `rfc822;Bob@example.com`, its address in xtext. */
function originalRecipient(orcpt: string | null): string | null {
  const [, type, address] = /^([A-Za-z0-9-]+);(.+)$/.exec(orcpt ?? '') ?? []
  const readable = readableXtext(address ?? null)
  return type === undefined || readable === null ? null : `${type}; ${readable}`
}

function returnedPart(
  { kind, bytes }: NonNullable<StatusFacts['returned']>,
  isEightBit: boolean,
): Buffer {
  const type = kind === 'message' ? 'message/rfc822' : 'text/rfc822-headers'
  const encoding = isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []
  return part([`Content-Type: ${type}`, ...encoding], bytes)
}

function part(fields: readonly string[], content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${fields.join(CRLF)}${CRLF}${CRLF}`), content])
}

function quotedPrintable(text: string): Buffer {
  return Buffer.from(wrap(encode(text.replaceAll('\n', CRLF))), 'latin1')
}

function threadFields(messageId: string | null): readonly string[] {
  if (messageId === null || !/^<[\x21-\x3b\x3d\x3f-\x7e]{1,900}>$/.test(messageId)) return []
  return [`In-Reply-To: ${messageId}`, `References: ${messageId}`]
}
