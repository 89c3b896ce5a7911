import { type TObject, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Findings } from './findings.ts'

const LONGEST_NAME = 40

/**
 * Compares a value with a schema and tells every difference in a plain sentence. A validator's own messages
 * ("must match a schema in anyOf") do not help who fills in a page, and validators stop after a few.
 * Unions of objects are told apart by their `type`.
 */
export function checkShape(
  schema: TObject,
  value: unknown,
  options: { field: string; name: string; findings: Findings },
): void {
  const { field, findings, name } = options
  if (!isRecord(value)) {
    findings.problem(
      field,
      `${name} must be an object with ${list(Object.keys(schema.properties))}.`,
    )
    return
  }
  const known = Object.keys(schema.properties)
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const path = join(field, nameShown(key))
    findings.problem(
      path,
      `${path} is not a setting: remove it or correct its spelling. Known here: ${list(known)}.`,
    )
  }
  const required: readonly string[] = schema.required ?? []
  for (const [key, property] of Object.entries(schema.properties)) {
    const path = join(field, key)
    if (!Object.hasOwn(value, key) || value[key] === undefined) {
      if (required.includes(key)) findings.problem(path, `${path} is missing: add it.`)
      continue
    }
    checkProperty(property, value[key], { field: path, findings })
  }
}

function checkProperty(
  schema: TSchema,
  value: unknown,
  options: { field: string; findings: Findings },
): void {
  const { field, findings } = options
  if (Type.IsObject(schema)) {
    checkShape(schema, value, { field, name: field, findings })
    return
  }
  const variants = Type.IsUnion(schema) ? schema.anyOf.filter((v) => Type.IsObject(v)) : []
  if (variants.length > 0) {
    checkVariants(variants, value, options)
    return
  }
  if (!Value.Check(schema, value)) findings.problem(field, `${field} must be ${expected(schema)}.`)
}

function checkVariants(
  variants: readonly TObject[],
  value: unknown,
  options: { field: string; findings: Findings },
): void {
  const { field, findings } = options
  const types = variants.map(typeOf)
  if (!isRecord(value)) {
    findings.problem(field, `${field} must be an object with a type: ${list(types)}.`)
    return
  }
  const chosen = variants.find((variant) => typeOf(variant) === value['type'])
  if (chosen === undefined) {
    findings.problem(`${field}.type`, `${field}.type must be one of ${list(types)}.`)
    return
  }
  checkShape(chosen, value, { field, name: field, findings })
}

function typeOf(variant: TObject): string {
  const type = variant.properties['type']
  return type !== undefined && Type.IsLiteral(type) ? String(type.const) : ''
}

/** What a value must be, in words that finish "… must be". */
function expected(schema: TSchema): string {
  if (Type.IsEnum(schema)) return `one of ${list(schema.enum.map(String))}`
  if (Type.IsLiteral(schema)) return `"${schema.const}"`
  if (Type.IsBoolean(schema)) return 'true or false'
  if (Type.IsInteger(schema)) {
    const { minimum, maximum } = { minimum: undefined, maximum: undefined, ...schema }
    return minimum === undefined || maximum === undefined
      ? 'a whole number'
      : `a whole number from ${minimum} to ${maximum}`
  }
  if (Type.IsString(schema)) {
    return !('pattern' in schema)
      ? 'text'
      : '1 to 64 lower-case letters, digits and hyphens, with a letter or digit at both ends'
  }
  if (Type.IsUnion(schema)) return schema.anyOf.map(expected).join(' or ')
  if (Type.IsNull(schema)) return 'null'
  return 'of another type'
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(field: string, key: string): string {
  return field === '' ? key : `${field}.${key}`
}

/**
 * A key of the input's own. Only what looks like the name of a setting is repeated: a forgotten blank makes
 * `value:SECRET` a key.
 */
function nameShown(key: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(key) && key.length <= LONGEST_NAME ? key : '(a key)'
}

function list(words: readonly string[]): string {
  return words.join(', ')
}
