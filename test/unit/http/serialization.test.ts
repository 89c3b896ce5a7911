import { type TSchema, Type } from 'typebox'
import { expect, test } from 'vitest'
import { compileSerializer } from '../../../src/http/serialization.ts'

const closed = { additionalProperties: false }
const Inner = Type.Object({ name: Type.String(), note: Type.Optional(Type.String()) }, closed)

function write(schema: TSchema, answer: unknown): unknown {
  const serialize = compileSerializer({ schema, method: 'GET', url: '/', httpStatus: '200' })
  return JSON.parse(serialize(answer))
}

test('members that the schema does not name stay here, at every depth', () => {
  const schema = Type.Object({ one: Inner, many: Type.Array(Inner) }, closed)
  const inner = { name: 'a', secret: 's3cret' }
  expect(write(schema, { one: inner, many: [inner, inner], secret: 's3cret' })).toEqual({
    one: { name: 'a' },
    many: [{ name: 'a' }, { name: 'a' }],
  })
})

test('an object that may be null is cleaned like any other', () => {
  const schema = Type.Object({ maybe: Type.Union([Inner, Type.Null()]) }, closed)
  expect(write(schema, { maybe: null })).toEqual({ maybe: null })
  expect(write(schema, { maybe: { name: 'a', secret: 's3cret' } })).toEqual({
    maybe: { name: 'a' },
  })
})

test('of several forms the one that fits is written, and an answer that fits none is refused', () => {
  const schema = Type.Union([
    Type.Object({ type: Type.Literal('none') }, closed),
    Type.Object({ type: Type.Literal('basic'), username: Type.String() }, closed),
  ])
  expect(write(schema, { type: 'basic', username: 'u' })).toEqual({ type: 'basic', username: 'u' })
  expect(() => write(schema, { type: 'none', secret: 's3cret' })).toThrow('none of the forms')
})

test('texts, numbers and what the schema leaves open are written as they are', () => {
  const schema = Type.Object({
    text: Type.Union([Type.String(), Type.Null()]),
    open: Type.Unknown(),
    missing: Type.Optional(Type.Number()),
  })
  expect(write(schema, { text: 'a', open: { any: [1, null] } })).toEqual({
    text: 'a',
    open: { any: [1, null] },
  })
})
