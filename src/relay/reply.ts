import { type ErrorKind, PosternError } from '../platform/errors.ts'

/** One answer of the relay: code, enhanced status code (RFC 3463) and a sentence. */
export interface Reply {
  readonly code: number
  readonly enhanced: string
  readonly text: string
}

type Codes = Pick<Reply, 'code' | 'enhanced'>

/** What a failure is to a mail client. Only what trying again cannot change is final (5xx). */
const REPLIES = {
  invalid: { code: 554, enhanced: '5.6.0' },
  unauthenticated: { code: 535, enhanced: '5.7.8' },
  forbidden: { code: 550, enhanced: '5.7.1' },
  not_found: { code: 451, enhanced: '4.3.5' },
  conflict: { code: 451, enhanced: '4.3.0' },
  precondition_failed: { code: 451, enhanced: '4.3.0' },
  too_large: { code: 552, enhanced: '5.3.4' },
  rate_limited: { code: 450, enhanced: '4.7.1' },
  unavailable: { code: 451, enhanced: '4.3.0' },
  internal: { code: 451, enhanced: '4.3.0' },
} as const satisfies Record<ErrorKind, Codes>

/** RFC 5321 §4.2.3 has a code of its own for a full disk. */
const DISK_FULL: Codes = { code: 452, enhanced: '4.3.1' }

/** An error of any kind as the client gets it; what is not a PosternError shows nothing of itself. */
export function replyOf(error: unknown): Reply {
  if (!(error instanceof PosternError)) {
    return {
      ...REPLIES.internal,
      text: 'The message was not accepted, because of an error of Postern itself. Try again later; its log has the reason.',
    }
  }
  const codes = error.code === 'disk_full' ? DISK_FULL : REPLIES[error.kind]
  return { ...codes, text: error.message }
}

/** RFC 5321 §4.5.3.1.5: 512 octets with the code, the enhanced code and CR LF. */
const LONGEST_TEXT = 490

/** The sentence as reply lines: ASCII (RFC 5321 §4.2), each short enough. */
export function replyLines(text: string): string[] {
  const lines: string[] = []
  for (let rest = toAscii(text); rest !== ''; ) {
    if (rest.length <= LONGEST_TEXT) {
      lines.push(rest)
      break
    }
    const space = rest.lastIndexOf(' ', LONGEST_TEXT)
    const end = space > 0 ? space : LONGEST_TEXT
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return lines
}

function toAscii(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  return text
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/[–—]/g, '-')
    .replace(/…/g, '...')
    .replace(/[^\x20-\x7e]/gu, '?')
}
