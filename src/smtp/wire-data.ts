const CRLF = Buffer.from('\r\n')
const DOT = 0x2e
const LF = 0x0a

/** The message as it goes over the wire: leading dots doubled, ended by the lone dot (RFC 5321 §4.5.2). */
export function dotStuffed(data: Buffer): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (let i = 0; i < data.length; i++) {
    if (data[i] === DOT && (i === 0 || data[i - 1] === LF)) {
      parts.push(data.subarray(from, i + 1))
      from = i
    }
  }
  parts.push(data.subarray(from))
  if (data.length > 0 && data.at(-1) !== LF) parts.push(CRLF)
  parts.push(Buffer.from('.\r\n'))
  return Buffer.concat(parts)
}

/** The first header of that name, unfolded (RFC 5322 §2.2.3). */
export function headerValue(data: Buffer, name: string): string | undefined {
  const end = data.indexOf('\r\n\r\n')
  const head = data.subarray(0, end === -1 ? data.length : end).toString('latin1')
  const line = head
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .find((header) => header.toLowerCase().startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}
