import { DialError } from '../platform/dial.ts'

/** A complete reply of the server (RFC 5321 §4.2). */
export interface Reply {
  code: number
  /** RFC 3463 enhanced status code of the first line that has one. */
  enhancedCode: string | null
  /** The texts behind the codes, one for each line. */
  lines: string[]
  /** The whole reply as received, lines joined by \n; control characters shown as ?. */
  text: string
}

/** Collects bytes and gives out replies. */
export interface ReplyParser {
  /** Throws DialError `protocol` on anything that is no reply. */
  push(chunk: Buffer): void
  next(): Reply | undefined
  /** Bytes that came but belong to no reply that was given out. */
  readonly pendingBytes: number
}

// RFC 5321 §4.5.3.1.5 says 512 octets; Exchange Online's diagnostic replies are longer than 1 KB.
export const REPLY_LIMITS = {
  lineBytes: 8_192,
  lines: 128,
  totalBytes: 65_536,
  /** Replies that nobody has asked for yet. */
  waiting: 32,
} as const

const LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/s
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/

/** `expected`: replies that commands on their way will have; none unless said. */
export function createReplyParser(
  options: { expected: () => number } = { expected: () => 0 },
): ReplyParser {
  let rest: Buffer = Buffer.alloc(0)
  let lines: Buffer[] = []
  let lineBytes = 0
  const complete: { reply: Reply; bytes: number }[] = []

  function takeLine(line: Buffer): void {
    lines.push(line)
    lineBytes += line.length
    if (lines.length > REPLY_LIMITS.lines || lineBytes > REPLY_LIMITS.totalBytes) {
      throw broken('a reply that does not end', 'REPLY_TOO_LONG')
    }
    const match = LINE.exec(decode(line))
    if (match === null) throw broken(`“${show(line)}” where a reply was due`, 'REPLY_MALFORMED')
    if (match[2] === '-') return
    if (complete.length >= REPLY_LIMITS.waiting + options.expected()) {
      throw broken('more replies than it was asked for', 'REPLY_FLOOD')
    }
    complete.push({ reply: toReply(lines.map(decode)), bytes: lineBytes })
    lines = []
    lineBytes = 0
  }

  return {
    push(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (;;) {
        const end = rest.indexOf(10)
        if ((end === -1 ? rest.length : end) > REPLY_LIMITS.lineBytes) {
          throw broken('a line that does not end', 'REPLY_TOO_LONG')
        }
        if (end === -1) return
        const line = rest.subarray(0, rest[end - 1] === 13 ? end - 1 : end)
        rest = rest.subarray(end + 1)
        takeLine(line)
      }
    },
    next: () => complete.shift()?.reply,
    get pendingBytes() {
      return complete.reduce((sum, { bytes }) => sum + bytes, lineBytes) + rest.length
    },
  }
}

function toReply(lines: string[]): Reply {
  const parts = lines.map((line) => LINE.exec(line))
  const code = Number(parts[0]?.[1] ?? 0)
  // RFC 5321 §4.2.1: the code is the same on every line.
  if (parts.some((part) => Number(part?.[1]) !== code)) {
    throw broken('a reply whose lines have different codes', 'REPLY_MALFORMED')
  }
  const texts = parts.map((part) => part?.[3] ?? '')
  const enhanced = texts.map((text) => ENHANCED.exec(text)?.[1]).find((found) => found)
  return { code, enhancedCode: enhanced ?? null, lines: texts, text: lines.join('\n') }
}

/** Replies have no declared character set: UTF-8 where it fits, else each byte as a character. */
function decode(line: Buffer): string {
  const utf8 = line.toString('utf8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters could steer a terminal
  const control = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g
  return (utf8.includes('\ufffd') ? line.toString('latin1') : utf8).replace(control, '?')
}

function show(line: Buffer): string {
  return decode(line.subarray(0, 80))
}

function broken(what: string, code: string): DialError {
  return new DialError(`The server sent ${what}.`, { phase: 'protocol', code })
}
