import { isUtf8 } from 'node:buffer'
import type { Mailbox } from './addresses.ts'
import { addressesOf, completeHeader, encodeAddresses, parseAddresses } from './complete-header.ts'
import { fieldsNamed, type HeaderField, parseHeader } from './header-block.ts'
import { readSenderField } from './sender-field.ts'
import { readSubmitted } from './submitted-message.ts'

/** A message of a program on this machine, as `sendmail` gets it: complete or not, and not always sound. */
export interface LocalMessage {
  readonly fields: readonly HeaderField[]
  readonly body: Buffer
  readonly eightBit: boolean
}

export interface CompletedMessage {
  readonly bytes: Buffer
  readonly messageId: string | null
  readonly headerFrom: string | null
  readonly subject: string | null
  readonly smtpUtf8: boolean
  readonly eightBit: boolean
}

/** RFC 5322 §2.1.1. */
const LONGEST_LINE = 998
const ADDRESS_FIELDS = ['from', 'sender', 'to', 'cc', 'reply-to', 'resent-to', 'resent-cc']

/** Repairs line ends, and finds the end of the header where no empty line marks it. Throws message_too_large. */
export async function readLocalMessage(
  source: AsyncIterable<Uint8Array>,
  options: { limitBytes: number },
): Promise<LocalMessage> {
  const submitted = await readSubmitted(source, { rule: 'repair', ...options })
  const chunks: Buffer[] = []
  for await (const chunk of submitted.body) chunks.push(chunk)
  return {
    fields: submitted.fields,
    body: Buffer.concat(chunks),
    eightBit: submitted.eightBit(),
  }
}

/** Whom the header names: To, Cc and Bcc, or their Resent forms where there are any (RFC 5322 §3.6.6). */
export async function headerRecipients(message: LocalMessage): Promise<readonly string[]> {
  const named = (...names: string[]) => names.flatMap((name) => fieldsNamed(message.fields, name))
  const resent = named('resent-to', 'resent-cc', 'resent-bcc')
  return await addressesOf(resent.length > 0 ? resent : named('to', 'cc', 'bcc'))
}

/**
 * Adds what is missing and turns into ASCII what a header may not have otherwise. A From that the profile may not use
 * becomes the profile's own, with the name of the original and with its address in Reply-To: the server would refuse
 * the message.
 */
export async function completeLocalMessage(
  message: LocalMessage,
  facts: {
    id: string
    now: number
    sender: Mailbox
    /** Of -F: the name of a sender that the message itself does not name. */
    fullName: string | undefined
    /** null: that is the decision of whoever takes the message. */
    isOwn: ((address: string) => boolean) | null
  },
): Promise<CompletedMessage> {
  const named =
    facts.fullName === undefined ? facts.sender : { ...facts.sender, name: facts.fullName }
  const fields = await withOwnSender(await inAscii(message.fields), { ...facts, sender: named })
  const { header, body, eightBit } = await withMime(fields, message)
  const completed = await completeHeader(header, { ...facts, sender: named })
  return {
    bytes: Buffer.concat([completed.bytes, body]),
    messageId: completed.messageId,
    headerFrom: completed.from[0]?.toLowerCase() ?? null,
    subject: completed.subject,
    smtpUtf8: completed.utf8,
    eightBit: eightBit || completed.utf8,
  }
}

/** RFC 2047, for what programs write as it comes to them. */
async function inAscii(fields: readonly HeaderField[]): Promise<readonly HeaderField[]> {
  if (fields.every(({ bytes }) => bytes.every((byte) => byte < 128))) return fields
  const [{ default: MimeNode }, { foldLines }] = await Promise.all([
    import('nodemailer/lib/mime-node'),
    import('nodemailer/lib/mime-funcs'),
  ])
  return fields.map((field) => {
    if (field.bytes.every((byte) => byte < 128)) return field
    const isAddresses = ADDRESS_FIELDS.includes(field.name.toLowerCase())
    const encoded = MimeNode.encodeHeaderValue(isAddresses ? 'To' : 'Subject', field.value)
    return fieldOf(foldLines(`${field.name}: ${encoded}`, 76))
  })
}

