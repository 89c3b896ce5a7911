import { expect, it } from 'vitest'
import { createClaims } from '../../../../src/outbox/delivery/claims.ts'
import { createHoldBook } from '../../../../src/outbox/delivery/hold-book.ts'
import { createTasks } from '../../../../src/outbox/delivery/tasks.ts'
import { createOutboxNews } from '../../../../src/outbox/events.ts'
import { captureLog } from '../../../support/log.ts'
import { BODY, draftOf, freeProfile, startBench } from './bench.ts'

it('a message lets only so many go first for the sake of their open connection', async () => {
  await using bench = await startBench({ profiles: [freeProfile('one'), freeProfile('two')] })
  const { outbox, store, clock, events } = bench
  const { signal } = new AbortController()
  const { log } = captureLog()
  const monotonicMs = () => clock.elapsedMs
  const tasks = createTasks({ log, signal })
  const news = createOutboxNews({ events, log, clock, monotonicMs, signal })
  const claims = createClaims({
    store,
    holds: createHoldBook({ store, clock, news, tasks, onChange() {} }),
    profileIds: () => ['one', 'two'],
    isPaused: () => false,
    monotonicMs,
    giveBack() {},
    isReady: () => true,
    hasSession: (profileId) => profileId === 'one',
    onFailure() {},
    onFilled() {},
  })
  await outbox.accept(draftOf({ profileId: 'two' }), BODY)
  for (let i = 0; i < 100; i++) await outbox.accept(draftOf({ profileId: 'one' }), BODY)
  for (const id of ['one', 'two']) claims.note(id)
  const order: string[] = []
  for (let i = 0; i < 60; i++) {
    const item = await claims.take(3)
    order.push(item?.claimed.message.profileId ?? 'none')
    claims.ahead(3)
    while (claims.isBusy) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(order).not.toContain('none')
  expect(order.indexOf('two')).toBeGreaterThanOrEqual(0)
  expect(order.indexOf('two')).toBeLessThanOrEqual(12)
})
