import { encodePhrase, prefixedSubject, readable, readSenderField } from '../../outbox/index.ts'
import type { Profile } from '../../profiles/index.ts'
import type { RelayClient } from '../clients/index.ts'
import type { Reply } from '../reply.ts'
import { type Field, parseHead, unfold } from './head.ts'
import type { SenderRules } from './sender-rules.ts'

export interface HeadRules {
  readonly client: Pick<RelayClient, 'fromPolicy' | 'applySubjectPrefix' | 'repair'>
  readonly profile: Pick<Profile, 'senderEmailAddress' | 'senderDisplayName' | 'subjectPrefix'>
  readonly rules: SenderRules
  /** The id that the message will have. */
  readonly id: string
  /** RFC 5322 §3.3. */
  readonly date: string
}

/** What becomes of the header section, in Latin-1. */
export interface HeadPlan {
  /** Lines that stand in front of it. */
  readonly added: string
  /** null: it stays as it is, byte for byte. */
  readonly head: string | null
  readonly headerFrom: string | null
  readonly subject: string | null
  readonly messageId: string | null
}

/** RFC 5321 §6.3 asks for at least 100; a message that has passed so many relays of one site goes round. */
const MOST_HOPS = 50
const LONGEST_SUBJECT = 200

/** `head`: as parseHead() takes it. */
export function planHead(head: string, rules: HeadRules): HeadPlan | Reply {
  const { client, profile } = rules
  const { fields, malformed } = parseHead(head)
  if (fields.filter(({ name }) => name === 'received').length > MOST_HOPS) return GOES_ROUND
  if (malformed && client.fromPolicy !== 'keep') return MALFORMED

  const from = judgeFrom(fields, rules)
  if ('code' in from) return from
  const shareable = withoutHidden(fields)
  let edited = from.edit ? replaceFrom(shareable, from, profile) : shareable
  if (client.applySubjectPrefix && profile.subjectPrefix !== '') {
    edited = prefixSubject(edited, profile.subjectPrefix)
  }
  const added: string[] = []
  if (client.repair.missingDate && !has(fields, 'date')) {
    added.push(`Date: ${rules.date}\r\n`)
  }
  let messageId = readMessageId(fields)
  if (client.repair.missingMessageId && !has(fields, 'message-id')) {
    const sender = profile.senderEmailAddress
    messageId = `<${rules.id}@${sender.slice(sender.lastIndexOf('@') + 1)}>`
    added.push(`Message-ID: ${messageId}\r\n`)
  }
  const subject = edited.find(({ name }) => name === 'subject')
  return {
    added: added.join(''),
    head: edited === fields ? null : edited.map(({ text }) => text).join(''),
    headerFrom: from.address,
    subject: subject === undefined ? null : shown(subject.value),
    messageId,
  }
}

interface FromVerdict {
  /** The profile's sender takes its place. */
  readonly edit: boolean
  /** Value of the former field that becomes Reply-To; null: none. */
  readonly replyTo: string | null
  readonly address: string | null
}

function judgeFrom(fields: readonly Field[], rules: HeadRules): FromVerdict | Reply {
  const { client, profile } = rules
  const own = profile.senderEmailAddress.toLowerCase()
  const [field, ...more] = fields.filter(({ name }) => name === 'from')
  // RFC 5322 §3.6: exactly one. With several, programs differ on the one that counts.
  const mailboxes =
    field === undefined || more.length > 0 ? undefined : readSenderField(unfold(field.value))
  if (mailboxes === undefined && (client.repair.brokenFrom || client.fromPolicy === 'rewrite')) {
    return { edit: true, replyTo: null, address: own }
  }
  const [address = null] = mailboxes ?? []
  if (client.fromPolicy === 'keep') return { edit: false, replyTo: null, address }
  if (mailboxes === undefined) return UNREADABLE_FROM

  const senders = fields.filter(({ name }) => name === 'sender')
  const claimed = senders.map(({ value }) => readSenderField(unfold(value)) ?? [''])
  const stranger = [...mailboxes, ...claimed.flat()].find((one) => !rules.rules.allows(one))
  if (stranger === undefined) return { edit: false, replyTo: null, address }
  if (client.fromPolicy === 'rewrite') {
    return { edit: true, replyTo: field?.value ?? null, address: own }
  }
  return notAllowed(
    stranger === '' ? 'the address in its Sender header' : stranger,
    rules.rules.shown,
  )
}

