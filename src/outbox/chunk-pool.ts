import { CHUNK_BYTES } from './outbox-store.ts'

/**
 * Memory for the chunks of large messages on their way to the store. It is shared with the store's thread and used again:
 * new memory for each chunk lies outside V8's heap, and whenever some 30 MB of it have come together V8 collects
 * everything, which cost more than all the rest of accepting 10 MB.
 */
export interface ChunkPool {
  /** CHUNK_BYTES of memory, with whatever was in it. */
  take(): Uint8Array
  /** Nobody reads it any more. */
  give(memory: Uint8Array): void
}

/** Kept for the next message; a burst of more at once uses new memory. */
const MOST_KEPT = 16

export function createChunkPool(): ChunkPool {
  const free: Uint8Array[] = []
  return {
    take: () => free.pop() ?? new Uint8Array(new SharedArrayBuffer(CHUNK_BYTES)),
    give(memory) {
      if (free.length < MOST_KEPT) free.push(memory)
    },
  }
}
