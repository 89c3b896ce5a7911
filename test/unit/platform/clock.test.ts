import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseEnd, parseInstant, systemClock, toIso } from '../../../src/platform/clock.ts'

test.each([
  ['2027-05-01', '2027-05-01T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2027-05-01T12:30:00Z', '2027-05-01T12:30:00.000Z'],
  ['2027-05-01T00:30+02:00', '2027-04-30T22:30:00.000Z'],
  ['2027-01-31T10:11:12.3086381Z', '2027-01-31T10:11:12.308Z'],
])('%s is read as %s', (text, iso) => {
  const at = parseInstant(text)
  expect(at === undefined ? undefined : toIso(at)).toBe(iso)
})

test('an end that is given as a day is the last instant of that day', () => {
  expect(toIso(parseEnd('2027-05-01') ?? 0)).toBe('2027-05-01T23:59:59.999Z')
  expect(toIso(parseEnd('2027-05-01T12:00:00Z') ?? 0)).toBe('2027-05-01T12:00:00.000Z')
  expect(parseEnd('2027-02-30')).toBeUndefined()
})

test.each([
  '2027-02-29',
  '2027-02-30',
  '2027-02-30T00:00:00Z',
  '2027-02-29T23:00:00-05:00',
  '2027-13-01',
  '2027-05-01T25:00:00Z',
  '2027-05-01T12:00:00',
  '01.05.2027',
  'tomorrow',
  '',
])('%s is no instant', (text) => {
  expect(parseInstant(text)).toBeUndefined()
})

test('a sleep ends at once when its signal is aborted, with the reason of the signal', async () => {
  const stop = new AbortController()
  const sleeping = systemClock.sleep(60_000, stop.signal)
  const reason = new Error('enough')
  stop.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  await expect(systemClock.sleep(60_000, stop.signal)).rejects.toBe(reason)
})

describe('an alarm', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('rings once, also after more than the 24 days that a timer holds', () => {
    const ring = vi.fn<() => void>()
    systemClock.alarm(3_000_000_000, ring)
    vi.advanceTimersByTime(2_999_999_999)
    expect(ring).not.toHaveBeenCalled()
    vi.advanceTimersByTime(3_000_000_000)
    expect(ring).toHaveBeenCalledTimes(1)
  })

  test('does not ring when it was called off, in its second part either', () => {
    const ring = vi.fn<() => void>()
    const callOff = systemClock.alarm(3_000_000_000, ring)
    vi.advanceTimersByTime(2_500_000_000)
    callOff()
    vi.advanceTimersByTime(3_000_000_000)
    expect(ring).not.toHaveBeenCalled()
  })
})
