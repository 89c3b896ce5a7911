import { parentPort, workerData } from 'node:worker_threads'
import { openConnection } from '../../storage/index.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { createOutboxStore } from './create-store.ts'
import {
  type Answer,
  type Call,
  type Calls,
  type FromThread,
  type Method,
  ownMemory,
  type SentCounts,
  sendError,
  type ThreadData,
  type ToThread,
} from './protocol.ts'

// The entry of the store's thread; it is not imported.
if (parentPort === null) throw new Error('this is the entry of a thread')
const port = parentPort
const { location, inHand }: ThreadData = workerData

let answers: Answer[] = []
let changed = new Set<string>()
let isFlushing = false
const underWay = new Set<Promise<void>>()

try {
  await serve()
} catch (error) {
  send({ type: 'failed', error: sendError(error) })
  port.close()
}

async function serve(): Promise<void> {
  const connection = openConnection(location)
  const store = await createOutboxStore({
    db: connection.db,
    ...(inHand === null ? { role: 'owner' } : { role: 'successor', inHand }),
  })
  store.onChange((profileIds) => {
    for (const profileId of profileIds) changed.add(profileId)
    flushSoon(store)
  })
  port.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      void close(store, connection)
      return
    }
    for (const call of message.calls) {
      const answered = answer(store, call).finally(() => underWay.delete(answered))
      underWay.add(answered)
    }
  })
  send({ type: 'ready', counts: [...store.counts()] })
}

async function answer<Name extends Method>(store: OutboxStore, call: Call<Name>): Promise<void> {
  const { id, method, args } = call
  const calls: Calls = store
  try {
    const value = await calls[method](...args)
    answers.push({ id, isError: false, value })
  } catch (error) {
    answers.push({ id, isError: true, error: sendError(error) })
  }
  flushSoon(store)
}

/** After everything that the commit has let go on. */
function flushSoon(store: OutboxStore): void {
  if (isFlushing) return
  isFlushing = true
  process.nextTick(() => {
    isFlushing = false
    flush(store)
  })
}

function flush(store: OutboxStore): void {
  const counts = [...changed].map((id): SentCounts => [id, store.counts().get(id) ?? null])
  send({ type: 'answers', answers, counts }, answers.flatMap(memoryOf))
  answers = []
  changed = new Set()
}

/** The bytes of messages are handed over, not copied. */
function memoryOf(answer: Answer): ArrayBuffer[] {
  if (answer.isError) return []
  const { value } = answer
  if (value instanceof Uint8Array) return ownMemory(value)
  if (!Array.isArray(value)) return []
  return value.flatMap((item: unknown) =>
    typeof item === 'object' && item !== null && 'body' in item && item.body instanceof Uint8Array
      ? ownMemory(item.body)
      : [],
  )
}

function send(message: FromThread, memory: ArrayBuffer[] = []): void {
  port.postMessage(message, memory)
}

async function close(store: OutboxStore, connection: Disposable): Promise<void> {
  await store[Symbol.asyncDispose]()
  // What the last commit has stored must not look lost.
  await Promise.all(underWay)
  flush(store)
  connection[Symbol.dispose]()
  port.close()
}
