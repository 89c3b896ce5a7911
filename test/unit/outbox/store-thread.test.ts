import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { OutboxStore } from '../../../src/outbox/outbox-store.ts'
import { type StoreThread, startStoreThread } from '../../../src/outbox/store/store-worker.ts'
import { openThreadedStore } from '../../../src/outbox/store/threaded-store.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog } from '../../support/log.ts'
import {
  accept,
  acceptBeside,
  acceptEnded,
  BODY,
  claimOne,
  DIAGNOSIS,
  NOW,
  newMessage,
  settle,
} from './store-harness.ts'

/** The store with a look at its threads. */
async function openWatched(folder: { path: string }, faults = { starts: 0, unclaims: 0 }) {
  await using closers = new AsyncDisposableStack()
  const { log, lines } = captureLog()
  const storage = closers.use(
    await openStorage({ dataDir: folder.path, role: 'agent', clock: createFakeClock(), log }),
  )
  const threads: StoreThread[] = []
  const store = closers.use(
    await openThreadedStore({
      storage,
      log,
      async startThread(deps) {
        if (faults.starts-- > 0) throw new Error('no memory for a thread')
        const started = await startStoreThread(deps)
        const thread: StoreThread = {
          ...started,
          call: (method, args) =>
            method === 'unclaim' && faults.unclaims-- > 0
              ? Promise.reject(new Error('locked'))
              : started.call(method, args),
        }
        threads.push(thread)
        return thread
      },
    }),
  )
  const held = closers.move()
  return { store, storage, threads, lines, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function readEverything(store: OutboxStore): Promise<void> {
  await store.list({}, { limit: 9, before: undefined })
  await store.find('nothing')
  await store.state('nothing')
  await store.holds()
  await store.countWaiting('default', '')
  await store.accountedSince('contoso', 0)
  await store.unreportedProfiles()
  await store.unreported('default', 9)
  await store.failures(['nothing'])
  await store.oldestHeld('default', 'anna@contoso.com')
  await store.unbounced(9)
  await store.lastReportAt('default')
  await store.wakeDue(NOW)
  await store.wakeAll(['default'])
  await store.unhold('default', '')
  await store.abortIntake('nothing')
  await store.refreshCounts()
  const keep = { now: NOW, bodiesBefore: 0, recordsBefore: 0, idempotencyBefore: 0 }
  expect(await store.purge({ ...keep, mostBodyBytes: 1e9 })).toBe(false)
}

test('an agent without mail has no thread, whatever is read; the first message starts it', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  await readEverything(opened.store)
  expect(opened.threads).toHaveLength(0)
  const id = await accept(opened.store)
  await settle(opened.store, await claimOne(opened.store), { state: 'delivered' })
  await readEverything(opened.store)
  expect(opened.threads).toHaveLength(1)
  expect((await opened.store.state(id))?.state).toBe('delivered')
})

test('the thread starts with the agent when mail waits, and only then', async () => {
  using folder = temporaryFolder()
  {
    await using opened = await openWatched(folder)
    await acceptEnded(opened.store, 'failed')
  }
  {
    await using opened = await openWatched(folder)
    expect(opened.threads).toHaveLength(0)
    expect(await opened.store.unreportedProfiles()).toEqual(['default'])
    await accept(opened.store)
  }
  await using opened = await openWatched(folder)
  expect(opened.threads).toHaveLength(1)
  expect(opened.store.counts().get('default')?.queued).toBe(1)
})

test('what a command beside the agent has accepted is found, with and without a thread', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store } = opened
  const told: string[] = []
  store.onChange((profileIds) => told.push(...profileIds))
  const first = await acceptBeside(folder.path)
  expect(store.counts().size).toBe(0)
  await store.refreshCounts()
  expect(store.counts().get('default')?.queued).toBe(1)
  await acceptBeside(folder.path)
  await store.refreshCounts()
  expect(store.counts().get('default')?.queued).toBe(2)
  expect(told).toEqual(['default', 'default'])
  expect((await claimOne(store)).message.id).toBe(first)
})

test('a message of another process is counted with the next one of our own', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store } = opened
  await accept(store)
  await acceptBeside(folder.path)
  await accept(store)
  expect(store.counts().get('default')?.queued).toBe(3)
})

test('more ends than is known of: the numbers are counted anew', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store } = opened
  await accept(store)
  for (let n = 0; n < 3; n++) await acceptBeside(folder.path)
  for (let n = 0; n < 2; n++) await settle(store, await claimOne(store), { state: 'delivered' })
  expect(store.counts().get('default')?.queued).toBe(2)
})

test('a thread that ends unexpectedly fails its callers; another one follows and knows what is being sent', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store, threads, lines } = opened
  await accept(store)
  const claimed = await claimOne(store)
  const pending = Promise.allSettled([accept(store), store.find('nothing')])
  await threads[0]?.terminate()
  for (const result of await pending) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { kind: 'unavailable', code: 'storage_failed' },
    })
  }
  expect(lines.join('')).toContain('outbox thread ended unexpectedly')

  await accept(store)
  expect(threads).toHaveLength(2)
  expect((await store.find(claimed.message.id))?.message.state).toBe('sending')
  await settle(store, claimed, { state: 'delivered' })
  expect((await store.state(claimed.message.id))?.state).toBe('delivered')
})

