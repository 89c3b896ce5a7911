import type {
  Accepted,
  Draft,
  Hold,
  MessageDetail,
  StoredMessage,
} from '../../../src/outbox/message.ts'
import type { MessageFilter, MessageOutcome, Outbox } from '../../../src/outbox/outbox.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { newId } from '../../../src/platform/ids.ts'
import { FAKE_NOW } from '../../support/clock.ts'

interface Kept {
  readonly draft: Draft
  readonly body: Buffer
  detail: MessageDetail
}

export interface FakeOutbox extends Outbox {
  readonly kept: Map<string, Kept>
  /** The message that was accepted last. */
  last(): Kept
  /** Bytes of intakes that were begun, and whether they came to an end. */
  readonly intakes: {
    sizeBytes: number
    largestWrite: number
    end: 'open' | 'committed' | 'aborted'
  }[]
  readonly listed: MessageFilter[]
  readonly holds: Hold[]
  /** Sets what becomes of a message; whoever waits for it is told. */
  settle(id: string, changes: Partial<StoredMessage>): void
  /** The next commit fails with this. */
  failWith: Error | undefined
  forgetBodies: boolean
}

/** Keeps messages in memory and delivers nothing. */
export function createFakeOutbox(): FakeOutbox {
  const kept = new Map<string, Kept>()
  const byKey = new Map<string, { id: string; fingerprint: string }>()
  const waiting = new Map<string, (() => void)[]>()
  const intakes: FakeOutbox['intakes'] = []
  const listed: MessageFilter[] = []
  const holds: Hold[] = []

  const find = (id: string): Kept => {
    const found = kept.get(id)
    if (found !== undefined) return found
    throw new PosternError('There is no such message.', {
      kind: 'not_found',
      code: 'message_not_found',
    })
  }
  const store = (id: string, draft: Draft, body: Buffer): Accepted => {
    if (fake.failWith !== undefined) throw fake.failWith
    if (draft.idempotency !== null) {
      const key = `${draft.client} ${draft.idempotency.key}`
      const known = byKey.get(key)
      if (known !== undefined && known.fingerprint !== draft.idempotency.fingerprint) {
        throw new PosternError('The key was used for another message.', {
          kind: 'conflict',
          code: 'idempotency_key_reused',
        })
      }
      if (known !== undefined) return { id: known.id, acceptedAt: FAKE_NOW, duplicate: true }
      byKey.set(key, { id, fingerprint: draft.idempotency.fingerprint })
    }
    const { recipients, ...envelope } = draft.envelope
    kept.set(id, {
      draft,
      body,
      detail: {
        message: {
          ...draft,
          id,
          envelope,
          state: 'queued',
          sizeBytes: body.length,
          recipientCount: recipients.length,
          acceptedAt: FAKE_NOW,
          attempts: 0,
          nextAttemptAt: null,
          finishedAt: null,
          hasBody: true,
          diagnosis: null,
          reply: null,
          serverMessageId: null,
        },
        recipients: recipients.map((recipient, index) => ({
          ...recipient,
          index,
          state: 'waiting',
          reply: null,
          diagnosisCode: null,
          finishedAt: null,
        })),
        attempts: [],
      },
    })
    return { id, acceptedAt: FAKE_NOW, duplicate: false }
  }

  const change = (id: string, changes: Partial<StoredMessage>): StoredMessage => {
    const entry = find(id)
    entry.detail = { ...entry.detail, message: { ...entry.detail.message, ...changes } }
    return entry.detail.message
  }

  const fake: FakeOutbox = {
    kept,
    intakes,
    listed,
    holds,
    failWith: undefined,
    forgetBodies: false,
    last() {
      const [last] = [...kept.values()].slice(-1)
      if (last === undefined) throw new Error('nothing was accepted')
      return last
    },
    settle(id, changes) {
      change(id, changes)
      for (const tell of waiting.get(id) ?? []) tell()
    },
    intake() {
      const id = newId()
      const chunks: Uint8Array[] = []
      const record: FakeOutbox['intakes'][number] = { sizeBytes: 0, largestWrite: 0, end: 'open' }
      intakes.push(record)
      return {
        id,
        hasCopied: false,
        get sizeBytes() {
          return record.sizeBytes
        },
        async write(chunk) {
          chunks.push(chunk)
          record.sizeBytes += chunk.length
          record.largestWrite = Math.max(record.largestWrite, chunk.length)
        },
        async commit(draft) {
          const accepted = store(id, draft, Buffer.concat(chunks))
          record.end = 'committed'
          return accepted
        },
        async abort() {
          if (record.end === 'open') record.end = 'aborted'
        },
      }
    },
    accept: async (draft, body) => store(newId(), draft, Buffer.from(body)),
    outcome: (id, { signal }) =>
      new Promise<MessageOutcome>((resolve, reject) => {
        const tell = () => resolve(find(id).detail.message)
        waiting.set(id, [...(waiting.get(id) ?? []), tell])
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
    async list(filter, { limit, cursor }) {
      listed.push(filter)
      const all = [...kept.values()].map(({ detail }) => detail.message).reverse()
      const own = all.filter(
        ({ client }) => filter.client === undefined || client === filter.client,
      )
      const from = cursor === undefined ? 0 : Number(cursor)
      const nextCursor = own.length > from + limit ? String(from + limit) : null
      return { messages: own.slice(from, from + limit), nextCursor }
    },
    get: async (id) => find(id).detail,
    async body(id) {
      const { body } = find(id)
      if (fake.forgetBodies) return undefined
      return (async function* () {
        yield body
      })()
    },
    retry: async (id) => change(id, { state: 'queued' }),
    cancel: async (id) => change(id, { state: 'cancelled', finishedAt: FAKE_NOW }),
    release: async () => ({ released: holds.splice(0).length }),
    queueOf: () => ({ queued: kept.size, held: 0, oldestAcceptedAt: null }),
    orphaned: () => [],
    holdsOf: (profileId) => holds.filter((hold) => hold.profileId === profileId),
    start() {},
    idle: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return fake
}
