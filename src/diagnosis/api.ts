import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }

export const Responsible = Type.Enum(
  ['entraAdministrator', 'exchangeAdministrator', 'operator', 'networkTeam', 'nobody'],
  { description: 'Who must act' },
)
export type Responsible = Static<typeof Responsible>

export const RetryClass = Type.Enum(['never', 'transient', 'propagation', 'quota'], {
  description:
    'never: a setting must change first; transient: try again soon; propagation: Microsoft is still spreading a change; quota: wait for a quota window',
})
export type RetryClass = Static<typeof RetryClass>

export const Command = Type.Object(
  {
    shell: Type.Enum(['powershell', 'bash', 'url']),
    text: Type.String({ description: 'Ready to paste, with the profile’s own ids' }),
  },
  { ...closed, description: 'A command to paste or an address to open' },
)
export type Command = Static<typeof Command>

const nullableText = (description: string) =>
  Type.Union([Type.String(), Type.Null()], { description })

export const Answer = Type.Object(
  {
    source: Type.String({ description: 'settings, transport, entra, claims, smtp, graph' }),
    step: Type.String(),
    server: nullableText('Host that answered'),
    text: Type.String({ description: 'The answer, verbatim' }),
    code: nullableText('AADSTS number, SMTP code, Graph code or system error code'),
    enhancedCode: nullableText('RFC 3463 enhanced status code'),
    traceId: nullableText('Entra trace id or Graph request id, for Microsoft’s support'),
    correlationId: nullableText('Entra correlation id, for Microsoft’s support'),
    sessionId: nullableText('Exchange Online session id, for Microsoft’s support'),
    at: nullableText('Time that the answer itself states'),
  },
  closed,
)
export type Answer = Static<typeof Answer>

export const Diagnosis = Type.Object(
  {
    code: Type.String({ description: 'Stable name of the diagnosis, such as secret_expired' }),
    row: Type.Union([Type.Integer(), Type.Null()], { description: 'Row of the catalogue' }),
    summary: Type.String({ description: 'What happened, one sentence' }),
    cause: Type.String({
      description: 'Why, in one text: the likely causes and what is known beside',
    }),
    likelyCauses: Type.Array(Type.String(), {
      default: [],
      description:
        'Why, one sentence each, most probable first; empty when Postern does not know the answer',
    }),
    responsible: Responsible,
    remedy: Type.String({ description: 'What to do, one sentence' }),
    commands: Type.Array(Command),
    retry: RetryClass,
    retryAfterMs: Type.Union([Type.Integer(), Type.Null()]),
    waitingUntil: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      default: null,
      description:
        'Set while Microsoft is still spreading a change: usually done by then. No failure before.',
    }),
    guideStep: nullableText('Step of the setup guide that this belongs to'),
    answer: Answer,
  },
  closed,
)
export type Diagnosis = Static<typeof Diagnosis>
