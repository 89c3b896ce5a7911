import { type Static, Type } from 'typebox'
import { Diagnosis } from '../diagnosis/api.ts'

const closed = { additionalProperties: false }
const Instant = Type.String({ format: 'date-time' })
const nullableInstant = Type.Union([Instant, Type.Null()])
const nullableText = (description: string) =>
  Type.Union([Type.String(), Type.Null()], { description })

/**
 * Exchange Online’s own default for what a mailbox sends: 35 MB
 * (learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits).
 */
export const MESSAGE_LIMIT_BYTES = 35 * 1024 * 1024
/** A JSON body may be larger than its message: it escapes line breaks, and texts may be written as \u0000. */
export const JSON_ROOM = 1.5
export const MOST_RECIPIENTS = 1000
const MOST_ATTACHMENTS = 100
export const MOST_HEADERS = 50

const AddressText = Type.String({
  maxLength: 600,
  examples: ['ada@example.com', 'Ada Lovelace <ada@example.com>'],
})
const NamedAddress = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 600 })),
    address: Type.String({ maxLength: 600 }),
  },
  closed,
)

export const AddressInput = Type.Union([AddressText, NamedAddress])
export type AddressInput = Static<typeof AddressInput>

const AddressList = Type.Union(
  [AddressText, NamedAddress, Type.Array(AddressInput, { maxItems: MOST_RECIPIENTS })],
  {
    description:
      'An address, an address in angle brackets with a name in front, an object, or a list of these',
  },
)

export const AttachmentInput = Type.Object(
  {
    filename: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    contentType: Type.Optional(
      Type.String({
        description: 'Default: by the ending of the filename',
        examples: ['application/pdf'],
      }),
    ),
    content: Type.String({ description: 'Base64' }),
    contentId: Type.Optional(
      Type.String({ description: 'For images of the HTML text: <img src="cid:…">' }),
    ),
    disposition: Type.Optional(Type.Enum(['attachment', 'inline'])),
  },
  closed,
)
export type AttachmentInput = Static<typeof AttachmentInput>

export const MessageInput = Type.Object(
  {
    profile: Type.Optional(
      Type.String({ description: 'Default: the profile “default”, or the only one' }),
    ),
    to: Type.Optional(AddressList),
    cc: Type.Optional(AddressList),
    bcc: Type.Optional(AddressList),
    replyTo: Type.Optional(AddressList),
    from: Type.Optional(
      Type.Union(
        [
          Type.String({ maxLength: 600 }),
          Type.Object(
            {
              name: Type.Optional(Type.String({ maxLength: 600 })),
              address: Type.Optional(Type.String({ maxLength: 600 })),
            },
            closed,
          ),
        ],
        {
          description:
            'Default: the sender of the profile. Another name is possible; the address must be the profile’s sender or the mailbox that it logs in as',
        },
      ),
    ),
    subject: Type.Optional(
      Type.String({
        maxLength: 900,
        description: 'The subject prefix of the profile goes before it',
      }),
    ),
    text: Type.Optional(Type.String()),
    html: Type.Optional(Type.String()),
    attachments: Type.Optional(Type.Array(AttachmentInput, { maxItems: MOST_ATTACHMENTS })),
    headers: Type.Optional(
      // Not a Record: that looks at every member before it counts them.
      Type.Object(
        {},
        {
          maxProperties: MOST_HEADERS,
          description:
            'Further header fields, each with a text: X-…, List-…, In-Reply-To, References, Message-ID, Auto-Submitted, Precedence, Importance, Priority, Sensitivity, Keywords, Comments, Organization, Feedback-ID, Thread-Topic, Thread-Index, Disposition-Notification-To',
        },
      ),
    ),
    priority: Type.Optional(
      Type.Enum(['interactive', 'bulk'], {
        default: 'interactive',
        description: 'bulk: goes after everything that somebody waits for',
      }),
    ),
  },
  { ...closed, description: 'A message' },
)
export type MessageInput = Static<typeof MessageInput>

export const MessageStateView = Type.Enum(
  ['queued', 'sending', 'deferred', 'held', 'delivered', 'failed', 'cancelled'],
  {
    description:
      'queued: is sent as soon as the pace allows; deferred: the server put it off; held: waits for a repair; the last three are final',
  },
)

const outcome = {
  reply: nullableText('The server’s last answer, verbatim'),
  serverMessageId: nullableText('The id that the server gave it'),
  diagnosis: Type.Union([Diagnosis, Type.Null()], {
    description: 'Why it is not delivered; null: nothing stands in its way',
  }),
  detail: nullableText('The diagnosis in one sentence: what happened and what to do'),
}

export const MessageReceipt = Type.Object(
  {
    id: Type.String(),
    profile: Type.String(),
    state: MessageStateView,
    acceptedAt: Instant,
    messageId: nullableText('The Message-ID header'),
    duplicate: Type.Boolean({
      description:
        'true: the Idempotency-Key was seen before, and this is the message of that time',
    }),
    ...outcome,
    links: Type.Object({ self: Type.String() }, closed),
  },
  { ...closed, description: 'The message is stored durably and will be delivered' },
)
export type MessageReceipt = Static<typeof MessageReceipt>

export const MessageView = Type.Object(
  {
    id: Type.String(),
    profile: Type.String(),
    source: Type.Enum(['api', 'relay', 'sendmail', 'test', 'alert', 'report', 'bounce'], {
      description: 'Where it came from',
    }),
    client: Type.String({ description: 'Who handed it in, such as token:<id>' }),
    priority: Type.Enum(['alert', 'test', 'interactive', 'bulk']),
    state: MessageStateView,
    sender: Type.String({ description: 'Of the envelope; empty: the null reverse-path' }),
    from: nullableText('The address of the From header'),
    subject: nullableText('At most 200 characters'),
    messageId: nullableText('The Message-ID header'),
    sizeBytes: Type.Integer(),
    recipientCount: Type.Integer(),
    acceptedAt: Instant,
    attempts: Type.Integer(),
    nextAttemptAt: Type.Union([Instant, Type.Null()], { description: 'Of a deferred one' }),
    finishedAt: nullableInstant,
    hasBody: Type.Boolean({ description: 'Whether its bytes are still stored' }),
    ...outcome,
  },
  closed,
)
export type MessageView = Static<typeof MessageView>

export const RecipientView = Type.Object(
  {
    address: Type.String(),
    state: Type.Enum(['waiting', 'delivered', 'failed', 'cancelled']),
    reply: nullableText('The server’s word about this recipient, verbatim'),
    diagnosisCode: nullableText('Code of the diagnosis, when it failed'),
    finishedAt: nullableInstant,
  },
  closed,
)
export type RecipientView = Static<typeof RecipientView>

export const AttemptView = Type.Object(
  {
    number: Type.Integer(),
    startedAt: Instant,
    finishedAt: Instant,
    outcome: Type.Enum(['delivered', 'partlyDelivered', 'deferred', 'held', 'failed']),
    server: Type.String(),
    recipients: Type.Integer({ description: 'Recipients that it was for' }),
    reply: nullableText('The server’s answer, verbatim; null: it said nothing'),
    diagnosis: Type.Union([Diagnosis, Type.Null()]),
  },
  closed,
)
export type AttemptView = Static<typeof AttemptView>

export const MessageDetailView = Type.Object(
  {
    ...MessageView.properties,
    recipients: Type.Array(RecipientView),
    attemptList: Type.Array(AttemptView, { description: 'Oldest first' }),
  },
  closed,
)
export type MessageDetailView = Static<typeof MessageDetailView>