test('what a thread has claimed or ended without anybody knowing is put right by the next one', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store, storage, threads } = opened
  const told: string[] = []
  store.onChange((profileIds) => told.push(...profileIds))
  const lost = await accept(store)
  await accept(store, { profileId: 'other' })
  const given = await claimOne(store, 'other')
  // The thread had committed a claim and a cancellation, and died before its answers.
  await accept(store, { profileId: 'ended' })
  await storage.db.updateTable('message').set({ state: 'sending' }).where('id', '=', lost).execute()
  await storage.db
    .updateTable('message')
    .set({ state: 'cancelled', finished_at: NOW })
    .where('profile_id', '=', 'ended')
    .execute()
  await endUnexpectedly(opened)
  told.length = 0
  // Given back to a thread that is not there any more.
  await store.unclaim([given.message.id])
  expect(threads).toHaveLength(2)
  expect(store.counts().get('ended')).toBeUndefined()
  expect(new Set(told)).toEqual(new Set(['default', 'other', 'ended']))
  expect((await claimOne(store)).message.id).toBe(lost)
  expect((await claimOne(store, 'other')).message.id).toBe(given.message.id)
})

async function endUnexpectedly(opened: Awaited<ReturnType<typeof openWatched>>): Promise<void> {
  const { store, threads } = opened
  const pending = store.find('nothing').catch(() => undefined)
  await threads.at(-1)?.terminate()
  await pending
}

test('a thread that is closed answers everything that it was asked before', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  await accept(opened.store)
  const thread = opened.threads[0]
  const ids = ['one', 'two', 'three']
  const answers = Promise.allSettled([
    ...ids.map((id) => thread?.call('accept', [newMessage({ id }), BODY])),
    thread?.call('list', [{}, { limit: 9, before: undefined }]),
    thread?.call('oldestHeld', ['default', 'anna@contoso.com']),
  ])
  await thread?.[Symbol.asyncDispose]()
  expect(await answers).toMatchObject([
    ...ids.map((id) => ({ status: 'fulfilled', value: { id } })),
    { status: 'fulfilled', value: [{ profileId: 'default' }] },
    { status: 'fulfilled', value: undefined },
  ])
})

test('only those who hand mail in are told to send it again when the thread ends', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store, threads } = opened
  await accept(store)
  const bytes = Buffer.from('Hello.')
  const pending = Promise.allSettled([
    accept(store),
    store.appendChunk('intake', 0, bytes),
    store.list({}, { limit: 9, before: undefined }),
  ])
  await threads[0]?.terminate()
  const again = {
    status: 'rejected',
    reason: { message: expect.stringContaining('Send it again') },
  }
  const message =
    'The outbox has stopped before it answered. Try again; when this happens again, see the log.'
  expect(await pending).toMatchObject([again, again, { status: 'rejected', reason: { message } }])
})

test('when the thread cannot start, callers are told why, and the next one tries again', async () => {
  using folder = temporaryFolder()
  const { log } = captureLog()
  await using storage = await openStorage({
    dataDir: folder.path,
    role: 'agent',
    clock: createFakeClock(),
    log,
  })
  let isBroken = true
  await using store = await openThreadedStore({
    storage,
    log,
    startThread: (deps) => {
      const { location } = deps.data
      const file = isBroken ? join(folder.path, 'missing', 'postern.db') : location.file
      return startStoreThread({ ...deps, data: { ...deps.data, location: { ...location, file } } })
    },
  })
  await expect(accept(store)).rejects.toThrow(/directory does not exist/)
  isBroken = false
  await accept(store)
  expect(store.counts().get('default')?.queued).toBe(1)
})

test('the main thread writes in between however much the thread writes', async () => {
  using folder = temporaryFolder()
  await using opened = await openWatched(folder)
  const { store, storage } = opened
  await accept(store)
  let isOver = false
  const flood = Array.from({ length: 16 }, async () => {
    while (!isOver) await accept(store)
  })
  for (let n = 0; n < 60; n++) {
    await noteSync(storage, n)
    await new Promise((resolve) => setImmediate(resolve))
  }
  isOver = true
  await Promise.all(flood)
  const rows = await storage.db.selectFrom('sync_run').select('id').execute()
  expect(rows).toHaveLength(60)
})

async function noteSync(storage: Storage, at: number): Promise<void> {
  await storage.db.transaction().execute(async (transaction) => {
    await transaction.selectFrom('sync_run').select('id').execute()
    await transaction
      .insertInto('sync_run')
      .values({ at, file: 'f', hash: null, outcome: 'applied', detail: DIAGNOSIS.code })
      .execute()
  })
}

test.each(['died', 'only refused the call'])(
  'what was given back to a thread that %s is not taken from who claims it next',
  async (how) => {
    using folder = temporaryFolder()
    const faults = { starts: 0, unclaims: 0 }
    await using opened = await openWatched(folder, faults)
    const { store, threads } = opened
    const id = await accept(store)
    const given = await claimOne(store)
    expect(given.message.id).toBe(id)
    if (how === 'died') {
      await threads.at(-1)?.terminate()
      faults.starts = 1
      await store.unclaim([id])
    } else {
      faults.unclaims = 1
      await expect(store.unclaim([id])).rejects.toThrow('locked')
      await threads.at(-1)?.terminate()
      expect((await store.state(id))?.state).toBe('sending')
      await store.unclaim([id])
    }
    const again = await claimOne(store)
    expect(again.message.id).toBe(id)
    await settle(store, again, { state: 'delivered' })
    expect((await store.state(id))?.state).toBe('delivered')
  },
)