async function withOwnSender(
  fields: readonly HeaderField[],
  { sender, isOwn }: { sender: Mailbox; isOwn: ((address: string) => boolean) | null },
): Promise<readonly HeaderField[]> {
  const from = fieldsNamed(fields, 'from')
  const areOwn = ({ value }: HeaderField) =>
    isOwn === null ? value !== '' : readSenderField(value)?.every(isOwn) === true
  const ours = fields.filter((field) => field.name.toLowerCase() !== 'sender' || areOwn(field))
  if (from.length === 0) return ours
  if (from.length === 1 && from.every(areOwn)) return ours
  const [original] = (await Promise.all(from.map(({ value }) => parseAddresses(value)))).flat()
  const name = original?.name || commentOf(from[0]) || bareUser(original?.address) || sender.name
  const kept = fields.filter(({ name: n }) => !['from', 'sender'].includes(n.toLowerCase()))
  const own = fieldOf(`From: ${await encodeAddresses([{ name, address: sender.address }])}`)
  const answers = fieldsNamed(fields, 'reply-to').length > 0 ? undefined : original
  if (answers === undefined || !isReachable(answers.address)) return [...kept, own]
  return [...kept, own, fieldOf(`Reply-To: ${await encodeAddresses([answers])}`)]
}

/** “From: root (Cron Daemon)”: the older way to give a name (RFC 5322 §3.4). */
function commentOf(field: HeaderField | undefined): string {
  return /^[^\s()<>"]+\s+\(([^()\\]*)\)$/.exec(field?.value ?? '')?.[1]?.trim() ?? ''
}

/** `root` of “From: root”; an address would look like a forged one. */
function bareUser(address: string | undefined): string {
  return address === undefined || address.includes('@') ? '' : address
}

/** Not an address of this machine alone. */
function isReachable(address: string): boolean {
  return /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+$/.test(address)
}

/** Declares a text that says nothing about itself, and wraps lines that are longer than mail can carry. */
async function withMime(
  fields: readonly HeaderField[],
  { body, eightBit }: LocalMessage,
): Promise<{ header: readonly HeaderField[]; body: Buffer; eightBit: boolean }> {
  const has = (name: string) => fieldsNamed(fields, name).length > 0
  const isPlain =
    !has('content-transfer-encoding') && isText(fieldsNamed(fields, 'content-type')[0])
  const tooLong = longestLine(body) > LONGEST_LINE
  if (!isPlain || (!eightBit && !tooLong)) return { header: fields, body, eightBit }
  const header = [
    ...fields,
    ...(has('mime-version') ? [] : [fieldOf('MIME-Version: 1.0')]),
    ...(has('content-type')
      ? []
      : [fieldOf(`Content-Type: text/plain; charset=${isUtf8(body) ? 'utf-8' : 'iso-8859-1'}`)]),
    fieldOf(`Content-Transfer-Encoding: ${tooLong ? 'quoted-printable' : '8bit'}`),
  ]
  if (!tooLong) return { header, body, eightBit }
  const { encode, wrap } = await import('nodemailer/lib/qp')
  return { header, body: Buffer.from(wrap(encode(body), 76), 'latin1'), eightBit: false }
}

function isText(contentType: HeaderField | undefined): boolean {
  return contentType === undefined || /^text\//i.test(contentType.value)
}

function longestLine(body: Buffer): number {
  let longest = 0
  let start = 0
  while (start < body.length) {
    const end = body.indexOf('\r\n', start)
    if (end === -1) return Math.max(longest, body.length - start)
    longest = Math.max(longest, end - start)
    start = end + 2
  }
  return longest
}

function fieldOf(text: string): HeaderField {
  const { fields } = parseHeader(Buffer.from(`${text}\r\n`))
  const [field] = fields
  if (field === undefined) throw new Error('a header field of our own has no name')
  return field
}
