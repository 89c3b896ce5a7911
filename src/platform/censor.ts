const HIDDEN = '[secret]'

/** What these names hold is never written, also where the Secret type was forgotten. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'password',
  'secret',
  'clientSecret',
  'token',
  'accessToken',
  'value',
])

/** For pino, which asks them of the facts that a child logger adds to its lines, too. */
export const secretSerializers: Readonly<Record<string, () => string>> = Object.fromEntries(
  [...SECRET_NAMES].map((name) => [name, () => HIDDEN]),
)

/** Facts of a log line are not nested deeper. */
const DEPTH = 4

/**
 * The facts of a log line without secrets. Every line goes through it, so it copies only what it changes: pino's own
 * `redact` costs ten times the line.
 */
export function censor<Facts extends object>(facts: Facts): Facts {
  return censored(facts, DEPTH)
}

function censored<Value extends object>(value: Value, depth: number): Value {
  let copy: Value | undefined
  for (const [name, held] of Object.entries(value)) {
    const shown = shownOf(name, held, depth)
    if (shown === held) continue
    copy ??= Array.isArray(value) ? Object.assign([], value) : { ...value }
    Object.assign(copy, { [name]: shown })
  }
  return copy ?? value
}

function shownOf(name: string, held: unknown, depth: number): unknown {
  if (SECRET_NAMES.has(name)) return held === undefined ? held : HIDDEN
  return depth > 1 && isPlain(held) ? censored(held, depth - 1) : held
}

/** Instances say themselves what is written of them. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
