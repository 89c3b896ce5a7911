/** Why the bytes of a message cannot be passed on as they are. */
export type Flaw = 'bareLf' | 'bareCr' | 'nul'

export interface Decoded {
  /** Bytes of the message. They lie in the memory of the chunk. */
  readonly content: Buffer
  /** What follows the end of the message; null: the end has not come. */
  readonly rest: Buffer | null
}

/**
 * The bytes of one DATA command, without the stuffed dots (RFC 5321 §4.5.2). Only CR LF . CR LF ends them: no line end
 * of another kind can (RFC 5321 §4.1.1.4), so nothing behind one is ever taken for a command.
 */
export interface DotDecoder {
  /** Changes the chunk in place. */
  feed(chunk: Buffer): Decoded
  /** The first thing found that no message may hold (RFC 5321 §2.3.8, RFC 2045 §2.7). */
  readonly flaw: Flaw | null
}

const NUL = 0
const LF = 10
const CR = 13
const DOT = 46

const LINE_START = 0
const TEXT = 1
const AFTER_CR = 2
/** After the first dot of a line, which is never content. */
const AFTER_DOT = 3
const AFTER_DOT_CR = 4

/** One pass, byte by byte: the same cost for every content, a message of nothing but dots included. */
export function createDotDecoder(): DotDecoder {
  let kept: number = LINE_START
  let flaw: Flaw | null = null

  return {
    feed(chunk) {
      const { length } = chunk
      let state = kept
      let written = 0
      for (let at = 0; at < length; at++) {
        let byte = chunk[at] ?? NUL
        if (state === TEXT && byte > CR) {
          // By far the most bytes. One read beyond the end would make V8 expect more of them, and each three times slower.
          const start = at
          do at++
          while (at < length && (chunk[at] ?? NUL) > CR)
          byte = at < length ? (chunk[at] ?? NUL) : NUL
          if (written !== start) chunk.copyWithin(written, start, at)
          written += at - start
          if (at === length) break
        }
        if (byte === DOT && state === LINE_START) {
          state = AFTER_DOT
          continue
        }
        if (byte === CR) {
          if (state === AFTER_DOT) {
            state = AFTER_DOT_CR
            continue
          }
          if (state === AFTER_CR || state === AFTER_DOT_CR) flaw ??= 'bareCr'
          state = AFTER_CR
        } else if (byte === LF) {
          if (state === AFTER_DOT_CR) {
            return { content: chunk.subarray(0, written), rest: chunk.subarray(at + 1) }
          }
          if (state === AFTER_CR) state = LINE_START
          else {
            flaw ??= 'bareLf'
            state = TEXT
          }
        } else {
          if (byte === NUL) flaw ??= 'nul'
          if (state === AFTER_CR || state === AFTER_DOT_CR) flaw ??= 'bareCr'
          state = TEXT
        }
        if (written !== at) chunk[written] = byte
        written++
      }
      kept = state
      return { content: written === length ? chunk : chunk.subarray(0, written), rest: null }
    },
    get flaw() {
      return flaw
    },
  }
}
