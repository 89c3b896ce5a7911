import { toRfc5322 } from '../../platform/clock.ts'
import type { Mailbox } from './addresses.ts'
import { messageIdOf } from './compose-mime.ts'
import { readable } from './encoded-words.ts'
import { fieldsNamed, type HeaderField, listedSubject } from './header-block.ts'

/** The header as it is stored, and what the list of messages shows of it. */
export interface CompletedHeader {
  /** With the empty line. */
  readonly bytes: Buffer
  /** Addresses of the From fields. */
  readonly from: readonly string[]
  readonly subject: string | null
  readonly messageId: string | null
  /** RFC 6532: it holds more than ASCII. */
  readonly utf8: boolean
}

const END = Buffer.from('\r\n')
const HIDDEN = new Set(['bcc', 'resent-bcc'])
const LONGEST_MESSAGE_ID = 998

/**
 * Takes Bcc out (RFC 5322 §3.6.3) and adds From, Date and Message-ID where they are missing, as a submission server may
 * (RFC 6409 §8). No other byte is changed.
 */
export async function completeHeader(
  fields: readonly HeaderField[],
  facts: { id: string; now: number; sender: Mailbox },
): Promise<CompletedHeader> {
  const kept = fields.filter(({ name }) => !HIDDEN.has(name.toLowerCase()))
  const given = await addressesOf(fieldsNamed(kept, 'from'))
  const [ownId] = fieldsNamed(kept, 'message-id')
  const messageId =
    ownId === undefined ? messageIdOf(facts.id, facts.sender.address) : shownId(ownId.value)
  const added = [
    ...(fieldsNamed(kept, 'from').length === 0 ? [await fromLine(facts.sender)] : []),
    ...(fieldsNamed(kept, 'date').length === 0 ? [`Date: ${toRfc5322(facts.now)}\r\n`] : []),
    ...(ownId === undefined ? [`Message-ID: ${messageId}\r\n`] : []),
  ]
  const bytes = Buffer.concat([
    ...kept.map((field) => field.bytes),
    ...added.map((line) => Buffer.from(line)),
    END,
  ])
  const [subject] = fieldsNamed(kept, 'subject')
  return {
    bytes,
    from: fieldsNamed(kept, 'from').length === 0 ? [facts.sender.address] : given,
    subject: subject === undefined ? null : listedSubject(readable(subject.value)),
    messageId,
    utf8: bytes.some((byte) => byte > 127),
  }
}

/** Every address of these fields, members of groups included. */
export async function addressesOf(fields: readonly HeaderField[]): Promise<readonly string[]> {
  const lists = await Promise.all(fields.map(({ value }) => addressesIn(value)))
  return lists.flat()
}

/** Every address of a list such as `Ada <ada@example.com>, bob`; a word without a domain is one, too. */
export async function addressesIn(list: string): Promise<readonly string[]> {
  return (await parseAddresses(list)).map(({ address }) => address)
}

/** With their names. */
export async function parseAddresses(list: string): Promise<readonly Mailbox[]> {
  const { default: parse } = await import('nodemailer/lib/addressparser')
  return parse(list, { flatten: true })
    .map(({ name, address }) => (address === '' ? { name: '', address: name } : { name, address }))
    .filter(({ address }) => address !== '')
}

async function fromLine(sender: Mailbox): Promise<string> {
  return `From: ${await encodeAddresses([sender])}\r\n`
}

/** The value of an address field, in ASCII but for local parts beyond it. */
export async function encodeAddresses(mailboxes: readonly Mailbox[]): Promise<string> {
  const { default: MimeNode } = await import('nodemailer/lib/mime-node')
  return MimeNode.encodeHeaderValue(
    'From',
    mailboxes.map((mailbox) => ({ ...mailbox })),
  )
}

function shownId(value: string): string | null {
  return value === '' || value.length > LONGEST_MESSAGE_ID ? null : value
}
