import { Secret } from '../platform/secret.ts'

type Fields = Readonly<Record<string, unknown>>

/** A second net under the Secret type: what stands under these names is never recorded. */
const SECRET_NAMES = new Set([
  'accessToken',
  'clientSecret',
  'password',
  'privateKey',
  'sealed',
  'secret',
  'token',
  'value',
])
const SHOWN = '[secret]'
const DEEPEST = 12

export interface Change {
  readonly before?: unknown
  readonly after?: unknown
}

/** What differs between two states, key by key; a whole state when there is only one. */
export function changeBetween(before: unknown, after: unknown): Change {
  const [from, to] = [safe(before), safe(after)]
  if (isFields(from) && isFields(to)) {
    const changed = changedFields(from, to)
    return { before: changed.before, after: changed.after }
  }
  return {
    ...(from !== undefined && { before: from }),
    ...(to !== undefined && { after: to }),
  }
}

function changedFields(from: Fields, to: Fields): { before: Fields; after: Fields } {
  const before: [string, unknown][] = []
  const after: [string, unknown][] = []
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [old, now] = [from[key], to[key]]
    if (JSON.stringify(old) === JSON.stringify(now)) continue
    if (isFields(old) && isFields(now)) {
      const inner = changedFields(old, now)
      before.push([key, inner.before])
      after.push([key, inner.after])
    } else {
      if (old !== undefined) before.push([key, old])
      if (now !== undefined) after.push([key, now])
    }
  }
  return { before: Object.fromEntries(before), after: Object.fromEntries(after) }
}

/** A copy that may be stored. Throws on a Secret: whoever passes one has forgotten to leave it out. */
function safe(value: unknown, depth = 0): unknown {
  if (value instanceof Secret) throw new Error('a secret was about to be written to the audit')
  if (depth > DEEPEST) throw new Error('an audit record is nested too deeply')
  if (Array.isArray(value)) return value.map((item) => safe(item, depth + 1))
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const inner = safe(item, depth + 1)
      return [key, SECRET_NAMES.has(key) && typeof inner === 'string' ? SHOWN : inner]
    }),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
