import { PosternError } from '../platform/errors.ts'

/** Makes a message what it is on the wire (RFC 5321 §4.5.2), piece by piece, wherever the pieces are cut. */
export interface DotStuffer {
  /**
   * The piece with leading dots doubled; the piece itself where it has none. Throws smtp_message_invalid at a bare CR
   * or LF: with one, two servers disagree on where a message ends (RFC 5321 §2.3.8 and §4.1.1.4).
   */
  push(piece: Uint8Array): Uint8Array
  /** What comes after the last piece: the lone dot, on a line of its own. */
  end(): Uint8Array
}

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e
const END = Buffer.from('.\r\n')
const LINE_AND_END = Buffer.from('\r\n.\r\n')

/** What the last byte was: the end of a line (or none came yet), a CR whose LF is due, anything else. */
type Place = 'lineStart' | 'afterCr' | 'inLine'

export function createDotStuffer(): DotStuffer {
  let place: Place = 'lineStart'

  return {
    push(piece) {
      const length = piece.length
      if (length === 0) return piece
      const data = Buffer.from(piece.buffer, piece.byteOffset, length)
      const dots: number[] = []
      let at = 0
      if (place === 'afterCr') {
        if (data[0] !== LF) throw bareLineEnd()
        place = 'lineStart'
        at = 1
      }
      while (at < length) {
        if (place === 'lineStart' && data[at] === DOT) dots.push(at)
        place = 'inLine'
        const lineEnd = nextLineEnd(data, at)
        if (lineEnd === length) break
        if (data[lineEnd] === LF) throw bareLineEnd()
        if (lineEnd + 1 === length) {
          place = 'afterCr'
          break
        }
        if (data[lineEnd + 1] !== LF) throw bareLineEnd()
        place = 'lineStart'
        at = lineEnd + 2
      }
      return dots.length === 0 ? piece : doubled(data, dots)
    },
    end() {
      if (place === 'afterCr') throw bareLineEnd()
      return place === 'inLine' ? LINE_AND_END : END
    },
  }
}

/** A whole message at once, its end included. */
export function dotStuffed(data: Uint8Array): Buffer {
  const stuffer = createDotStuffer()
  return Buffer.concat([stuffer.push(data), stuffer.end()])
}

/** A call into Buffer costs as much as looking at this many bytes here. */
const NEAR = 16

/** Where the next CR or LF stands; the length when there is none. */
function nextLineEnd(data: Buffer, from: number): number {
  const near = Math.min(from + NEAR, data.length)
  for (let at = from; at < near; at++) {
    if (data[at] === CR || data[at] === LF) return at
  }
  const lf = data.indexOf(LF, near)
  const cr = data.indexOf(CR, near)
  if (lf === -1) return cr === -1 ? data.length : cr
  return cr === -1 ? lf : Math.min(cr, lf)
}

function doubled(data: Buffer, dots: readonly number[]): Buffer {
  const result = Buffer.allocUnsafe(data.length + dots.length)
  let from = 0
  let to = 0
  const copy = (until: number) => {
    if (until - from > NEAR) to += data.copy(result, to, from, until)
    else for (let at = from; at < until; at++) result[to++] = data[at] ?? 0
    from = until
  }
  for (const dot of dots) {
    copy(dot)
    result[to++] = DOT
  }
  copy(data.length)
  return result
}

function bareLineEnd(): PosternError {
  return new PosternError(
    'The message cannot be sent, because a line of it does not end with CR LF. End every line of the message with CR LF and send it again.',
    { kind: 'invalid', code: 'smtp_message_invalid' },
  )
}
