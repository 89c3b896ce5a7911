import { Type } from 'typebox'
import { PosternError } from '../platform/errors.ts'

/** Headers schema of a route that changes a stored thing with a version. */
export const IfMatchHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'ETag of the last GET, or * to overwrite whatever is stored' }),
  ),
})

/** The entity tag of version `version` (RFC 9110 §8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

// A proxy that compresses answers turns strong tags into weak ones. A version names the stored state exactly, whatever
// the bytes on the way were, so a weakened tag still proves what the caller has seen.
const ONE_TAG = /^(?:W\/)?"(\d{1,15})"$/

/**
 * The version that the caller has seen; undefined for `*`, which means any.
 * A change without If-Match is refused (428, RFC 6585 §3), so that nobody overwrites what somebody else just saved.
 */
export function versionFromIfMatch(header: string | undefined): number | undefined {
  if (header === undefined) {
    throw new PosternError(
      'This change needs an If-Match header. Read the current state with GET, and send the ETag of its answer as If-Match (or * to overwrite whatever is stored).',
      { kind: 'precondition_failed', code: 'precondition_required' },
    )
  }
  const trimmed = header.trim()
  if (trimmed === '*') return undefined
  const version = ONE_TAG.exec(trimmed)?.[1]
  if (version === undefined) {
    throw new PosternError(
      'The If-Match header must hold the one ETag that GET answered, such as "3", or *.',
      { kind: 'invalid', code: 'if_match_invalid' },
    )
  }
  return Number(version)
}
