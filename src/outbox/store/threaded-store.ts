import { type Kysely, sql } from 'kysely'
import { messageOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Storage, Tables } from '../../storage/index.ts'
import type { QueueCounts } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { isAttemptSettled } from '../refusals.ts'
import { createOutboxStore } from './create-store.ts'
import type { Args, Calls, Method, Result, SentCounts } from './protocol.ts'
import { hasPurgeable } from './purge.ts'
import { type StoreThread, startStoreThread } from './store-worker.ts'

/**
 * The store in a thread of its own, so that the main thread never waits for the disk. The thread starts at once when
 * mail waits, otherwise with the first change; until then what is read is read here, and nothing has to be woken or
 * failed. When it ends unexpectedly its callers fail, and the next call starts another one.
 */
export async function openThreadedStore(deps: {
  storage: Pick<Storage, 'db' | 'location' | 'leaveCheckpoints'>
  log: Logger
  startThread?: typeof startStoreThread
}): Promise<OutboxStore> {
  const { storage, log, startThread = startStoreThread } = deps
  const { db } = storage
  const counts = new Map<string, QueueCounts>()
  const listeners = new Set<(profileIds: readonly string[], isAnew: boolean) => void>()
  const reader = await createOutboxStore({ db, role: 'reader' })
  const readHere: Calls = reader
  let thread: Promise<StoreThread> | undefined
  let isNeeded = await hasWork(db)
  /** Claimed and not settled, as far as its callers know, with the number of the attempt; null before the first thread. */
  let inHand: Map<string, number> | null = null

  function take(changed: readonly SentCounts[], isWhole: boolean): void {
    const known = new Set(changed.map(([profileId]) => profileId))
    // What ended while the answers of the former thread were lost.
    const gone = isWhole ? [...counts.keys()].filter((profileId) => !known.has(profileId)) : []
    const sent = [...changed, ...gone.map((profileId): SentCounts => [profileId, null])]
    if (sent.length === 0) return
    for (const [profileId, numbers] of sent) {
      if (numbers === null) counts.delete(profileId)
      else counts.set(profileId, numbers)
    }
    const profileIds = sent.map(([profileId]) => profileId)
    for (const listener of [...listeners]) listener(profileIds, isWhole)
  }

  async function start(): Promise<StoreThread> {
    const started = await startThread({
      data: { location: storage.location, inHand: inHand && [...inHand.keys()] },
      onCounts: take,
      onFailure(error) {
        log.error({ err: error }, 'outbox thread ended unexpectedly')
        forget()
      },
    })
    // What it has claimed is still being sent when another one follows it.
    inHand ??= new Map()
    storage.leaveCheckpoints(true)
    log.debug('outbox thread started')
    return started
  }

  function forget(): void {
    thread = undefined
    storage.leaveCheckpoints(false)
  }

  /** Not when it has been claimed for the next one since. */
  function forgetAttempt(messageId: string, number: number): void {
    if (inHand?.get(messageId) === number) inHand.delete(messageId)
  }

  function running(): Promise<StoreThread> {
    isNeeded = true
    thread ??= start().catch((error: unknown) => {
      forget()
      throw error
    })
    return thread
  }

  async function call<Name extends Method>(
    method: Name,
    ...args: Args<Name>
  ): Promise<Result<Name>> {
    return await (await running()).call(method, args)
  }

  /** Reads here while there is no thread, and never starts one. */
  function read<Name extends Method>(method: Name, ...args: Args<Name>): Promise<Result<Name>> {
    return isNeeded ? call(method, ...args) : readHere[method](...args)
  }

  if (isNeeded) {
    try {
      await running()
    } catch (error) {
      // A full disk, say: the agent serves all the same, and each later call tries again.
      log.error({ err: error }, messageOf(error))
    }
  }

  return {
    appendChunk: (...args) => call('appendChunk', ...args),
    abortIntake: async (...args) => {
      if (isNeeded) await call('abortIntake', ...args)
    },
    accept: (message, body) => call('accept', message, body && compact(body)),
    async claim(request) {
      const claimed = await call('claim', request)
      for (const { message } of claimed) inHand?.set(message.id, message.attempts + 1)
      return claimed
    },
    async unclaim(messageIds) {
      const held = messageIds.map((id) => [id, inHand?.get(id)] as const)
      // Nobody sends them: a thread that starts from now on puts them back by itself.
      for (const id of messageIds) inHand?.delete(id)
      const asked = running()
      try {
        await (await asked).call('unclaim', [messageIds])
      } catch (error) {
        // They may be claimed again at once, by somebody who must not lose them to a second call.
        if (thread !== asked) return
        for (const [id, number] of held) if (number !== undefined) inHand?.set(id, number)
        throw error
      }
    },
    readChunk: (...args) => read('readChunk', ...args),
    async settle(settlement) {
      const { messageId, attempt } = settlement
      try {
        await call('settle', settlement)
      } catch (error) {
        if (isAttemptSettled(error)) forgetAttempt(messageId, attempt.number)
        throw error
      }
      forgetAttempt(messageId, attempt.number)
    },
    wakeDue: async (...args) =>
      isNeeded ? await call('wakeDue', ...args) : { profileIds: [], nextDueAt: null },
    wakeAll: async (...args) => {
      if (isNeeded) await call('wakeAll', ...args)
    },
    wake: (...args) => call('wake', ...args),
    unhold: async (...args) => (isNeeded ? await call('unhold', ...args) : 0),
    failHeld: async (...args) => (isNeeded ? await call('failHeld', ...args) : []),
    holds: () => read('holds'),
    oldestHeld: (...args) => read('oldestHeld', ...args),
    putHold: (...args) => call('putHold', ...args),
    endHold: (...args) => call('endHold', ...args),
    countWaiting: (...args) => read('countWaiting', ...args),
    accountedSince: (...args) => read('accountedSince', ...args),
    counts: () => counts,
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    async refreshCounts() {
      if (isNeeded) await call('refreshCounts')
      else if (await hasWork(db)) await running()
    },
    list: (...args) => read('list', ...args),
    find: (...args) => read('find', ...args),
    state: (...args) => read('state', ...args),
    requeue: (...args) => call('requeue', ...args),
    cancel: (...args) => call('cancel', ...args),
    unreported: (...args) => read('unreported', ...args),
    failures: (...args) => read('failures', ...args),
    unreportedProfiles: () => read('unreportedProfiles'),
    lastReportAt: (...args) => read('lastReportAt', ...args),
    report: (request) => {
      const { report } = request
      return call('report', {
        ...request,
        report: report && { ...report, body: compact(report.body) },
      })
    },
    unbounced: (...args) => read('unbounced', ...args),
    bounce: (request) => {
      const { bounce } = request
      return call('bounce', {
        ...request,
        bounce: bounce && { ...bounce, body: compact(bounce.body) },
      })
    },
    async purge(request) {
      if (!isNeeded && !(await hasPurgeable(db, request))) return false
      return await call('purge', request)
    },
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]()
      const last = await thread?.catch(() => undefined)
      await last?.[Symbol.asyncDispose]()
      storage.leaveCheckpoints(false)
    },
  }
}

/** Whether anything is to be done at the start: mail that waits, or bytes of messages that were never accepted. */
async function hasWork(db: Kysely<Tables>): Promise<boolean> {
  const waiting = await db
    .selectFrom('message')
    .select(sql.lit(1).as('one'))
    .where('finished_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  if (waiting !== undefined) return true
  const intake = await db.selectFrom('intake').select('id').limit(1).executeTakeFirst()
  return intake !== undefined
}

/** Sending a part of a larger memory, such as Node's pool of small buffers, would send all of it; shared memory is not sent. */
function compact(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes
  const isWhole = buffer instanceof SharedArrayBuffer || bytes.byteLength === buffer.byteLength
  return isWhole ? bytes : new Uint8Array(bytes)
}
