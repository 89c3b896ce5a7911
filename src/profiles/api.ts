import { type Static, Type } from 'typebox'

/** Wire schemas of profiles: the same keys in the HTTP API and in the settings file. */
const closed = { additionalProperties: false }

export const ProfileId = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$',
  description: 'Name of the profile: lower-case letters, digits and hyphens',
  examples: ['default'],
})

export const Security = Type.Enum(['starttls', 'tls', 'none'], {
  description:
    'starttls: upgrade a plain connection (port 587); tls: TLS from the first byte (port 465); none',
})

export const ServerDetails = Type.Object(
  {
    host: Type.String({ description: 'SMTP server', examples: ['smtp.office365.com'] }),
    port: Type.Integer({ minimum: 1, maximum: 65535, examples: [587] }),
    security: Security,
  },
  { ...closed, description: 'Server details' },
)
export type ServerDetails = Static<typeof ServerDetails>

const ExpiresAt = Type.Union([Type.String(), Type.Null()], {
  description: 'Day or instant at which the secret ends, as the portal shows it; null when unknown',
  examples: ['2027-05-01'],
})

/** On the way in. `value` may be left out when the stored secret shall stay. */
export const ClientSecretInput = Type.Object(
  {
    type: Type.Literal('clientSecret'),
    value: Type.Optional(
      Type.String({ writeOnly: true, description: 'The secret’s Value (not its Secret ID)' }),
    ),
    expiresAt: Type.Optional(ExpiresAt),
  },
  closed,
)

/** On the way in. Both parts may be left out when the stored ones shall stay. */
export const CertificateInput = Type.Object(
  {
    type: Type.Literal('certificate'),
    certificate: Type.Optional(
      Type.String({
        description: 'PEM; the same certificate must be uploaded to the app registration',
      }),
    ),
    privateKey: Type.Optional(
      Type.String({
        writeOnly: true,
        description: 'PEM, RSA with 2048 bits or more, without passphrase',
      }),
    ),
  },
  closed,
)

export const CredentialInput = Type.Union([ClientSecretInput, CertificateInput])
export type CredentialInput = Static<typeof CredentialInput>

export const CloudId = Type.Enum(['worldwide', 'usGovHigh', 'usGovDod', 'china', 'custom'], {
  description: 'Microsoft cloud of the tenant; custom only with POSTERN_ALLOW_CUSTOM_CLOUD=true',
  default: 'worldwide',
})
export type CloudId = Static<typeof CloudId>

export const RENEWAL_DEFAULTS = { daysBefore: 14, lifetimeDays: 180, graceDays: 7 }

const renewalDays = {
  daysBefore: Type.Integer({
    minimum: 1,
    maximum: 90,
    description: 'So many days before the end of the credential',
    default: RENEWAL_DEFAULTS.daysBefore,
  }),
  lifetimeDays: Type.Integer({
    minimum: 7,
    maximum: 730,
    description: 'Life of the new credential; shorter when a policy of the tenant asks for it',
    default: RENEWAL_DEFAULTS.lifetimeDays,
  }),
  graceDays: Type.Integer({
    minimum: 0,
    maximum: 90,
    description:
      'The former credential is removed at Microsoft Entra so many days after the exchange',
    default: RENEWAL_DEFAULTS.graceDays,
  }),
}

/** Off unless it is switched on: for client secrets the application needs Application.ReadWrite.OwnedBy. */
export const Renewal = Type.Object(
  { enabled: Type.Boolean(), ...renewalDays },
  { ...closed, description: 'Renewal of the client secret or certificate without a person' },
)
export type Renewal = Static<typeof Renewal>

export const RenewalInput = Type.Object(
  {
    enabled: Type.Boolean({
      description:
        'A client secret needs the Graph permission Application.ReadWrite.OwnedBy for the application; a certificate needs none: it is renewed with a proof made by the one in use',
    }),
    daysBefore: Type.Optional(renewalDays.daysBefore),
    lifetimeDays: Type.Optional(renewalDays.lifetimeDays),
    graceDays: Type.Optional(renewalDays.graceDays),
  },
  {
    ...closed,
    description: 'Renewal of the client secret or certificate without a person; off by default',
  },
)
export type RenewalInput = Static<typeof RenewalInput>

