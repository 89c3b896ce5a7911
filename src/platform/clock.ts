/** The only place that knows the machine's time. All instants are epoch milliseconds in UTC. */
export interface Clock {
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `ring` after `ms`, unless what it returns is called first: the cheap way for waits that rarely last. */
  alarm(ms: number, ring: () => void): () => void
}

/** Node's timers hold 31 bits; a longer sleep is cut into pieces. */
const LONGEST_TIMER_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => globalThis.Date.now(),
  async sleep(ms, signal) {
    for (let left = ms; left > 0; left -= LONGEST_TIMER_MS) {
      await timer(Math.min(left, LONGEST_TIMER_MS), signal)
    }
    signal?.throwIfAborted()
  },
  alarm(ms, ring) {
    let handle: NodeJS.Timeout
    const set = (left: number) => {
      const next = Math.min(left, LONGEST_TIMER_MS)
      handle = globalThis.setTimeout(() => (left > next ? set(left - next) : ring()), next)
    }
    set(ms)
    return () => globalThis.clearTimeout(handle)
  },
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      globalThis.clearTimeout(handle)
      reject(signal?.reason)
    }
    const handle = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A clock that runs beside another one by an offset in milliseconds that may change. */
export function offsetClock(base: Clock, offsetMs: () => number): Clock {
  return { ...base, now: () => base.now() + offsetMs() }
}

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** For libraries that take a Date. */
export function toDate(at: number): globalThis.Date {
  return new globalThis.Date(at)
}

/** `2026-11-23T10:42:00.000Z` */
export function toIso(at: number): string {
  return new globalThis.Date(at).toISOString()
}

/** `2026-11-23`, the calendar day in UTC. */
export function toIsoDay(at: number): string {
  return toIso(at).slice(0, 10)
}

const ISO_DAY = /^\d{4}-\d{2}-\d{2}$/
const ISO_INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * Reads an ISO 8601 instant with a time zone, or a calendar day, which means its first instant in UTC.
 * Returns undefined for anything else, impossible days such as 2026-02-30 included.
 */
export function parseInstant(text: string): number | undefined {
  const isDay = ISO_DAY.test(text)
  const day = text.slice(0, 10)
  if (!isDay && !ISO_INSTANT.test(text)) return undefined
  const at = globalThis.Date.parse(isDay ? `${text}T00:00:00Z` : text)
  if (Number.isNaN(at)) return undefined
  // Date rolls 2026-02-30 over into March; days have no zone, so the day part alone can be checked.
  if (toIsoDay(globalThis.Date.parse(`${day}T00:00:00Z`)) !== day) return undefined
  return at
}

/** As parseInstant, but a calendar day means its last instant: the end of something that holds on that whole day. */
export function parseEnd(text: string): number | undefined {
  const at = parseInstant(text)
  return at !== undefined && ISO_DAY.test(text) ? at + DAY_MS - 1 : at
}

/** RFC 5322 §3.3 date-time, in UTC: `Mon, 23 Nov 2026 10:42:00 +0000`. */
export function toRfc5322(at: number): string {
  return new globalThis.Date(at).toUTCString().replace('GMT', '+0000')
}
