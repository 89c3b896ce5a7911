import { createFindings, type Findings, type Profile } from '../../profiles/index.ts'
import { type MessageInput, MOST_RECIPIENTS } from '../api.ts'
import {
  isOneLine,
  isSenderOf,
  type Mailbox,
  readMailboxes,
  readName,
  senderAddresses,
} from './addresses.ts'
import { type Attachment, readAttachments } from './attachments.ts'
import { type ExtraFields, readExtraFields } from './header-fields.ts'
import { messageInvalid } from './refusals.ts'

/** An input that keeps every rule, with what the profile adds. */
export interface ReadMessage {
  readonly from: Mailbox
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly replyTo: readonly Mailbox[]
  /** Of the envelope, each once: to, cc and bcc. */
  readonly recipients: readonly string[]
  readonly subject: string
  readonly text: string | undefined
  readonly html: string | undefined
  readonly attachments: readonly Attachment[]
  readonly extra: ExtraFields
}

/** Throws message_invalid with everything that is wrong. */
export function readMessage(input: MessageInput, profile: Profile): ReadMessage {
  const findings = createFindings()
  countAddresses(input)
  const to = readMailboxes(input.to, 'to', findings)
  const cc = readMailboxes(input.cc, 'cc', findings)
  const bcc = readMailboxes(input.bcc, 'bcc', findings)
  const from = readFrom(input.from, profile, findings)
  const message = {
    from,
    to,
    cc,
    replyTo: readMailboxes(input.replyTo, 'replyTo', findings),
    recipients: readRecipients([...to, ...cc, ...bcc], input, findings),
    subject: readSubject(input.subject, profile, findings),
    text: input.text,
    html: input.html,
    attachments: readAttachments(input.attachments, findings),
    extra: readExtraFields(input.headers, findings),
  }
  if (findings.problems.length > 0) throw messageInvalid(findings.problems)
  return message
}

/** Before any of them is read: a body can hold hundreds of thousands. */
function countAddresses({ to, cc, bcc, replyTo }: MessageInput): void {
  const tooMany = Object.entries({ to, cc, bcc, replyTo }).flatMap(([field, list]) => {
    const count = Array.isArray(list) ? list.length : 0
    const message = `${field} has ${count} addresses, and a message can have at most ${MOST_RECIPIENTS}: send it in parts.`
    return count > MOST_RECIPIENTS ? [{ field, message }] : []
  })
  if (tooMany.length > 0) throw messageInvalid(tooMany)
}

function readFrom(input: MessageInput['from'], profile: Profile, findings: Findings): Mailbox {
  const { senderDisplayName: name, senderEmailAddress: address } = profile
  const own = { name, address }
  if (input === undefined) return own
  if (typeof input !== 'string' && input.address === undefined) {
    return { ...own, name: readName(input.name ?? name, 'from', findings) ?? '' }
  }
  const given = typeof input === 'string' ? input : { address, ...input }
  const [read] = readMailboxes(given, 'from', findings)
  if (read === undefined) return own
  if (!isSenderOf(profile, read.address)) {
    findings.problem(
      'from',
      `from is not an address of profile “${profile.id}”, which sends as ${senderAddresses(profile).join(' or ')}: leave it out, or send through the profile of that address.`,
    )
  }
  return { address: read.address, name: read.name === '' ? name : read.name }
}

function readRecipients(
  mailboxes: readonly Mailbox[],
  input: MessageInput,
  findings: Findings,
): readonly string[] {
  const byKey = new Map(mailboxes.map(({ address }) => [address.toLowerCase(), address]))
  if (byKey.size > MOST_RECIPIENTS) {
    findings.problem(
      'to',
      `A message can have at most ${MOST_RECIPIENTS} recipients (to, cc and bcc), and this one has ${byKey.size}: send it in parts.`,
    )
  }
  const given = [input.to, input.cc, input.bcc].flat().filter((entry) => entry !== undefined)
  if (given.length === 0) {
    findings.problem('to', 'The message has no recipient: name one in to, cc or bcc.')
  }
  return [...byKey.values()]
}

function readSubject(subject: string | undefined, profile: Profile, findings: Findings): string {
  const text = subject ?? ''
  if (!isOneLine(text)) {
    findings.problem(
      'subject',
      'subject has a line break or another control character: write it on one line.',
    )
  }
  return `${profile.subjectPrefix}${text}`
}
