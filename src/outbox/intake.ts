import type { Clock } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Profiles } from '../profiles/index.ts'
import type { ChunkPool } from './chunk-pool.ts'
import { messageEmpty } from './compose/refusals.ts'
import type { OutboxNews } from './events.ts'
import type { Accepted, Draft } from './message.ts'
import type { Intake } from './outbox.ts'
import { CHUNK_BYTES, type OutboxStore } from './outbox-store.ts'

export interface IntakeDeps {
  store: OutboxStore
  memory: ChunkPool
  profiles: Profiles
  clock: Clock
  news: Pick<OutboxNews, 'accepted'>
  /** After the commit. */
  onAccepted: (profileId: string) => void
}

/** A body of so many bytes goes over in shared memory, a smaller one as a copy. */
const SHARED_BYTES = 32 * 1024

/** Keeps at most a chunk and what was just written in memory; a message of one chunk touches the disk with its commit alone. */
export function createIntake(deps: IntakeDeps): Intake {
  const { store } = deps
  const id = newId()
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let sizeBytes = 0
  let chunks = 0
  let isAccepted = false

  /** Moves the first `bytes` of what is pending to `memory`. */
  function cut(memory: Uint8Array, bytes: number): void {
    let filled = 0
    let used = 0
    for (const piece of pending) {
      const part = piece.subarray(0, bytes - filled)
      memory.set(part, filled)
      filled += part.length
      if (part.length < piece.length) {
        pending[used] = piece.subarray(part.length)
        break
      }
      used++
    }
    pending.splice(0, used)
    pendingBytes -= bytes
  }

  async function append(bytes: number): Promise<void> {
    const memory = deps.memory.take()
    cut(memory, bytes)
    await store.appendChunk(id, chunks++, memory.subarray(0, bytes))
    // After a failure it is not known who still reads it.
    deps.memory.give(memory)
  }

  return {
    id,
    get sizeBytes() {
      return sizeBytes
    },
    async write(chunk) {
      pending.push(chunk)
      pendingBytes += chunk.length
      sizeBytes += chunk.length
      // Only when more has come: the last chunk goes with the commit.
      while (pendingBytes > CHUNK_BYTES) await append(CHUNK_BYTES)
    },
    async commit(draft) {
      if (sizeBytes === 0) throw messageEmpty()
      if (chunks > 0 && pendingBytes > 0) await append(pendingBytes)
      const bytes = pendingBytes
      const memory = chunks === 0 && bytes >= SHARED_BYTES ? deps.memory.take() : undefined
      if (memory !== undefined) cut(memory, bytes)
      const body = chunks > 0 ? null : (memory?.subarray(0, bytes) ?? joined(pending))
      const accepted = await acceptDraft(deps, { id, draft, sizeBytes, body })
      if (memory !== undefined) deps.memory.give(memory)
      isAccepted = true
      pending = []
      if (accepted.duplicate && chunks > 0) await store.abortIntake(id)
      return accepted
    },
    async abort() {
      if (isAccepted) return
      pending = []
      pendingBytes = 0
      if (chunks > 0) await store.abortIntake(id)
    },
  }
}

export async function acceptDraft(
  deps: IntakeDeps,
  message: { id: string; draft: Draft; sizeBytes: number; body: Uint8Array | null },
): Promise<Accepted> {
  const { store, profiles, clock, news, onAccepted } = deps
  const { id, draft, sizeBytes, body } = message
  if (sizeBytes === 0) throw messageEmpty()
  const { profileId, source } = draft
  profiles.get(profileId)
  if (draft.envelope.recipients.length === 0) {
    throw new PosternError('The message has no recipient. Name at least one.', {
      kind: 'invalid',
      code: 'message_without_recipients',
    })
  }
  const accepted = await store.accept({ id, draft, sizeBytes, acceptedAt: clock.now() }, body)
  if (accepted.duplicate) return accepted
  news.accepted({ id: accepted.id, profileId, source, sizeBytes })
  onAccepted(profileId)
  return accepted
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
}
