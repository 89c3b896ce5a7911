import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { findProblems } from '../../../src/http/field-problems.ts'

const closed = { additionalProperties: false }

function messages(schema: unknown, value: unknown): string[] {
  return findProblems(schema, value, 'The body').map(({ message }) => message)
}

const Method = Type.Union([
  Type.Object({ type: Type.Literal('basic'), username: Type.String() }, closed),
  Type.Object({ type: Type.Literal('none') }, closed),
])

test.each<[string, unknown, unknown, string[]]>([
  ['a value of the right form', Type.String(), 'a', []],
  ['a whole value of the wrong type', Type.Object({}), [], ['The body must be an object.']],
  [
    'a number out of range',
    Type.Integer({ minimum: 1, maximum: 9 }),
    10,
    ['The body must be from 1 to 9.'],
  ],
  ['a number below', Type.Integer({ minimum: 1 }), 0, ['The body must be at least 1.']],
  ['an unknown choice', Type.Enum(['a', 'b']), 'c', ['The body must be one of: a, b.']],
  ['an empty text', Type.String({ minLength: 1 }), '', ['The body must not be empty.']],
  [
    'a long text',
    Type.String({ maxLength: 1 }),
    'aa',
    ['The body must have at most 1 characters.'],
  ],
  [
    'a pattern',
    Type.String({ pattern: '^[a-z]+$', description: 'small letters' }),
    'A',
    ['The body does not have the expected form (small letters).'],
  ],
  [
    'an instant',
    Type.String({ format: 'date-time' }),
    'soon',
    ['The body must be an instant with a time zone, such as 2026-11-23T10:42:00Z.'],
  ],
  [
    'a text that may be null',
    Type.Union([Type.String(), Type.Null()]),
    5,
    ['The body must be a text or null.'],
  ],
  [
    'a choice of types',
    Type.Union([Type.String(), Type.Integer()]),
    true,
    ['The body must be a text or a whole number.'],
  ],
  [
    'a list with too little',
    Type.Array(Type.String(), { minItems: 1 }),
    [],
    ['The body must have at least 1 entry.'],
  ],
  [
    'a list with the same twice',
    Type.Array(Type.String(), { uniqueItems: true }),
    ['a', 'a'],
    ['The body must not name anything twice.'],
  ],
  [
    'wrong entries of a list',
    Type.Object({ to: Type.Array(Type.String()) }),
    { to: ['a', 1] },
    ['to[1] must be a text.'],
  ],
  ['the branch that was meant', Method, { type: 'basic' }, ['username is missing.']],
  ['a branch that is not there', Method, { type: 'oauth' }, ['type must be one of: basic, none.']],
  ['no branch at all', Method, {}, ['type is missing; must be one of: basic, none.']],
])('%s is told in a sentence', (_, schema, value, expected) => {
  expect(messages(schema, value)).toEqual(expected)
})

test('a body of ten thousand wrong fields is told in fifty', () => {
  const value = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, i]))
  expect(messages(Type.Object({}, closed), value)).toHaveLength(50)
})

test('a key that somebody made up is shortened and cannot break a line', () => {
  const [problem] = findProblems(Type.Object({}, closed), { [`a\n${'b'.repeat(100)}`]: 1 }, 'x')
  expect(problem?.field).toBe(`a?${'b'.repeat(58)}`)
})
