import { type Clock, SECOND_MS, toRfc5322 } from '../../platform/clock.ts'

export interface Trace {
  /** What the client said in HELO or EHLO. */
  readonly helo: string
  readonly address: string
  /** Of the relay. */
  readonly hostname: string
  readonly isExtended: boolean
  readonly isSecure: boolean
  readonly isAuthenticated: boolean
  readonly smtpUtf8: boolean
  readonly messageId: string
  /** Named only when there is one: others of the message must not read who else got it. */
  readonly recipients: readonly string[]
  /** RFC 5322 §3.3. */
  readonly date: string
}

/** The date of now; made once a second. */
export function createDateText(deps: { clock: Clock }): () => string {
  let second = Number.NaN
  let text = ''
  return () => {
    const now = Math.floor(deps.clock.now() / SECOND_MS)
    if (now !== second) text = toRfc5322(now * SECOND_MS)
    second = now
    return text
  }
}

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/
const PRINTABLE = /^[!-;=?-~]+$/
/** RFC 5322 §2.1.1. */
const LONGEST_LINE = 78

/** The trace line that a relay adds in front (RFC 5321 §4.4). Nothing that the client has said can break it. */
export function receivedField(trace: Trace): string {
  const literal = trace.address.includes(':') ? `[IPv6:${trace.address}]` : `[${trace.address}]`
  const from = NAME.test(trace.helo) && trace.helo.length <= 255 ? trace.helo : literal
  const parts = [
    `Received: from ${from} (${literal})`,
    `by ${trace.hostname} (Postern)`,
    `with ${protocolOf(trace)}`,
    `id ${trace.messageId}`,
  ]
  const [only] = trace.recipients
  if (trace.recipients.length === 1 && only !== undefined && PRINTABLE.test(only)) {
    parts.push(`for <${only}>`)
  }
  return `${folded(parts)};\r\n ${trace.date}\r\n`
}

/** RFC 3848; with SMTPUTF8 the names of RFC 6531 §4.3. */
function protocolOf({ isExtended, isSecure, isAuthenticated, smtpUtf8 }: Trace): string {
  if (!isExtended) return 'SMTP'
  const name = smtpUtf8 ? 'UTF8SMTP' : 'ESMTP'
  return `${name}${isSecure ? 'S' : ''}${isAuthenticated ? 'A' : ''}`
}

function folded(parts: readonly string[]): string {
  const lines: string[] = []
  let line = ''
  for (const part of parts) {
    if (line === '') line = part
    else if (line.length + 1 + part.length <= LONGEST_LINE) line += ` ${part}`
    else {
      lines.push(line)
      line = ` ${part}`
    }
  }
  return [...lines, line].join('\r\n')
}
