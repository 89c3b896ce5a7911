import type { FieldProblem } from '../platform/errors.ts'

type Schema = Readonly<Record<string, unknown>>

/** A body can hold thousands of wrong fields; nobody reads more than these. */
const MOST_PROBLEMS = 50

/**
 * Says in sentences what is wrong with `value`, all at once, each with its JSON path (`server.port`, `scopes[0]`).
 * Understands the part of JSON Schema that the wire schemas use. In a union whose branches are told apart by a
 * constant (`type`), only the branch that was meant is spoken about. Values are never quoted: they may be secret.
 * `name` is what the whole value is called: “The body”.
 */
export function findProblems(
  schema: unknown,
  value: unknown,
  name: string,
): readonly FieldProblem[] {
  const found: FieldProblem[] = []
  visit(schema, value, '', found)
  return found.map(({ field, message }) => ({
    field,
    message: `${field === '' ? name : field} ${message}`,
  }))
}

function fits(schema: unknown, value: unknown): boolean {
  const found: FieldProblem[] = []
  visit(schema, value, '', found)
  return found.length === 0
}

/** Collects what is wrong; a message is the sentence without its subject, which findProblems() adds. */
function visit(schema: unknown, value: unknown, path: string, out: FieldProblem[]): void {
  if (!isRecord(schema) || out.length >= MOST_PROBLEMS) return
  const say = (message: string) => {
    if (out.length < MOST_PROBLEMS) out.push({ field: path, message })
  }
  if (Array.isArray(schema['anyOf'])) visitUnion(schema['anyOf'], value, path, out)
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) {
    say(`must be one of: ${schema['enum'].map(shown).join(', ')}.`)
  }
  if ('const' in schema && schema['const'] !== value) say(`must be ${shown(schema['const'])}.`)

  const type = schema['type']
  if (typeof type === 'string' && !isOfType(type, value)) {
    say(`must be ${TYPE_NAMES[type] ?? type}.`)
  } else if (typeof value === 'string') {
    visitText(schema, value, say)
  } else if (typeof value === 'number') {
    visitNumber(schema, value, say)
  } else if (Array.isArray(value)) {
    visitArray(schema, value, path, out, say)
  } else if (isRecord(value)) {
    visitObject(schema, value, path, out)
  }
}

function visitUnion(
  branches: readonly unknown[],
  value: unknown,
  path: string,
  out: FieldProblem[],
): void {
  if (branches.some((branch) => fits(branch, value))) return
  const key = discriminatorOf(branches)
  if (key !== undefined && isRecord(value)) {
    const meant = branches.find((branch) => constantOf(branch, key) === value[key])
    if (meant === undefined) {
      const choices = branches.map((branch) => shown(constantOf(branch, key)))
      const message = key in value ? 'must be' : 'is missing; must be'
      out.push({ field: join(path, key), message: `${message} one of: ${choices.join(', ')}.` })
    } else {
      visit(meant, value, path, out)
    }
    return
  }
  // Of several forms the one that has the value's own type was meant.
  const [same, ...more] = branches.filter(
    (b) => isRecord(b) && typeof b['type'] === 'string' && isOfType(b['type'], value),
  )
  if (same !== undefined && more.length === 0) {
    visit(same, value, path, out)
    return
  }
  const [only, ...others] = branches.filter((b) => !isRecord(b) || b['type'] !== 'null')
  if (only !== undefined && others.length === 0 && isRecord(only)) {
    const type = typeof only['type'] === 'string' ? only['type'] : undefined
    if (type === undefined || isOfType(type, value)) visit(only, value, path, out)
    else out.push({ field: path, message: `must be ${TYPE_NAMES[type] ?? type} or null.` })
    return
  }
  const names = branches.flatMap((b) =>
    isRecord(b) && typeof b['type'] === 'string' ? [TYPE_NAMES[b['type']] ?? b['type']] : [],
  )
  const forms = [...new Set(names)].join(' or ')
  out.push({ field: path, message: forms === '' ? 'has no accepted form.' : `must be ${forms}.` })
}

/** The property that is a different constant in each branch. */
function discriminatorOf(branches: readonly unknown[]): string | undefined {
  const [first] = branches
  if (!isRecord(first) || !isRecord(first['properties'])) return undefined
  return Object.keys(first['properties']).find((key) =>
    branches.every((branch) => constantOf(branch, key) !== undefined),
  )
}

