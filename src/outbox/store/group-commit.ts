import type { Kysely, Transaction } from 'kysely'
import { PosternError } from '../../platform/errors.ts'
import type { Tables } from '../../storage/index.ts'
import { createEffects, type Effects } from './effects.ts'

/** A change that was decided against before anything was written: only it fails, the others of its commit go on. */
export class Refusal {
  readonly error: PosternError

  constructor(error: PosternError) {
    this.error = error
  }
}

export interface Work<Result> {
  /** Bytes that it writes, roughly: a commit does not grow beyond what the others may wait for. */
  readonly bytes?: number
  /** May run twice, each time in a transaction that starts without its former traces. */
  run(transaction: Transaction<Tables>, effects: Effects): Promise<Result | Refusal>
}

/**
 * One transaction, and one wait for the disk, for all the changes that wait at the same moment. When one fails, the
 * transaction is rolled back and each runs alone, so that only the guilty one fails.
 */
export interface GroupCommit extends AsyncDisposable {
  /** Resolves after the durable commit. */
  write<Result>(work: Work<Result>): Promise<Result>
  /** Between two transactions: it sees what was committed, and nothing changes while it runs. */
  read<Result>(work: () => Promise<Result>): Promise<Result>
}

const MOST_WORKS = 64
const MOST_BYTES = 1024 * 1024

interface Waiting {
  readonly bytes: number
  /** Resolves with what settles the promise of the caller. */
  run(transaction: Transaction<Tables>, effects: Effects): Promise<() => void>
  reject(error: unknown): void
}

export function createGroupCommit(deps: {
  db: Kysely<Tables>
  /** The last statements of each transaction. */
  conclude(effects: Effects): void
  /** After each commit, before the callers know. */
  committed(effects: Effects): Promise<void>
}): GroupCommit {
  const { db, conclude, committed } = deps
  let writes: Waiting[] = []
  let reads: (() => Promise<void>)[] = []
  let isRunning = false
  let drained = Promise.resolve()
  let isClosed = false

  function start(): void {
    if (isRunning) return
    isRunning = true
    drained = drain()
  }

  async function drain(): Promise<void> {
    while (writes.length > 0 || reads.length > 0) {
      // Lets those arrive that the last commit has let go on: they share the next one.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const asked = reads
      reads = []
      for (const read of asked) await read()
      const batch = takeBatch()
      if (batch.length > 0) await commit(batch)
    }
    isRunning = false
  }

  function takeBatch(): Waiting[] {
    let bytes = 0
    const most = writes.findIndex((work, index) => {
      bytes += work.bytes
      return index > 0 && (index >= MOST_WORKS || bytes > MOST_BYTES)
    })
    const batch = most === -1 ? writes : writes.slice(0, most)
    writes = most === -1 ? [] : writes.slice(most)
    return batch
  }

  async function commit(batch: readonly Waiting[]): Promise<void> {
    const effects = createEffects()
    let settle: (() => void)[]
    try {
      settle = await db.transaction().execute(async (transaction) => {
        const results: (() => void)[] = []
        for (const work of batch) results.push(await work.run(transaction, effects))
        conclude(effects)
        return results
      })
    } catch (error) {
      if (batch.length === 1 || isLocked(error)) {
        for (const work of batch) work.reject(error)
        return
      }
      for (const work of batch) await commit([work])
      return
    }
    await committed(effects)
    for (const done of settle) done()
  }

  return {
    write({ bytes = 0, run }) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw closed()
        writes.push({
          bytes,
          reject,
          async run(transaction, effects) {
            const result = await run(transaction, effects)
            return result instanceof Refusal ? () => reject(result.error) : () => resolve(result)
          },
        })
        start()
      })
    },
    read(work) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw closed()
        reads.push(() => work().then(resolve, reject))
        start()
      })
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      await drained
    },
  }
}

/** Nobody is guilty, and each alone would wait for the lock as long again. */
function isLocked(error: unknown): boolean {
  return error instanceof PosternError && error.code === 'database_locked'
}

function closed(): PosternError {
  return new PosternError('The outbox is closed: Postern is stopping. Try again when it runs.', {
    kind: 'unavailable',
    code: 'stopping',
  })
}
