import { type Static, Type } from 'typebox'
import { parseInstant } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { MessageState } from './message.ts'
import type { MessageFilter } from './outbox.ts'

const STATES: readonly MessageState[] = [
  'queued',
  'sending',
  'deferred',
  'held',
  'delivered',
  'failed',
  'cancelled',
]

export const ListQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
    profile: Type.Optional(Type.String({ maxLength: 100 })),
    state: Type.Optional(
      Type.String({
        maxLength: 100,
        description: `One or several with commas: ${STATES.join(', ')}`,
        examples: ['queued,deferred,held'],
      }),
    ),
    source: Type.Optional(
      Type.Enum(['api', 'relay', 'sendmail', 'test', 'alert', 'report', 'bounce']),
    ),
    client: Type.Optional(Type.String({ maxLength: 200, examples: ['relay:printer-3'] })),
    recipient: Type.Optional(Type.String({ maxLength: 320, description: 'Whole address' })),
    sender: Type.Optional(Type.String({ maxLength: 320, description: 'Whole address' })),
    messageId: Type.Optional(
      Type.String({ maxLength: 998, description: 'With its angle brackets' }),
    ),
    acceptedFrom: Type.Optional(
      Type.String({ maxLength: 40, description: 'Day or instant; the first one included' }),
    ),
    acceptedBefore: Type.Optional(Type.String({ maxLength: 40, description: 'Day or instant' })),
  },
  { additionalProperties: false },
)
export type ListQuery = Static<typeof ListQuery>

/** Throws input_invalid. */
export function readFilter(query: Omit<ListQuery, 'limit' | 'cursor'>): MessageFilter {
  const { profile, state, acceptedFrom, acceptedBefore, ...rest } = query
  return {
    ...rest,
    profileId: profile,
    states: state === undefined ? undefined : state.split(',').map(readState),
    acceptedFrom: readInstant('acceptedFrom', acceptedFrom),
    acceptedBefore: readInstant('acceptedBefore', acceptedBefore),
  }
}

function readState(text: string): MessageState {
  const state = STATES.find((known) => known === text.trim())
  if (state === undefined) {
    throw wrong('state', `state must be one or several of ${STATES.join(', ')}, with commas.`)
  }
  return state
}

function readInstant(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = parseInstant(text)
  if (at === undefined) {
    throw wrong(field, `${field} must be a day or an instant, such as 2026-11-23T10:42:00Z.`)
  }
  return at
}

function wrong(field: string, message: string): PosternError {
  return new PosternError(`The query string is not valid: ${message}`, {
    kind: 'invalid',
    code: 'input_invalid',
    problems: [{ field, message }],
  })
}
