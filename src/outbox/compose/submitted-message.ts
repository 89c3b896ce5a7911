import { type HeaderField, parseHeader } from './header-block.ts'
import { createLineEnds, type LineRule } from './line-ends.ts'
import { messageMalformed, messageTooLarge } from './refusals.ts'

/** A message as somebody hands it in: its header as a whole, its body piece by piece. */
export interface SubmittedMessage {
  readonly fields: readonly HeaderField[]
  /** Everything after the empty line. To be read once, to its end. */
  readonly body: AsyncIterable<Buffer>
  /** Whether there was a byte beyond ASCII; known when the body has been read. */
  eightBit(): boolean
}

/** Header sections of real mail have a few kilobytes. */
const MOST_HEADER_BYTES = 256 * 1024
const FIRST_ROOM_BYTES = 8 * 1024
const END_OF_HEADER = Buffer.from('\r\n\r\n')

/** Reads as far as the end of the header. Throws message_malformed and message_too_large, and so does the body. */
export async function readSubmitted(
  source: AsyncIterable<Uint8Array>,
  options: { rule: LineRule; limitBytes: number },
): Promise<SubmittedMessage> {
  const { rule, limitBytes } = options
  const lines = createLineEnds(rule)
  const chunks = normalised(source, lines, limitBytes)
  const { head, end } = await readHead(chunks)
  const section = head.subarray(0, end?.header ?? head.length)
  if (section.length > MOST_HEADER_BYTES) throw headerTooLong()
  const after = head.subarray(end?.body ?? head.length)
  const { fields, rest } = parseHeader(section)
  if (rest.length > 0 && rule === 'refuse') {
    throw messageMalformed(
      'the message does not begin with header fields such as “Subject: …”: put the header first, then an empty line, then the text.',
    )
  }
  // A line that is no field ends the header, although the empty line is missing.
  const displaced = rest.length > 0 ? head.subarray(section.length - rest.length) : after
  return { fields, body: follow(displaced, chunks), eightBit: () => lines.eightBit }
}

async function readHead(
  chunks: AsyncGenerator<Buffer, void>,
): Promise<{ head: Buffer; end: HeaderEnd | undefined }> {
  // Doubled when it is full: a header that comes byte by byte must not be copied at every byte.
  let room = Buffer.alloc(FIRST_ROOM_BYTES)
  let used = 0
  for (;;) {
    const { value, done } = await chunks.next()
    const head = room.subarray(0, used)
    if (done === true) return { head, end: undefined }
    if (used + value.length > room.length) {
      room = Buffer.concat([head], 2 * (used + value.length))
    }
    value.copy(room, used)
    const searched = Math.max(0, used - END_OF_HEADER.length)
    used += value.length
    const end = findEnd(room.subarray(0, used), searched)
    if (end !== undefined) return { head: room.subarray(0, used), end }
    if (used > MOST_HEADER_BYTES) throw headerTooLong()
  }
}

interface HeaderEnd {
  readonly header: number
  readonly body: number
}

function findEnd(head: Buffer, from: number): HeaderEnd | undefined {
  if (head[0] === 13 && head[1] === 10) return { header: 0, body: 2 }
  const at = head.indexOf(END_OF_HEADER, from)
  return at === -1 ? undefined : { header: at + 2, body: at + 4 }
}

async function* normalised(
  source: AsyncIterable<Uint8Array>,
  lines: ReturnType<typeof createLineEnds>,
  limitBytes: number,
): AsyncGenerator<Buffer, void> {
  let total = 0
  const counted = (bytes: Buffer): Buffer => {
    total += bytes.length
    if (total > limitBytes) throw messageTooLarge(limitBytes)
    return bytes
  }
  for await (const chunk of source) {
    const bytes = counted(lines.push(chunk))
    if (bytes.length > 0) yield bytes
  }
  const last = total === 0 ? Buffer.alloc(0) : counted(lines.end())
  if (last.length > 0) yield last
}

async function* follow(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void>,
): AsyncGenerator<Buffer, void> {
  if (first.length > 0) yield first
  yield* rest
}

function headerTooLong() {
  return messageMalformed(
    `the header of the message is longer than ${MOST_HEADER_BYTES / 1024} KB: check that an empty line ends it.`,
  )
}
