import { HOUR_MS, parseInstant, SECOND_MS } from '../platform/clock.ts'

/** Longer waits are cut: nobody would notice for a day that Entra answers again. */
const LONGEST_RETRY_AFTER_MS = HOUR_MS

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const HTTP_DATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT$/

/**
 * RFC 9110 §10.2.3: seconds, which Microsoft also sends with a fraction, or an HTTP date. A date is counted from the
 * answer's own Date header where there is one, so that a wrong clock here changes nothing.
 */
export function readRetryAfter(
  headers: Readonly<Record<string, string>>,
  now: number,
): number | null {
  const value = headers['retry-after']?.trim()
  if (value === undefined) return null
  if (/^\d+(\.\d+)?$/.test(value)) return bounded(Number(value) * SECOND_MS)
  const until = parseHttpDate(value)
  if (until === undefined) return null
  return bounded(until - (parseHttpDate(headers['date'] ?? '') ?? now))
}

/** `Mon, 23 Nov 2026 10:42:00 GMT` (RFC 9110 §5.6.7). */
function parseHttpDate(value: string): number | undefined {
  const [, day, month = '', year, time] = HTTP_DATE.exec(value) ?? []
  const number = MONTHS.indexOf(month) + 1
  if (number === 0) return undefined
  return parseInstant(`${year}-${String(number).padStart(2, '0')}-${day}T${time}Z`)
}

function bounded(ms: number): number {
  return Math.round(Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS))
}
