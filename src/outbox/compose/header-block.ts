/** One field of a message's header, with its folded lines. */
export interface HeaderField {
  /** As written, without white space before the colon. */
  readonly name: string
  /** All its bytes, the last CR LF included. */
  readonly bytes: Buffer
  /** Unfolded, without the white space around it. Bytes that are no UTF-8 are read as Latin-1. */
  readonly value: string
}

const LF = 10
const FIELD = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:/

/**
 * Reads a header section (RFC 5322 §2.2), every line of which ends with CR LF. `rest`: what begins with the first line
 * that belongs to no field; empty where the section is sound.
 */
export function parseHeader(section: Buffer): {
  fields: readonly HeaderField[]
  rest: Buffer
} {
  const fields: HeaderField[] = []
  let start = 0
  while (start < section.length) {
    let end = lineEnd(section, start)
    const name = FIELD.exec(section.toString('latin1', start, Math.min(end, start + 1000)))?.[1]
    if (name === undefined) break
    while (section[end] === 32 || section[end] === 9) end = lineEnd(section, end)
    const bytes = section.subarray(start, end)
    fields.push({ name, bytes, value: unfolded(bytes) })
    start = end
  }
  return { fields, rest: section.subarray(start) }
}

export function fieldsNamed(fields: readonly HeaderField[], name: string): readonly HeaderField[] {
  return fields.filter((field) => field.name.toLowerCase() === name)
}

function lineEnd(section: Buffer, from: number): number {
  const at = section.indexOf(LF, from)
  return at === -1 ? section.length : at + 1
}

function unfolded(bytes: Buffer): string {
  const text = decode(bytes)
  return text
    .slice(text.indexOf(':') + 1)
    .replaceAll('\r\n', '')
    .trim()
}

export function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}

const ENCODED_WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi

/** A value as people read it (RFC 2047). What cannot be decoded stays as it is. */
export function readable(value: string): string {
  return value
    .replaceAll(/(\?=)\s+(=\?)/g, '$1$2')
    .replaceAll(ENCODED_WORD, (word: string, charset: string, kind: string, text: string) => {
      try {
        const bytes = kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : fromQ(text)
        return new TextDecoder(charset).decode(bytes)
      } catch {
        return word
      }
    })
}

/** RFC 2047 §4.2. */
function fromQ(text: string): Buffer {
  const plain = text
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
  return Buffer.from(plain, 'latin1')
}

const LONGEST_SUBJECT = 200

/** For the list of messages: readable, on one line, not long. */
export function listedSubject(subject: string): string | null {
  const line = subject.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  if (line === '') return null
  return (line.length <= LONGEST_SUBJECT ? line : line.slice(0, LONGEST_SUBJECT)).toWellFormed()
}
