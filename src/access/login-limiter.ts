import { isIPv6 } from 'node:net'
import { type Clock, MINUTE_MS } from '../platform/clock.ts'

const FAILURES_PER_WINDOW = 10
const WINDOW_MS = MINUTE_MS
/** Enough for an attack from many addresses, and about a megabyte. */
const MOST_ADDRESSES = 10_000

interface Window {
  readonly startedAt: number
  failures: number
}

/** Counts failed logins per address: ten in a minute, then none until the minute is over. */
export interface LoginLimiter {
  /** How long this address must wait; 0 when it may try. */
  blockedForMs(address: string): number
  /** True when this failure was the one that blocks the address. */
  fail(address: string): boolean
  readonly size: number
}

export function createLoginLimiter(deps: { clock: Clock }): LoginLimiter {
  const { clock } = deps
  /** In the order in which the windows opened, so that the oldest come first. */
  const windows = new Map<string, Window>()

  function current(key: string): Window | undefined {
    const window = windows.get(key)
    if (window === undefined) return undefined
    const age = clock.now() - window.startedAt
    // A negative age is a clock that was set back; waiting for it to catch up would block for hours.
    if (age >= 0 && age < WINDOW_MS) return window
    windows.delete(key)
    return undefined
  }

  return {
    blockedForMs(address) {
      const window = current(addressKey(address))
      if (window === undefined || window.failures < FAILURES_PER_WINDOW) return 0
      return window.startedAt + WINDOW_MS - clock.now()
    },
    fail(address) {
      const key = addressKey(address)
      let window = current(key)
      if (window === undefined) {
        const [oldest] = windows.keys()
        if (oldest !== undefined && windows.size >= MOST_ADDRESSES) windows.delete(oldest)
        window = { startedAt: clock.now(), failures: 0 }
        windows.set(key, window)
      }
      window.failures += 1
      return window.failures === FAILURES_PER_WINDOW
    },
    get size() {
      return windows.size
    },
  }
}

/**
 * What counts as one address: an IPv4 address, also in its IPv6 form, and a /64 of IPv6, which is the smallest net
 * that a site gets (RFC 6177), so that nobody tries anew from each of its addresses.
 */
export function addressKey(address: string): string {
  const plain = address.split('%', 1)[0] ?? address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros: string[] = Array.from({ length: Math.max(0, 8 - left.length - right.length) })
  const groups = [...left, ...zeros.fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