const deliveryLimits = {
  connections: Type.Integer({
    minimum: 1,
    maximum: 20,
    description: 'Connections to the server at the same time; Exchange Online takes 3 of a mailbox',
  }),
  messagesPerMinute: Type.Union([Type.Integer({ minimum: 1, maximum: 10_000 }), Type.Null()], {
    description:
      'Messages in any 60 seconds; null: no limit. Exchange Online takes 30 of a mailbox',
  }),
  recipientsPerDay: Type.Union([Type.Integer({ minimum: 1, maximum: 10_000_000 }), Type.Null()], {
    description:
      'Recipients in any 24 hours; null: no limit. Exchange Online takes 10,000 of a mailbox',
  }),
  recipientsPerMessage: Type.Integer({
    minimum: 1,
    maximum: 1000,
    description: 'A message for more recipients is handed over in parts',
  }),
  retryHours: Type.Integer({
    minimum: 1,
    maximum: 240,
    description: 'What the server puts off is tried again for so many hours, then it has failed',
  }),
  holdHours: Type.Integer({
    minimum: 1,
    maximum: 720,
    description:
      'Mail that waits for a repair (credential, permission) is kept for so many hours, then it has failed',
  }),
}

/** How mail is handed to the server, complete. */
export const DeliveryLimits = Type.Object(deliveryLimits, {
  ...closed,
  description: 'What counts now: the delivery settings, with defaults where nothing is set',
})
export type DeliveryLimits = Static<typeof DeliveryLimits>

/** On the way in, and as it was set. A key that is left out has the default of the kind of authentication. */
export const DeliverySettings = Type.Object(
  {
    connections: Type.Optional(deliveryLimits.connections),
    messagesPerMinute: Type.Optional(deliveryLimits.messagesPerMinute),
    recipientsPerDay: Type.Optional(deliveryLimits.recipientsPerDay),
    recipientsPerMessage: Type.Optional(deliveryLimits.recipientsPerMessage),
    retryHours: Type.Optional(deliveryLimits.retryHours),
    holdHours: Type.Optional(deliveryLimits.holdHours),
  },
  {
    ...closed,
    description:
      'Pace and patience of sending. Defaults for exchangeOnline, and for basic at Exchange Online: 3 connections, 30 messages a minute, 10,000 recipients a day, 500 recipients a message; otherwise 3, no limit, no limit, 100. Tried again for 72 hours, held for 168',
  },
)
export type DeliverySettings = Static<typeof DeliverySettings>

const exchangeOnlineBase = {
  type: Type.Literal('exchangeOnline'),
  tenantId: Type.String({
    description: 'Directory (tenant) ID, or a domain of the tenant',
    examples: ['contoso.onmicrosoft.com'],
  }),
  clientId: Type.String({ description: 'Application (client) ID' }),
}

export const ExchangeOnlineInput = Type.Object(
  {
    ...exchangeOnlineBase,
    cloud: Type.Optional(CloudId),
    authority: Type.Optional(Type.String({ description: 'Custom cloud only: https origin' })),
    scope: Type.Optional(Type.String({ description: 'Custom cloud only: ends in /.default' })),
    graphUrl: Type.Optional(Type.String({ description: 'Custom cloud only: https URL' })),
    username: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: 'Mailbox to log in as; null: the sender email address',
      }),
    ),
    applicationRbac: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'The right comes from Exchange’s RBAC for Applications, so the token carries no SMTP.SendAsApp role',
      }),
    ),
    credential: CredentialInput,
    renewal: Type.Optional(RenewalInput),
  },
  closed,
)

export const BasicInput = Type.Object(
  {
    type: Type.Literal('basic'),
    username: Type.String(),
    password: Type.Optional(Type.String({ writeOnly: true })),
  },
  closed,
)

export const NoAuthentication = Type.Object({ type: Type.Literal('none') }, closed)

