import { EX, SendmailStop } from './sysexits.ts'

const LF = 10
const DOT = 46
const CR = 13

/** Everything up to the end, or up to a line with a dot alone unless `ignoreDots`. Throws data errors. */
export async function readInput(
  source: AsyncIterable<Uint8Array>,
  options: { ignoreDots: boolean; limitBytes: number },
): Promise<Buffer> {
  const { ignoreDots, limitBytes } = options
  const chunks: Uint8Array[] = []
  const ends = createDotWatch()
  let total = 0
  for await (const chunk of source) {
    const end = ignoreDots ? -1 : ends(chunk)
    chunks.push(chunk)
    total += chunk.length
    if (total > limitBytes) {
      const limit = Math.floor(limitBytes / (1024 * 1024))
      throw new SendmailStop(
        `the message is larger than ${limit} MB: nothing was accepted.`,
        EX.dataErr,
      )
    }
    // Who types a message sends no end of file after the dot.
    if (end !== -1)
      return withoutDot(
        withoutEnvelopeLine(Buffer.concat(chunks).subarray(0, total - chunk.length + end)),
      )
  }
  return withoutEnvelopeLine(Buffer.concat(chunks))
}

/** Where a chunk ends the message, one past the dot's line; -1: it does not. */
function createDotWatch(): (chunk: Uint8Array) => number {
  /** Of the present line: nothing, a dot, a dot and a carriage return, or anything else. */
  let line: 'empty' | 'dot' | 'dotCr' | 'text' = 'empty'
  return (chunk) => {
    for (const [index, byte] of chunk.entries()) {
      if (byte === LF) {
        if (line === 'dot' || line === 'dotCr') return index + 1
        line = 'empty'
      } else if (byte === DOT && line === 'empty') line = 'dot'
      else if (byte === CR && line === 'dot') line = 'dotCr'
      else line = 'text'
    }
    return -1
  }
}

function withoutDot(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(DOT))
}

/** The line before a message in a mailbox file: `From root Mon Nov 23 10:42:00 2026`. */
function withoutEnvelopeLine(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0, 5) !== 'From ') return bytes
  const end = bytes.indexOf(LF)
  const line = bytes.toString('latin1', 0, end === -1 ? bytes.length : end)
  return /^From\s*:/.test(line) ? bytes : bytes.subarray(end + 1)
}
