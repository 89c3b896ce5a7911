/** A message as its reader sees it; `raw` is Latin-1, byte for byte. */
export interface ReadMail {
  readonly raw: string
  /** Values of a header field, unfolded and decoded, in their order. */
  header(name: string): readonly string[]
  readonly subject: string
  /** Media type without parameters. */
  readonly contentType: string
  readonly text: string
  readonly html: string
}

interface Part {
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
}

/** Reads what Postern sends: multipart/alternative, quoted-printable or base64, encoded words. */
export function readMail(raw: string): ReadMail {
  const top = splitPart(raw)
  const parts = new Map<string, string>()
  collect(top, parts)
  const header = (name: string) => valuesOf(top, name).map(decodeWords)
  return {
    raw,
    header,
    subject: header('subject')[0] ?? '',
    contentType: mediaType(top),
    text: parts.get('text/plain') ?? '',
    html: parts.get('text/html') ?? '',
  }
}

/** One line, so that a sentence is found however the mail wraps it. */
export function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function splitPart(text: string): Part {
  const end = text.indexOf('\r\n\r\n')
  const head = end < 0 ? text : text.slice(0, end)
  // RFC 5322 §2.2.3
  const lines = head.replace(/\r\n(?=[ \t])/g, '').split('\r\n')
  const fields = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { fields, body: end < 0 ? '' : text.slice(end + 4) }
}

function valuesOf(part: Part, name: string): string[] {
  return part.fields.filter(([known]) => known === name.toLowerCase()).map(([, value]) => value)
}

function mediaType(part: Part): string {
  const [value = 'text/plain'] = valuesOf(part, 'content-type')
  return value.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function collect(part: Part, into: Map<string, string>): void {
  const type = mediaType(part)
  const boundary = /boundary="?([^";]+)"?/i.exec(valuesOf(part, 'content-type')[0] ?? '')?.[1]
  if (!type.startsWith('multipart/') || boundary === undefined) {
    into.set(type, decodeBody(part))
    return
  }
  const pieces = `\r\n${part.body}`.split(`\r\n--${boundary}`)
  for (const piece of pieces.slice(1)) {
    if (!piece.startsWith('--')) collect(splitPart(piece.replace(/^[ \t]*\r\n/, '')), into)
  }
}

function decodeBody(part: Part): string {
  const encoding = (valuesOf(part, 'content-transfer-encoding')[0] ?? '7bit').toLowerCase()
  if (encoding === 'base64') return Buffer.from(part.body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return Buffer.from(part.body, 'latin1').toString('utf8')
  return unquote(part.body.replace(/=[ \t]*\r\n/g, ''))
}

/** RFC 2045 §6.7: `=XX`. */
function unquote(text: string): string {
  const bytes = text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** RFC 2047 §6.2: white space between encoded words is no text. */
function decodeWords(text: string): string {
  const joined = text.replace(/(=\?[^?]+\?[BbQq]\?[^?]*\?=)\s+(?==\?)/g, '$1')
  return joined.replace(/=\?[^?]+\?([BbQq])\?([^?]*)\?=/g, (_, kind: string, data: string) =>
    kind.toUpperCase() === 'B'
      ? Buffer.from(data, 'base64').toString('utf8')
      : unquote(data.replaceAll('_', ' ')),
  )
}
