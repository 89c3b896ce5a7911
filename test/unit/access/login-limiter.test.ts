import { expect, test } from 'vitest'
import { addressKey, createLoginLimiter } from '../../../src/access/login-limiter.ts'
import { HOUR_MS } from '../../../src/platform/clock.ts'
import { createFakeClock } from '../../support/clock.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test('an attack from countless addresses takes bounded memory', () => {
  const limiter = createLoginLimiter({ clock: createFakeClock() })
  for (let i = 0; i < 30_000; i++) limiter.fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  expect(limiter.size).toBeLessThanOrEqual(10_000)
})

test('a clock that is set back does not block for hours', () => {
  const clock = createFakeClock()
  const limiter = createLoginLimiter({ clock })
  for (let i = 0; i < 10; i++) limiter.fail('192.0.2.1')
  expect(limiter.blockedForMs('192.0.2.1')).toBe(60_000)
  clock.set(clock.now() - HOUR_MS)
  expect(limiter.blockedForMs('192.0.2.1')).toBe(0)
})