export function notAllowed(address: string, allowed: string): Reply {
  return {
    code: 550,
    enhanced: '5.7.1',
    text: `This relay client may not send as ${address}. Let the application send as ${allowed}, or let an administrator allow the address or set the From policy of the client to rewrite.`,
  }
}

function replaceFrom(
  fields: readonly Field[],
  verdict: FromVerdict,
  profile: HeadRules['profile'],
): readonly Field[] {
  const { senderDisplayName: name, senderEmailAddress: address } = profile
  const value = name === '' ? ` ${address}` : ` ${encodePhrase(name)} <${address}>`
  const from = fieldOf('From', Buffer.from(value).toString('latin1'))
  const replyTo =
    verdict.replyTo === null || has(fields, 'reply-to')
      ? []
      : [fieldOf('Reply-To', verdict.replyTo)]
  const first = fields.findIndex((field) => field.name === 'from')
  const edited = fields.flatMap((field, index) => {
    if (index === first) return [from, ...replyTo]
    // RFC 5322 §3.6.2: Sender only says who else sent it, and that was the one who is replaced.
    return field.name === 'from' || field.name === 'sender' ? [] : [field]
  })
  return first < 0 ? [from, ...edited] : edited
}

function prefixSubject(fields: readonly Field[], prefix: string): readonly Field[] {
  const index = fields.findIndex(({ name }) => name === 'subject')
  const value = prefixedSubject(fields[index]?.value, prefix)
  if (value === undefined) return fields
  const field = fieldOf('Subject', value)
  return index === -1 ? [...fields, field] : fields.with(index, field)
}

/** `value`: in Latin-1, as everything of a head. */
function fieldOf(name: string, value: string): Field {
  return { name: name.toLowerCase(), text: `${name}:${value}\r\n`, value }
}

/** Those who are named there must not be read by the others (RFC 5322 §3.6.3 and §3.6.6). */
const HIDDEN = new Set(['bcc', 'resent-bcc'])

function withoutHidden(fields: readonly Field[]): readonly Field[] {
  return fields.some(({ name }) => HIDDEN.has(name))
    ? fields.filter(({ name }) => !HIDDEN.has(name))
    : fields
}

function has(fields: readonly Field[], name: string): boolean {
  return fields.some((field) => field.name === name)
}

/** On one line: an encoded word can hold everything, line ends and escape sequences too. */
function shown(value: string): string {
  const line = readable(unfold(value))
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  return line.slice(0, LONGEST_SUBJECT).toWellFormed()
}

function readMessageId(fields: readonly Field[]): string | null {
  const field = fields.find(({ name }) => name === 'message-id')
  const [id] = /<[^<>\s]+>/.exec(unfold(field?.value ?? '')) ?? []
  return id === undefined || /\p{Cc}/u.test(id) ? null : id
}

const GOES_ROUND: Reply = {
  code: 554,
  enhanced: '5.4.6',
  text: `The message goes round in circles: it has passed more than ${MOST_HOPS} servers. Check which server sends its mail back to this relay.`,
}

const MALFORMED: Reply = {
  code: 554,
  enhanced: '5.6.0',
  text: 'A line before the first empty line of the message is no header field, so its sender cannot be checked. Correct the application that writes the message.',
}

const UNREADABLE_FROM: Reply = {
  code: 550,
  enhanced: '5.7.1',
  text: 'The message has no From header with one valid address, so its sender cannot be checked. Correct the application that writes the message, or let an administrator switch on the repair of broken From headers for this relay client.',
}
