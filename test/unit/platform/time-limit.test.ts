import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createTimeLimit } from '../../../src/platform/time-limit.ts'
import { createFakeClock } from '../../support/clock.ts'

const overdue = () => new Error('too slow')

test('the signal is aborted with the reason when the time is over', async () => {
  const clock = createFakeClock()
  using limit = createTimeLimit({ clock, ms: 1_000, reason: overdue })
  await clock.advance(999)
  expect(limit.signal.aborted).toBe(false)
  await clock.advance(1)
  expect(limit.signal.reason).toMatchObject({ message: 'too slow' })
  expect(limit.passed()).toBe(true)
})

test('the outer signal ends the wait with its own reason, and the time then counts no more', async () => {
  const clock = createFakeClock()
  const outer = new AbortController()
  using limit = createTimeLimit({ clock, ms: 1_000, reason: overdue, signal: outer.signal })
  outer.abort(new Error('stopped'))
  await clock.advance(1_000)
  expect(limit.signal.reason).toMatchObject({ message: 'stopped' })
  expect(limit.passed()).toBe(false)
})

test('an outer signal that is aborted already leaves no time at all', () => {
  const signal = AbortSignal.abort(new Error('stopped'))
  using limit = createTimeLimit({ clock: createFakeClock(), ms: 1_000, reason: overdue, signal })
  expect(limit.signal.reason).toMatchObject({ message: 'stopped' })
})

test('disposing leaves neither a sleeper nor a listener behind, and aborts nothing', async () => {
  const clock = createFakeClock()
  const outer = new AbortController()
  const limit = createTimeLimit({ clock, ms: 1_000, reason: overdue, signal: outer.signal })
  limit[Symbol.dispose]()
  expect(clock.sleepers).toBe(0)
  expect(getEventListeners(outer.signal, 'abort')).toEqual([])
  outer.abort()
  await clock.advance(1_000)
  expect(limit.signal.aborted).toBe(false)
})
