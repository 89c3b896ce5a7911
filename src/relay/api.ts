import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

export const ClientAuthentication = Type.Enum(['generated', 'password', 'address'], {
  description:
    'generated: a random secret of Postern’s, shown once; password: one that you choose; address: no login, known by its address alone',
})
export type ClientAuthentication = Static<typeof ClientAuthentication>

export const FROM_POLICIES = ['reject', 'rewrite', 'keep'] as const
export const FromPolicy = Type.Enum([...FROM_POLICIES], {
  description:
    'What happens to a message whose From header or envelope sender is not allowed. reject: it is refused; rewrite: the profile’s sender takes its place, the former From becomes Reply-To when there is none; keep: it goes on unchanged and the server decides',
})
export type FromPolicy = Static<typeof FromPolicy>

export const REPAIRS = ['missingDate', 'missingMessageId', 'brokenFrom'] as const
const Repair = Type.Object(
  {
    missingDate: Type.Boolean({ default: false, description: 'Adds a Date header' }),
    missingMessageId: Type.Boolean({ default: false, description: 'Adds a Message-ID header' }),
    brokenFrom: Type.Boolean({
      default: false,
      description: 'Puts the profile’s sender in the place of a missing or unreadable From header',
    }),
  },
  { ...closed, description: 'What is mended; nothing else of a message is changed' },
)

const settings = {
  name: Type.String({ minLength: 1, maxLength: 100, description: 'Which device or application' }),
  profileId: Type.String({ description: 'Profile by which its mail is sent' }),
  allowedFrom: Type.Array(Type.String({ maxLength: 254 }), {
    maxItems: 200,
    description:
      'Addresses, or whole domains as @contoso.com, that it may send as; empty: the profile’s sender alone',
  }),
  fromPolicy: FromPolicy,
  applySubjectPrefix: Type.Boolean({
    description: 'Puts the profile’s subject prefix in front of the subject',
  }),
  repair: Repair,
  messagesPerMinute: Nullable(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: 'What comes above it is told to come later (450)',
    }),
  ),
  maxMessageBytes: Nullable(
    Type.Integer({ minimum: 1024, description: 'null: as large as the relay allows' }),
  ),
  maxRecipients: Type.Integer({ minimum: 1, maximum: 5000, description: 'Of one message' }),
  addresses: Type.Array(Type.String({ maxLength: 64 }), {
    maxItems: 100,
    description:
      'IP addresses or networks (192.0.2.0/24, 2001:db8::/32) that it may connect from; empty: any. Needed where authentication is address',
  }),
  bounces: Type.Boolean({
    description:
      'Reports a message that finally failed to its envelope sender, where that is an allowed address',
  }),
  priority: Type.Enum(['interactive', 'bulk'], {
    description: 'interactive goes before bulk',
  }),
  enabled: Type.Boolean({ description: 'false: nothing is accepted from it' }),
}

/** What is stored of a client besides its name for logging in and its secret. */
export const ClientSettings = Type.Object(
  { ...settings, authentication: ClientAuthentication },
  closed,
)
export type ClientSettings = Static<typeof ClientSettings>

export const RelayClientInput = Type.Object(
  {
    name: settings.name,
    username: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 128 }), Type.Null()], {
        description: 'For the login; default: the name. None where authentication is address',
      }),
    ),
    authentication: Type.Optional(ClientAuthentication),
    password: Type.Optional(
      Type.String({
        minLength: 12,
        maxLength: 128,
        writeOnly: true,
        description:
          'Where authentication is password: at least 12 characters. When the client exists, leave it out to keep the one it has',
      }),
    ),
    renewSecret: Type.Optional(
      Type.Boolean({ description: 'Makes a new generated secret in place of the one it has' }),
    ),
    profileId: settings.profileId,
    allowedFrom: Type.Optional(settings.allowedFrom),
    fromPolicy: Type.Optional(FromPolicy),
    applySubjectPrefix: Type.Optional(settings.applySubjectPrefix),
    repair: Type.Optional(Type.Partial(Repair, closed)),
    messagesPerMinute: Type.Optional(settings.messagesPerMinute),
    maxMessageBytes: Type.Optional(settings.maxMessageBytes),
    maxRecipients: Type.Optional(settings.maxRecipients),
    addresses: Type.Optional(settings.addresses),
    bounces: Type.Optional(settings.bounces),
    priority: Type.Optional(settings.priority),
    enabled: Type.Optional(settings.enabled),
  },
  closed,
)
export type RelayClientInput = Static<typeof RelayClientInput>

const view = {
  id: Type.String(),
  username: Type.Union([Type.String(), Type.Null()], { description: 'null: it does not log in' }),
  ...settings,
  authentication: ClientAuthentication,
  secretHint: Type.Union([Type.String(), Type.Null()], {
    description: 'First characters of a generated secret',
  }),
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' }),
  lastUsedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'Last accepted message, to the minute',
  }),
}

export const RelayClientView = Type.Object(view, closed)
export type RelayClientView = Static<typeof RelayClientView>

export const RelayClientSaved = Type.Object(
  {
    ...view,
    secret: Type.Union([Type.String(), Type.Null()], {
      description: 'The generated secret, only in the answer to the request that made it',
    }),
  },
  closed,
)
export type RelayClientSaved = Static<typeof RelayClientSaved>
