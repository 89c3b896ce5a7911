import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'
import { type FieldProblem, PosternError } from '../platform/errors.ts'
import { findProblems } from './field-problems.ts'

/**
 * Compiles a route's schemas. Bodies are taken as they are: nothing is converted, filled in or dropped. In query strings
 * everything arrives as text, so numbers and booleans are read out of it and defaults are filled in.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let validator: Validator | undefined
  let noQuery: object | undefined
  const read = (given: unknown) => {
    if (httpPart !== 'querystring') return given
    if (!isEmpty(given)) return readQuery(schema, given)
    noQuery ??= Object(readQuery(schema, {}))
    return { ...noQuery }
  }
  return (given) => {
    // At the first request: most routes of an agent are never asked.
    validator ??= Compile(schema)
    const value = read(given)
    if (validator.Check(value)) return { value }
    const part = PART_NAMES[httpPart ?? ''] ?? 'The input'
    return { error: inputInvalid(part, findProblems(schema, value, part)) }
  }
}

function readQuery(schema: TSchema, given: unknown): unknown {
  return Value.Default(schema, Value.Convert(schema, given))
}

function isEmpty(given: unknown): boolean {
  return Object.keys(Object(given)).length === 0
}

const PART_NAMES: Readonly<Record<string, string>> = {
  body: 'The body',
  querystring: 'The query string',
  params: 'The path',
  headers: 'The headers',
}

function verbOf(part: string): string {
  return part === PART_NAMES['headers'] ? 'are' : 'is'
}

/** One refusal for everything that is wrong with a part of the request. */
function inputInvalid(part: string, problems: readonly FieldProblem[]): PosternError {
  const [first, ...others] = problems
  let message = `${part}: not of the expected form.`
  if (first !== undefined && others.length === 0)
    message = `${part} ${verbOf(part)} not valid: ${first.message}`
  if (others.length > 0) {
    const fields = [...new Set(problems.map(({ field }) => field))].join(', ')
    message = `${part} ${verbOf(part)} not valid in ${problems.length} places: ${fields}.`
  }
  return new PosternError(message, { kind: 'invalid', code: 'input_invalid', problems })
}
