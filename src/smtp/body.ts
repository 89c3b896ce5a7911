import { PosternError } from '../platform/errors.ts'
import { createDotStuffer } from './dot-stuffing.ts'
import type { OutgoingMessage } from './session.ts'

/** A message's bytes as they go over the wire. */
export interface PreparedBody {
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** After the last piece: what ends the message. Throws when the body is not what it should be. */
  end(): Uint8Array
}

/** What is handed to the socket at a time, before dots are doubled. */
const PIECE_BYTES = 64 * 1024

/**
 * A body of one piece is looked through at once: when it cannot be sent, the server has not heard of it yet. A longer
 * one is looked through on its way.
 */
export function prepareBody(message: Pick<OutgoingMessage, 'body' | 'sizeBytes'>): PreparedBody {
  const { body, sizeBytes } = message
  const stuffer = createDotStuffer()
  let seenBytes = 0

  function take(piece: Uint8Array): Uint8Array {
    seenBytes += piece.length
    return stuffer.push(piece)
  }
  function end(): Uint8Array {
    if (seenBytes !== sizeBytes) throw otherLength(seenBytes, sizeBytes)
    return stuffer.end()
  }
  async function* passOn(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      for (const piece of cut(chunk)) yield take(piece)
    }
  }
  function* passOnWhole(whole: Uint8Array) {
    for (const piece of cut(whole)) yield take(piece)
  }

  if (!(body instanceof Uint8Array)) return { pieces: passOn(body), end }
  if (body.length > PIECE_BYTES) return { pieces: passOnWhole(body), end }
  const pieces = [take(body)]
  const ending = end()
  return { pieces, end: () => ending }
}

function* cut(data: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < data.length; at += PIECE_BYTES) yield data.subarray(at, at + PIECE_BYTES)
}

/** Half a message must not be delivered as if it were whole. */
function otherLength(seenBytes: number, sizeBytes: number): PosternError {
  return new PosternError(
    'The message was not sent, because its stored content is not complete. Have it sent again by the application that it came from.',
    { kind: 'internal', code: 'smtp_message_invalid', fields: { seenBytes, sizeBytes } },
  )
}
