import { isAddress } from './path-syntax.ts'

/** A mailbox of an address header; the offsets say where its address stands in the raw message. */
export interface HeaderAddress {
  /** Empty when the mailbox has none. */
  address: string
  start: number
  end: number
}

interface Field {
  value: string
  /** Where the value begins in the raw message. */
  start: number
}

/** The header section of a message in Latin-1, as long as the message itself when there is no empty line. */
export function headerLength(raw: string): number {
  if (raw.startsWith('\r\n')) return 0
  const end = raw.indexOf('\r\n\r\n')
  return end < 0 ? raw.length : end + 2
}

export function countFields(raw: string, name: string): number {
  return raw.slice(0, headerLength(raw)).match(fieldPattern(name, 'gi'))?.length ?? 0
}

function findField(raw: string, name: string): Field | undefined {
  const found = fieldPattern(name, 'i').exec(raw.slice(0, headerLength(raw)))
  if (found === null) return undefined
  const value = found[1] ?? ''
  return { value, start: found.index + found[0].length - value.length }
}

/** The field with its folded lines (RFC 5322 §2.2.3). */
function fieldPattern(name: string, flags: string): RegExp {
  return new RegExp(`(?<=^|\\r\\n)${name}[ \\t]*:([^\\r\\n]*(?:\\r\\n[ \\t][^\\r\\n]*)*)`, flags)
}

/** The mailboxes of From; undefined when there is no such field. */
export function fromAddresses(raw: string): HeaderAddress[] | undefined {
  const field = findField(raw, 'From')
  return field && parseAddressList(field)
}

export function hasSender(raw: string): boolean {
  return findField(raw, 'Sender') !== undefined
}

/** RFC 5322 §3.4, lenient: names, quoted strings and comments are skipped, groups are opened. */
function parseAddressList(field: Field): HeaderAddress[] {
  const { value } = field
  const found: HeaderAddress[] = []
  let bare: { from: number; to: number } | undefined
  let angle: { from: number; to: number } | undefined
  let depth = 0

  const finish = () => {
    const span = angle ?? bare
    if (span !== undefined) found.push(trimmed(field, span))
    bare = undefined
    angle = undefined
  }
  for (let i = 0; i < value.length; i++) {
    const c = value[i] ?? ''
    if (c === '\\') i++
    else if (depth > 0) depth += c === '(' ? 1 : c === ')' ? -1 : 0
    else if (c === '(') depth = 1
    else if (c === '<') {
      const close = value.indexOf('>', i)
      angle = { from: i + 1, to: close < 0 ? value.length : close }
      i = angle.to
    } else if (c === ',' || c === ';') finish()
    else if (c === ':') bare = undefined
    else {
      const from = i
      if (c === '"') i = closingQuote(value, i)
      if (c.trim() !== '') bare = { from: bare?.from ?? from, to: Math.min(i + 1, value.length) }
    }
  }
  finish()
  return found
}

function closingQuote(value: string, opening: number): number {
  for (let i = opening + 1; i < value.length; i++) {
    if (value[i] === '\\') i++
    else if (value[i] === '"') return i
  }
  return value.length
}

function trimmed(field: Field, span: { from: number; to: number }): HeaderAddress {
  const text = field.value.slice(span.from, span.to)
  const start = field.start + span.from + (text.length - text.trimStart().length)
  const latin1 = text.trim()
  const address = Buffer.from(latin1, 'latin1').toString('utf8')
  return {
    address: isAddress(address, { utf8: true }) ? address : '',
    start,
    end: start + latin1.length,
  }
}

/** Replaces one address and leaves every other byte alone. */
export function replaceAddress(raw: string, old: HeaderAddress, address: string): string {
  const bytes = Buffer.from(address, 'utf8').toString('latin1')
  return raw.slice(0, old.start) + bytes + raw.slice(old.end)
}

/** `<id@host>`, or undefined when the message has none. */
export function messageIdOf(raw: string): string | undefined {
  return /<[^<>\s]+>/.exec(findField(raw, 'Message-ID')?.value ?? '')?.[0]
}

/** Puts another id into the Message-ID field; a message without it stays as it is. */
export function replaceMessageId(raw: string, id: string): string {
  const field = findField(raw, 'Message-ID')
  if (field === undefined) return raw
  return `${raw.slice(0, field.start)} ${id}${raw.slice(field.start + field.value.length)}`
}
