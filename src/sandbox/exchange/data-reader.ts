import type { ByteSource } from './line-reader.ts'

/** A message's bytes as the client meant them. */
export interface ReceivedData {
  bytes: Buffer
  /** Counts also what was thrown away beyond the limit. */
  sizeBytes: number
}

const CRLF = Buffer.from('\r\n')
const CRLF_DOT = Buffer.from('\r\n.')
const CR = 0x0d
const LF = 0x0a

/**
 * Reads the content of DATA up to CRLF.CRLF and takes the stuffed dots away (RFC 5321 §4.5.2). Only CRLF ends a line: a bare LF
 * is content, so that no second message can hide in the first. Undefined when the client goes before the end.
 */
export async function readData(
  source: ByteSource,
  maxBytes: number,
): Promise<ReceivedData | undefined> {
  const parts: Buffer[] = []
  // The line end of the DATA command: the first line of the content may be the end mark already.
  let tail: Buffer = CRLF
  let sizeBytes = -CRLF.length
  const keep = (part: Buffer) => {
    sizeBytes += part.length
    if (sizeBytes <= maxBytes) parts.push(part)
  }
  for (;;) {
    const chunk = await source.pull()
    if (chunk === undefined) return undefined
    const buffer = Buffer.concat([tail, chunk])
    let start = 0
    let at = buffer.indexOf(CRLF_DOT)
    while (at >= 0 && !endsWithin(buffer, at)) {
      if (buffer[at + 3] === CR && buffer[at + 4] === LF) {
        keep(buffer.subarray(start, at + 2))
        source.unread(buffer.subarray(at + 5))
        return { bytes: Buffer.concat(parts).subarray(CRLF.length), sizeBytes }
      }
      keep(buffer.subarray(start, at + 2))
      start = at + 3
      at = buffer.indexOf(CRLF_DOT, start)
    }
    const safe = at >= 0 ? at : buffer.length - lineEndLength(buffer)
    keep(buffer.subarray(start, Math.max(start, safe)))
    tail = buffer.subarray(Math.max(start, safe))
  }
}

/** Whether the bytes after CRLF and dot are too few to tell a stuffed dot from the end mark. */
function endsWithin(buffer: Buffer, at: number): boolean {
  if (buffer.length <= at + 3) return true
  return buffer[at + 3] === CR && buffer.length === at + 4
}

/** How many of the last bytes may be the first of a CRLF that goes on in the next chunk. */
function lineEndLength(buffer: Buffer): number {
  const last = buffer[buffer.length - 1]
  if (last === CR) return 1
  return last === LF && buffer[buffer.length - 2] === CR ? 2 : 0
}

/** Reads exactly `count` bytes, the content of one BDAT (RFC 3030 §2); those beyond `keepBytes` are thrown away. */
export async function readChunk(
  source: ByteSource,
  count: number,
  keepBytes: number,
): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  const isKept = count <= keepBytes
  for (let left = count; left > 0; ) {
    const chunk = await source.pull()
    if (chunk === undefined) return undefined
    const part = chunk.subarray(0, left)
    if (isKept) parts.push(part)
    left -= part.length
    source.unread(chunk.subarray(part.length))
  }
  return Buffer.concat(parts)
}
