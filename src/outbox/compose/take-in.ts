import type { Accepted, Draft } from '../message.ts'
import type { Intake } from '../outbox.ts'
import { messageTooLarge } from './refusals.ts'

/** Composers give small pieces; they are written together. */
const PIECE_BYTES = 64 * 1024

/**
 * Writes the bytes with back-pressure and commits them. Whatever goes wrong before the commit, nothing of the message
 * is kept. `draft` is asked for when all bytes are written.
 */
export async function takeIn(
  intake: Intake,
  bytes: AsyncIterable<Uint8Array>,
  options: { limitBytes: number; draft: () => Draft },
): Promise<{ accepted: Accepted; draft: Draft }> {
  try {
    for await (const piece of inPieces(bytes)) {
      if (intake.sizeBytes + piece.length > options.limitBytes) {
        throw messageTooLarge(options.limitBytes)
      }
      await intake.write(piece)
    }
    const draft = options.draft()
    return { accepted: await intake.commit(draft), draft }
  } catch (error) {
    await intake.abort()
    throw error
  }
}

async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let small: Uint8Array[] = []
  let waiting = 0
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const part = chunk.subarray(at, at + PIECE_BYTES)
      small.push(part)
      waiting += part.length
      if (waiting < PIECE_BYTES) continue
      yield joined(small)
      small = []
      waiting = 0
    }
  }
  if (waiting > 0) yield joined(small)
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only, ...others] = chunks
  return only !== undefined && others.length === 0 ? only : Buffer.concat(chunks)
}
