import { expect, test } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { createLoginThrottle } from '../../../src/relay/clients/login-throttle.ts'
import { createFakeClock } from '../../support/clock.ts'

test('a clock that is set back keeps nobody out who waits behind another login', async () => {
  const clock = createFakeClock()
  const throttle = createLoginThrottle({ clock })
  const first = Promise.withResolvers<boolean>()
  const attempts = [() => first.promise, async () => true, async () => true].map((look) =>
    throttle.inTurn('192.0.2.1', look),
  )
  clock.set(clock.now() - HOUR_MS)
  first.resolve(true)
  expect(await Promise.all(attempts)).toEqual([true, true, true])
  expect(clock.sleepers).toBe(0)
})

test('a clock that is set back ends what an address has to wait', async () => {
  const clock = createFakeClock()
  const throttle = createLoginThrottle({ clock })
  const attempt = (isRight: boolean) => throttle.inTurn('192.0.2.1', async () => isRight)
  for (let failures = 0; failures < 8; failures++) {
    const failed = attempt(false)
    await clock.advance(MINUTE_MS)
    await failed
  }
  await attempt(false)
  expect(await attempt(true)).toBeUndefined()
  clock.set(clock.now() - 14 * MINUTE_MS)
  expect(await attempt(true)).toBe(true)
})