function constantOf(branch: unknown, key: string): unknown {
  if (!isRecord(branch) || !isRecord(branch['properties'])) return undefined
  const property = branch['properties'][key]
  return isRecord(property) ? property['const'] : undefined
}

function visitText(schema: Schema, value: string, say: (message: string) => void): void {
  const { minLength, maxLength, pattern, format, description, examples } = {
    ...NO_LIMITS,
    ...schema,
  }
  if (typeof minLength === 'number' && value.length < minLength) {
    say(minLength === 1 ? 'must not be empty.' : `must have at least ${minLength} characters.`)
  }
  if (typeof maxLength === 'number' && value.length > maxLength) {
    say(`must have at most ${maxLength} characters.`)
  }
  const example: unknown = Array.isArray(examples) ? examples[0] : undefined
  const hint =
    (typeof description === 'string' ? ` (${description})` : '') +
    (typeof example === 'string' ? `: write it as in ${example}` : '')
  if (typeof pattern === 'string' && !new RegExp(pattern, 'u').test(value)) {
    say(`does not have the expected form${hint}.`)
  }
  if (format === 'date-time' && !DATE_TIME.test(value)) {
    say('must be an instant with a time zone, such as 2026-11-23T10:42:00Z.')
  }
}

function visitNumber(schema: Schema, value: number, say: (message: string) => void): void {
  const { minimum, maximum } = { ...NO_LIMITS, ...schema }
  const tooSmall = typeof minimum === 'number' && value < minimum
  const tooLarge = typeof maximum === 'number' && value > maximum
  if (!tooSmall && !tooLarge) return
  if (minimum !== undefined && maximum !== undefined) say(`must be from ${minimum} to ${maximum}.`)
  else say(tooSmall ? `must be at least ${minimum}.` : `must be at most ${maximum}.`)
}

function visitArray(
  schema: Schema,
  value: readonly unknown[],
  path: string,
  out: FieldProblem[],
  say: (message: string) => void,
): void {
  const { minItems, maxItems, uniqueItems } = { ...NO_LIMITS, ...schema }
  if (typeof minItems === 'number' && value.length < minItems) {
    say(`must have at least ${minItems} ${minItems === 1 ? 'entry' : 'entries'}.`)
  }
  if (typeof maxItems === 'number' && value.length > maxItems) {
    say(`must have at most ${maxItems} entries.`)
    return
  }
  if (uniqueItems === true && new Set(value.map((v) => JSON.stringify(v))).size < value.length) {
    say('must not name anything twice.')
  }
  for (const [index, item] of value.entries()) {
    if (out.length >= MOST_PROBLEMS) return
    visit(schema['items'], item, `${path}[${index}]`, out)
  }
}

function visitObject(schema: Schema, value: Schema, path: string, out: FieldProblem[]): void {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {}
  const names = Object.keys(value)
  const { maxProperties } = { ...NO_LIMITS, ...schema }
  if (typeof maxProperties === 'number' && names.length > maxProperties) {
    out.push({ field: path, message: `must have at most ${maxProperties} entries.` })
    return
  }
  const required: unknown[] = Array.isArray(schema['required']) ? schema['required'] : []
  for (const name of required) {
    if (typeof name === 'string' && !Object.hasOwn(value, name)) {
      out.push({ field: join(path, name), message: 'is missing.' })
    }
  }
  for (const name of names) {
    if (out.length >= MOST_PROBLEMS) return
    const item = value[name]
    if (Object.hasOwn(properties, name)) {
      visit(properties[name], item, join(path, name), out)
    } else if (schema['additionalProperties'] === false) {
      const known = Object.keys(properties).join(', ')
      out.push({
        field: join(path, nameShown(name)),
        message: known === '' ? 'is not known.' : `is not known; known here: ${known}.`,
      })
    }
  }
}

const NO_LIMITS = {
  minLength: undefined,
  maxLength: undefined,
  pattern: undefined,
  format: undefined,
  description: undefined,
  examples: undefined,
  minimum: undefined,
  maximum: undefined,
  minItems: undefined,
  maxItems: undefined,
  maxProperties: undefined,
  uniqueItems: undefined,
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

// RFC 3339 §5.6
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return Number.isFinite(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isRecord(value)
    case 'null':
      return value === null
    default:
      return typeof value === type
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A key that the peer made up: shortened, and without anything that could break a line. */
function nameShown(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 60)
}
