/** One header field, in bytes read as Latin-1, so that nothing of it is lost. */
export interface Field {
  /** In lower case; empty: the line is no header field. */
  readonly name: string
  /** The whole field with its name, folding and final line end. */
  readonly text: string
  /** What follows the colon, as it stands there, without the final line end. */
  readonly value: string
}

export interface Head {
  readonly fields: readonly Field[]
  /** A line of it is no header field (RFC 5322 §2.2): programs differ on what follows it. */
  readonly malformed: boolean
}

// RFC 5322 §2.2; white space before the colon is the obsolete form of §4.5.
const START = /^([!-9;-~]+)[ \t]*:/

/** `head`: the header section in Latin-1, every line ended by CR LF, without the empty line. */
export function parseHead(head: string): Head {
  const fields: Field[] = []
  let malformed = false
  for (let start = 0; start < head.length; ) {
    let end = lineEnd(head, start)
    // Folded lines belong to the field (RFC 5322 §2.2.3).
    while (head[end] === ' ' || head[end] === '\t') end = lineEnd(head, end)
    const text = head.slice(start, end)
    const [opening, name] = START.exec(text) ?? []
    if (opening === undefined || name === undefined) {
      malformed = true
      fields.push({ name: '', text, value: '' })
    } else {
      const value = text.slice(opening.length).replace(/\r\n$/, '')
      fields.push({ name: name.toLowerCase(), text, value })
    }
    start = end
  }
  return { fields, malformed }
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf('\n', from)
  return at < 0 ? text.length : at + 1
}

/** The value on one line, in UTF-8 where it is that (RFC 6532), else in Latin-1. */
export function unfold(value: string): string {
  const line = value.replace(/\r\n(?=[ \t])/g, '').trim()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  if (/^[\x00-\x7f]*$/.test(line)) return line
  const utf8 = Buffer.from(line, 'latin1').toString('utf8')
  return utf8.includes('\ufffd') ? line : utf8
}
