/** The header section of a message (RFC 5322 §2.2), as far as its first bytes go. */
export interface MessageHead {
  /** As received, each line ended by CR LF, without the empty line behind it. */
  readonly bytes: Buffer
  /** Unfolded values of a field, in their order. */
  valuesOf(name: string): readonly string[]
}

/** `start`: the first bytes of the message. What comes behind a header section that is longer is left out. */
export function readHead(start: Uint8Array): MessageHead {
  const text = Buffer.from(start).toString('latin1')
  const [end] = /\r\n\r\n|\n\n/.exec(text) ?? []
  const head = end === undefined ? text.slice(0, text.lastIndexOf('\n') + 1) : before(text, end)
  const lines = head.split(/\r\n|\n|\r/).filter((line) => line !== '')
  const unfolded = lines.reduce<string[]>((fields, line) => {
    const last = fields.at(-1)
    if (/^[ \t]/.test(line) && last !== undefined) fields[fields.length - 1] = `${last}${line}`
    else fields.push(line)
    return fields
  }, [])
  return {
    bytes: Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'),
    valuesOf(name) {
      const wanted = name.toLowerCase()
      return unfolded.flatMap((field) => {
        const colon = field.indexOf(':')
        const isIt = colon > 0 && field.slice(0, colon).trim().toLowerCase() === wanted
        return isIt ? [field.slice(colon + 1).trim()] : []
      })
    },
  }
}

function before(text: string, end: string): string {
  return text.slice(0, text.indexOf(end))
}
