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

/** A message of more bytes is gathered in shared memory; a smaller one stays in the pieces that came. */
const SMALL_BYTES = 32 * 1024
/** Many small pieces become one: none holds the memory of a large read. */
const MOST_PIECES = 64

/**
 * Gathers a chunk while the one before is being stored. Bytes are copied as they come: the pieces that a socket gives are
 * collected cheaply when they die young. A message of one chunk touches the disk with its commit alone.
 */
export function createIntake(deps: IntakeDeps): Intake {
  const { store } = deps
  const id = newId()
  let small: Uint8Array[] = []
  let memory: Uint8Array | undefined
  /** Bytes in `memory`. */
  let filled = 0
  let sizeBytes = 0
  let chunks = 0
  let storing: Promise<void> | undefined
  let isAccepted = false

  /** Resolves when the chunk before is stored, and begins with this one. */
  async function hand(full: Uint8Array, bytes: number): Promise<void> {
    await storing
    storing = append(full, bytes)
    // Told to whoever waits next.
    storing.catch(() => {})
  }

  async function append(full: Uint8Array, bytes: number): Promise<void> {
    await store.appendChunk(id, chunks++, full.subarray(0, bytes))
    // After a failure it is not known who still reads it.
    deps.memory.give(full)
  }

  /** What fits into the chunk; the rest. */
  function fill(into: Uint8Array, piece: Uint8Array): Uint8Array {
    const part = piece.subarray(0, CHUNK_BYTES - filled)
    into.set(part, filled)
    filled += part.length
    return piece.subarray(part.length)
  }

  function gather(): Uint8Array {
    const gathered = deps.memory.take()
    for (const piece of small) fill(gathered, piece)
    small = []
    return gathered
  }

  /** Only when more has come is a chunk handed over: the last one goes with the commit. */
  async function overflow(full: Uint8Array, piece: Uint8Array): Promise<void> {
    let into = full
    for (let rest = piece; rest.length > 0; rest = fill(into, rest)) {
      await hand(into, filled)
      into = deps.memory.take()
      memory = into
      filled = 0
    }
  }

  return {
    id,
    get sizeBytes() {
      return sizeBytes
    },
    get hasCopied() {
      return small.length === 0 && sizeBytes > 0
    },
    write(piece) {
      sizeBytes += piece.length
      if (memory === undefined && sizeBytes <= SMALL_BYTES) {
        small.push(piece)
        if (small.length > MOST_PIECES) small = [joined(small)]
        return undefined
      }
      memory ??= gather()
      const rest = fill(memory, piece)
      return rest.length === 0 ? undefined : overflow(memory, rest)
    },
    async commit(draft) {
      if (sizeBytes === 0) throw messageEmpty()
      if (chunks > 0 && memory !== undefined) {
        await hand(memory, filled)
        memory = undefined
        await storing
      }
      const last = memory?.subarray(0, filled) ?? joined(small)
      const body = chunks > 0 ? null : last
      const accepted = await acceptDraft(deps, { id, draft, sizeBytes, body })
      if (memory !== undefined) deps.memory.give(memory)
      memory = undefined
      isAccepted = true
      small = []
      if (accepted.duplicate && chunks > 0) await store.abortIntake(id)
      return accepted
    },
    async abort() {
      if (isAccepted) return
      small = []
      if (memory !== undefined) deps.memory.give(memory)
      memory = undefined
      await storing?.catch(() => {})
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
