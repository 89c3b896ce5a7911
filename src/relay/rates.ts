import { type Clock, MINUTE_MS } from '../platform/clock.ts'

/** Counts the messages of each client: never more than its number in any 60 seconds. */
export interface Rates {
  /** Whether one more may come now. */
  allows(clientId: string, perMinute: number | null): boolean
  /** Counts one. */
  count(clientId: string, perMinute: number | null): void
}

export function createRates(deps: { clock: Clock }): Rates {
  const { clock } = deps
  /** The instants of the last ones, in a ring as long as the number. */
  const rings = new Map<string, { readonly times: Float64Array; next: number }>()

  function ringOf(clientId: string, perMinute: number) {
    const known = rings.get(clientId)
    if (known !== undefined && known.times.length === perMinute) return known
    const times = new Float64Array(perMinute).fill(Number.NEGATIVE_INFINITY)
    const ring = { times, next: 0 }
    rings.set(clientId, ring)
    return ring
  }

  return {
    allows(clientId, perMinute) {
      if (perMinute === null) return true
      const { times, next } = ringOf(clientId, perMinute)
      // The oldest of them; also free when the clock was set back.
      return Math.abs(clock.now() - (times[next] ?? Number.NEGATIVE_INFINITY)) >= MINUTE_MS
    },
    count(clientId, perMinute) {
      if (perMinute === null) return
      const ring = ringOf(clientId, perMinute)
      ring.times[ring.next] = clock.now()
      ring.next = (ring.next + 1) % perMinute
    },
  }
}
