import { Worker } from 'node:worker_threads'
import { PosternError } from '../../platform/errors.ts'
import {
  type Answer,
  type Args,
  type Call,
  type FromThread,
  type Method,
  ownMemory,
  type Result,
  receiveError,
  type SentCounts,
  type ThreadData,
  type ToThread,
} from './protocol.ts'

/** Calls that the thread has at once; the others wait here, where they cost the thread no memory. */
const MOST_UNDER_WAY = 256
/** Rows and calls; the bytes of messages are outside. */
const LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 4 }

/** The store's thread, running. */
export interface StoreThread extends AsyncDisposable {
  call<Name extends Method>(method: Name, args: Args<Name>): Promise<Result<Name>>
  /** Ends it at once, whatever it does: its callers fail. */
  terminate(): Promise<void>
}

interface Caller {
  readonly method: Method
  settle(answer: Answer): void
  reject(error: unknown): void
}

/** Resolves when it is ready. */
export async function startStoreThread(deps: {
  data: ThreadData
  /** `isWhole`: those of all profiles, else of some. */
  onCounts(counts: readonly SentCounts[], isWhole: boolean): void
  /** It ended although nobody had closed it. */
  onFailure(error: unknown): void
}): Promise<StoreThread> {
  const { data, onCounts, onFailure } = deps
  // In the sources as they are, and in the emitted JavaScript.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./store-thread.${extension}`, import.meta.url), {
    name: 'outbox-store',
    workerData: data,
    resourceLimits: LIMITS,
    execArgv: [],
  })
  const callers = new Map<number, Caller>()
  const ended = Promise.withResolvers<void>()
  let waiting: Call[] = []
  let isFlushing = false
  let isClosing = false
  let hasEnded = false
  let lastId = 0
  let failure: unknown

  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromThread) => {
      if (message.type === 'failed') {
        reject(receiveError(message.error))
        return
      }
      onCounts(message.counts, message.type === 'ready')
      if (message.type === 'ready') resolve()
      else for (const answer of message.answers) settle(answer)
      flushSoon()
    })
    worker.on('error', (error: unknown) => {
      failure = error
    })
    worker.on('exit', () => {
      hasEnded = true
      const error = stopped(failure)
      reject(error)
      for (const caller of callers.values()) caller.reject(stopped(failure, caller.method))
      callers.clear()
      if (!isClosing) onFailure(error)
      ended.resolve()
    })
  })

  function settle(answer: Answer): void {
    const caller = callers.get(answer.id)
    callers.delete(answer.id)
    caller?.settle(answer)
  }

  function flushSoon(): void {
    if (isFlushing || waiting.length === 0) return
    isFlushing = true
    // After everything that has arrived by now: what goes over together shares a commit.
    setImmediate(() => {
      isFlushing = false
      flush()
    })
  }

  function flush(): void {
    const free = MOST_UNDER_WAY - (callers.size - waiting.length)
    const calls = waiting.slice(0, Math.max(0, free))
    if (calls.length === 0) return
    waiting = waiting.slice(calls.length)
    send({ type: 'calls', calls }, calls.flatMap(memoryOf))
  }

  function send(message: ToThread, memory: ArrayBuffer[] = []): void {
    worker.postMessage(message, memory)
  }

  function call<Name extends Method>(method: Name, args: Args<Name>): Promise<Result<Name>> {
    return new Promise<Result<Name>>((resolve, reject) => {
      if (hasEnded || isClosing) throw stopped(failure, method)
      const id = ++lastId
      callers.set(id, {
        method,
        reject,
        settle(answer: Answer<Result<Name>>) {
          if (answer.isError) reject(receiveError(answer.error))
          else resolve(answer.value)
        },
      })
      waiting.push({ id, method, args })
      flushSoon()
    })
  }

  try {
    await ready
  } catch (error) {
    isClosing = true
    await worker.terminate()
    throw error
  }
  return {
    call,
    async terminate() {
      await worker.terminate()
    },
    async [Symbol.asyncDispose]() {
      if (!isClosing && !hasEnded) {
        flush()
        isClosing = true
        send({ type: 'close' })
      }
      await ended.promise
    },
  }
}

/** A chunk is handed over, not copied. The body of a small message is copied: its caller may want to keep it. */
function memoryOf({ method, args }: Call): ArrayBuffer[] {
  if (method !== 'appendChunk') return []
  return args.flatMap((value) => (value instanceof Uint8Array ? ownMemory(value) : []))
}

/** Who calls these still has the message. */
const HANDING_IN: readonly Method[] = ['appendChunk', 'accept']

function stopped(cause: unknown, method?: Method): PosternError {
  const isHandingIn = method !== undefined && HANDING_IN.includes(method)
  const what = isHandingIn
    ? 'The outbox has stopped before the message was safe. Send it again'
    : 'The outbox has stopped before it answered. Try again'
  return new PosternError(`${what}; when this happens again, see the log.`, {
    kind: 'unavailable',
    code: 'storage_failed',
    cause,
  })
}
