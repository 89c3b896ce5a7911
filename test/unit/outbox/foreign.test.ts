import { expect, test } from 'vitest'
import { followForeign } from '../../../src/outbox/foreign.ts'
import type { Storage } from '../../../src/storage/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { accept, acceptBeside, type OpenedStore, openStore } from './store-harness.ts'

const ROUND_MS = 2_000

/** The follower of an opened store; `round` resolves when it has looked once more. */
function follow({ store, storage, log }: OpenedStore, look: Partial<Storage> = {}) {
  const clock = createFakeClock()
  const stop = new AbortController()
  const { foreignChanges = storage.foreignChanges } = look
  const ended = followForeign({
    storage: { foreignChanges },
    store,
    clock,
    log: log.log,
    signal: stop.signal,
  }).catch((error: unknown) => error)
  return {
    async round() {
      await clock.advance(ROUND_MS)
      await Promise.race([clock.untilSleeping(), ended])
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('stopped'))
      expect(await ended).toBe(stop.signal.reason)
    },
  }
}

test.each([
  ['without a thread', 0],
  ['beside a running thread', 1],
])('what a command has accepted before the first look is found by it, %s', async (_, own) => {
  await using opened = await openStore('threaded')
  const { store, dataDir } = opened
  for (let n = 0; n < own; n++) await accept(store, { profileId: 'other' })
  await acceptBeside(dataDir)
  await using follower = follow(opened)
  await follower.round()
  expect(store.counts().get('default')?.queued).toBe(1)
  await acceptBeside(dataDir)
  await follower.round()
  expect(store.counts().get('default')?.queued).toBe(2)
})

test('a look that fails is told, and the next one finds the message', async () => {
  await using opened = await openStore('threaded')
  const { store, storage, dataDir, log } = opened
  let isBroken = false
  await using follower = follow(opened, {
    foreignChanges() {
      if (isBroken) throw new Error('disk I/O error')
      return storage.foreignChanges()
    },
  })
  await follower.round()
  await acceptBeside(dataDir)
  isBroken = true
  await follower.round()
  expect(store.counts().size).toBe(0)
  expect(log.lines.join('')).toContain('new messages of other processes cannot be read')
  isBroken = false
  await follower.round()
  expect(store.counts().get('default')?.queued).toBe(1)
})
