import { messageMalformed } from './refusals.ts'

/**
 * What happens to bytes that SMTP cannot carry (RFC 5321 §2.3.8, §4.5.2). A line feed alone is a line end in either case:
 * that is how files and pipes have them. refuse: a carriage return alone or a NUL is an error. repair: a carriage
 * return alone becomes a blank, a NUL is left out.
 */
export type LineRule = 'refuse' | 'repair'

export interface LineEnds {
  /** The bytes with CR LF at the end of every line, as far as they are known. */
  push(chunk: Uint8Array): Buffer
  /** What is missing at the end. */
  end(): Buffer
  /** Whether there was a byte beyond ASCII. */
  readonly eightBit: boolean
}

const NUL = 0
const LF = 10
const CR = 13
const CRLF = Buffer.from('\r\n')
const BLANK = Buffer.from(' ')
const NOTHING = Buffer.alloc(0)

export function createLineEnds(rule: LineRule): LineEnds {
  /** A carriage return that ended the chunk before: what it is depends on the next byte. */
  let pendingCr = false
  let atLineStart = true
  let eightBit = false

  const loneCr = (): Buffer => {
    if (rule === 'refuse') {
      throw messageMalformed(
        'the message has a carriage return without a line feed: end every line with CR LF, or with LF.',
      )
    }
    return BLANK
  }

  return {
    get eightBit() {
      return eightBit
    },
    push(given) {
      const chunk = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
      if (chunk.length === 0) return NOTHING
      const parts: Buffer[] = []
      let start = 0
      if (pendingCr) {
        parts.push(chunk[0] === LF ? Buffer.from([CR]) : loneCr())
        pendingCr = false
        if (chunk[0] === LF) {
          parts.push(Buffer.from([LF]))
          start = 1
        }
      }
      for (let i = start; i < chunk.length; i++) {
        const byte = chunk[i]
        if (byte === LF) {
          parts.push(chunk.subarray(start, i), CRLF)
          start = i + 1
        } else if (byte === CR) {
          if (i + 1 === chunk.length) {
            parts.push(chunk.subarray(start, i))
            start = i + 1
            pendingCr = true
          } else if (chunk[i + 1] === LF) {
            i++
          } else {
            parts.push(chunk.subarray(start, i), loneCr())
            start = i + 1
          }
        } else if (byte === NUL) {
          if (rule === 'refuse') {
            throw messageMalformed(
              'the message has a NUL byte, which mail cannot carry: send such data as an attachment.',
            )
          }
          parts.push(chunk.subarray(start, i))
          start = i + 1
        } else if (byte !== undefined && byte > 127) {
          eightBit = true
        }
      }
      const whole = start === 0
      if (!whole) parts.push(chunk.subarray(start))
      const out =
        whole && parts.length === 0 ? chunk : Buffer.concat(whole ? [...parts, chunk] : parts)
      if (out.length > 0) atLineStart = out.at(-1) === LF
      return out
    },
    end() {
      const last = pendingCr ? loneCr() : NOTHING
      pendingCr = false
      return atLineStart && last.length === 0 ? last : Buffer.concat([last, CRLF])
    },
  }
}
