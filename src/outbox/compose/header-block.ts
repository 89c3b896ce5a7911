/** One field of a message's header, with its folded lines. */
export interface HeaderField {
  /** As written, without white space before the colon. */
  readonly name: string
  /** All its bytes, the last CR LF included. */
  readonly bytes: Buffer
  /** Unfolded, without the white space around it. Bytes that are no UTF-8 are read as Latin-1. */
  readonly value: string
  /** As it stands behind the colon, folds included, without the final line end, in Latin-1. */
  readonly rawValue: string
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
    fields.push(fieldOf(name, bytes))
    start = end
  }
  return { fields, rest: section.subarray(start) }
}

export function fieldsNamed(fields: readonly HeaderField[], name: string): readonly HeaderField[] {
  return fields.filter((field) => field.name.toLowerCase() === name)
}

/** With another value of the first field of this name, or with a further field. `value`: a `rawValue`. */
export function withField(
  fields: readonly HeaderField[],
  name: string,
  value: string,
): readonly HeaderField[] {
  const index = fields.findIndex((field) => field.name.toLowerCase() === name.toLowerCase())
  const field = fieldOf(name, Buffer.from(`${name}:${value}\r\n`, 'latin1'))
  return index === -1 ? [...fields, field] : fields.with(index, field)
}

function fieldOf(name: string, bytes: Buffer): HeaderField {
  return {
    name,
    bytes,
    value: unfolded(bytes),
    get rawValue() {
      const text = bytes.toString('latin1')
      return text.slice(text.indexOf(':') + 1).replace(/\r\n$/, '')
    },
  }
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

function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}

const LONGEST_SUBJECT = 200

/** For the list of messages: readable, on one line, not long. */
export function listedSubject(subject: string): string | null {
  const line = subject.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  if (line === '') return null
  return (line.length <= LONGEST_SUBJECT ? line : line.slice(0, LONGEST_SUBJECT)).toWellFormed()
}
