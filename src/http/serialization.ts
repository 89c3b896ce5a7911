import type { FastifySerializerCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'

/**
 * Writes answers as JSON with the members that the route's schema names and no others, so that nothing leaves by being
 * forgotten on an object. Made at the first answer: most routes of an agent are never asked.
 */
export const compileSerializer: FastifySerializerCompiler<TSchema> = ({ schema }) => {
  let pick: Pick | undefined
  return (answer) => {
    pick ??= pickerOf(schema)
    return JSON.stringify(pick(answer))
  }
}

type Pick = (value: unknown) => unknown

const asItIs: Pick = (value) => value

function pickerOf(schema: unknown): Pick {
  if (!isRecord(schema)) return asItIs
  if (Array.isArray(schema['anyOf'])) return unionPicker(schema['anyOf'])
  if (isRecord(schema['properties'])) return objectPicker(schema['properties'])
  if (isRecord(schema['items'])) return arrayPicker(schema['items'])
  return asItIs
}

function objectPicker(properties: Record<string, unknown>): Pick {
  const members = Object.entries(properties).map(
    ([name, schema]) => [name, pickerOf(schema)] as const,
  )
  return (value) => {
    if (!isRecord(value)) return value
    const picked: Record<string, unknown> = {}
    for (const [name, pick] of members) picked[name] = pick(value[name])
    return picked
  }
}

function arrayPicker(items: Record<string, unknown>): Pick {
  const pick = pickerOf(items)
  return (value) => (Array.isArray(value) ? value.map(pick) : value)
}

function unionPicker(variants: readonly TSchema[]): Pick {
  const shaped = variants.filter((variant) => pickerOf(variant) !== asItIs)
  const [only] = shaped
  if (only === undefined) return asItIs
  // Such as an object or null.
  if (shaped.length === 1) return pickerOf(only)
  const choices = shaped.map((variant) => ({ variant, pick: pickerOf(variant) }))
  return (value) => {
    if (!isRecord(value) && !Array.isArray(value)) return value
    const choice = choices.find(({ variant }) => Value.Check(variant, value))
    if (choice === undefined)
      throw new Error('the answer has none of the forms that its schema names')
    return choice.pick(value)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