export const AuthenticationInput = Type.Union([ExchangeOnlineInput, BasicInput, NoAuthentication])
export type AuthenticationInput = Static<typeof AuthenticationInput>

const common = {
  senderDisplayName: Type.String({
    description: 'Name shown as the sender; Exchange Online takes any',
    examples: ['Process Alerts'],
  }),
  senderEmailAddress: Type.String({ examples: ['alerts@contoso.com'] }),
}

/** Body of POST and PUT, and one entry of the settings file. */
export const ProfileInput = Type.Object(
  {
    id: ProfileId,
    ...common,
    subjectPrefix: Type.Optional(Type.String({ default: '', examples: ['[Process] '] })),
    errorEmailAddress: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: 'Send Error Email to; null: nobody',
        default: null,
      }),
    ),
    server: ServerDetails,
    authentication: AuthenticationInput,
    delivery: Type.Optional(DeliverySettings),
  },
  { ...closed, description: 'Email settings' },
)
export type ProfileInput = Static<typeof ProfileInput>

export const ExpirySource = Type.Enum(['none', 'typed', 'graph', 'proven', 'certificate'], {
  description: 'Where the end date comes from; proven: from a refusal of Microsoft Entra',
})

export const CredentialView = Type.Object(
  {
    type: Type.Enum(['clientSecret', 'password', 'certificate']),
    set: Type.Boolean({ description: 'Whether a secret is stored' }),
    readable: Type.Boolean({
      description: 'false: sealed with another master key; enter it again',
    }),
    hint: Type.Union([Type.String(), Type.Null()], {
      description:
        'First three characters of a client secret, or the SHA-1 thumbprint of a certificate, as the portal shows them',
    }),
    expiresAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    expirySource: ExpirySource,
    addedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  closed,
)
export type CredentialView = Static<typeof CredentialView>

/** One of the credentials of a profile: never a secret. */
export const CredentialVersionView = Type.Object(
  {
    ...Type.Omit(CredentialView, ['set', 'addedAt']).properties,
    id: Type.String(),
    state: Type.Enum(['active', 'staged', 'fallback'], {
      description:
        'active: in use; staged: new, is being proven; fallback: the former one, used when Microsoft refuses the active one',
    }),
    addedAt: Type.String({ format: 'date-time' }),
    refusedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When Microsoft refused it for good; such a one is not used by itself',
    }),
  },
  closed,
)
export type CredentialVersionView = Static<typeof CredentialVersionView>

export const ExchangeOnlineView = Type.Object(
  {
    ...exchangeOnlineBase,
    cloud: CloudId,
    authority: Type.Optional(Type.String()),
    scope: Type.Optional(Type.String()),
    graphUrl: Type.Optional(Type.String()),
    username: Type.Union([Type.String(), Type.Null()]),
    applicationRbac: Type.Boolean(),
    credential: CredentialView,
    renewal: Type.Optional(Renewal),
  },
  closed,
)

export const BasicView = Type.Object(
  { type: Type.Literal('basic'), username: Type.String(), credential: CredentialView },
  closed,
)

export const Warning = Type.Object(
  { field: Type.String(), message: Type.String() },
  { ...closed, description: 'Accepted, but worth knowing' },
)
export type Warning = Static<typeof Warning>

/** Answer of GET, POST and PUT: never a secret. */
export const ProfileView = Type.Object(
  {
    id: ProfileId,
    ...common,
    subjectPrefix: Type.String(),
    errorEmailAddress: Type.Union([Type.String(), Type.Null()]),
    server: ServerDetails,
    authentication: Type.Union([ExchangeOnlineView, BasicView, NoAuthentication]),
    delivery: Type.Optional(DeliverySettings),
    deliveryLimits: DeliveryLimits,
    managed: Type.Boolean({
      description: 'true: comes from the settings file and is read-only here',
    }),
    version: Type.Integer(),
    createdAt: Type.String({ format: 'date-time' }),
    updatedAt: Type.String({ format: 'date-time' }),
    warnings: Type.Array(Warning),
  },
  { ...closed, description: 'Email settings as stored' },
)
export type ProfileView = Static<typeof ProfileView>
