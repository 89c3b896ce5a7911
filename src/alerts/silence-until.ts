import { DAY_MS, parseInstant } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'

/** Longer is forgotten rather than meant. */
const LONGEST_SILENCE_MS = 366 * DAY_MS

/** Reads the day or instant at which an alert shall speak again. Throws silence_until_invalid. */
export function readSilenceUntil(text: string, now: number): number {
  const until = parseInstant(text.trim())
  if (until === undefined) {
    throw invalid(
      'it needs a day (2026-12-05) or an instant with its time zone (2026-12-05T08:00:00Z).',
    )
  }
  if (until <= now) throw invalid('the day or instant must lie ahead. DELETE ends a silence.')
  if (until > now + LONGEST_SILENCE_MS) throw invalid('it must end within a year.')
  return until
}

function invalid(reason: string): PosternError {
  const message = `The alert was not silenced: ${reason}`
  return new PosternError(message, {
    kind: 'invalid',
    code: 'silence_until_invalid',
    problems: [{ field: 'until', message }],
  })
}
