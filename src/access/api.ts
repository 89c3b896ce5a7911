import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }

export const SCOPES = ['admin', 'operator', 'send', 'monitor'] as const
export const Scope = Type.Enum([...SCOPES], {
  description:
    'admin: everything; operator: settings, verification, alerts and reading; send: messages and test emails; monitor: reading status and metrics',
})
export type Scope = Static<typeof Scope>

export const TokenInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: 'What the token is for' }),
    scopes: Type.Array(Scope, { minItems: 1, uniqueItems: true }),
    expiresAt: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'Day or instant; null: never' }),
    ),
  },
  closed,
)
export type TokenInput = Static<typeof TokenInput>

const nullableInstant = Type.Union([Type.String({ format: 'date-time' }), Type.Null()])

export const TokenView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Scope),
    hint: Type.String({ description: 'First characters of the token' }),
    createdAt: Type.String({ format: 'date-time' }),
    createdBy: Type.String(),
    expiresAt: nullableInstant,
    lastUsedAt: nullableInstant,
    revokedAt: nullableInstant,
  },
  closed,
)
export type TokenView = Static<typeof TokenView>

export const TokenCreated = Type.Object(
  { ...TokenView.properties, token: Type.String({ description: 'Shown this once' }) },
  closed,
)
export type TokenCreated = Static<typeof TokenCreated>

export const AuditEntry = Type.Object(
  {
    id: Type.Integer(),
    at: Type.String({ format: 'date-time' }),
    actor: Type.Object(
      {
        type: Type.String(),
        id: Type.Union([Type.String(), Type.Null()]),
        name: Type.String(),
        address: Type.Union([Type.String(), Type.Null()]),
      },
      closed,
    ),
    action: Type.String({ examples: ['profile.changed'] }),
    target: Type.Object(
      { type: Type.String(), id: Type.Union([Type.String(), Type.Null()]) },
      closed,
    ),
    change: Type.Unknown({ description: 'Before and after, without secrets' }),
  },
  closed,
)
export type AuditEntry = Static<typeof AuditEntry>
