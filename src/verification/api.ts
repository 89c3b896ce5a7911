import { type Static, Type } from 'typebox'
import { Diagnosis } from '../diagnosis/api.ts'

const closed = { additionalProperties: false }
const Instant = Type.String({ format: 'date-time' })

export const CHECK_NAMES = [
  'settingsComplete',
  'credentialNotEnded',
  'entraReachable',
  'tokenIssued',
  'tokenAudience',
  'tokenRole',
  'serverReachable',
  'tls',
  'authOffered',
  'authAccepted',
  'senderAccepted',
  'recipientAccepted',
  'messageAccepted',
] as const

export const Check = Type.Object(
  {
    name: Type.Enum([...CHECK_NAMES]),
    title: Type.String({ description: 'In plain words: “Server accepts the login”' }),
    outcome: Type.Enum(['ok', 'warning', 'failed', 'skipped']),
    durationMs: Type.Number({ description: '0 when skipped' }),
    evidence: Type.String({ description: 'What was seen: a reply, a claim, a certificate’s name' }),
    diagnosis: Type.Union([Diagnosis, Type.Null()]),
  },
  closed,
)
export type Check = Static<typeof Check>

export const VerifyReason = Type.Enum(['schedule', 'saved', 'requested', 'started'], {
  description: 'What caused the verification',
})
export type VerifyReason = Static<typeof VerifyReason>

/** What a token says about its application, for people and for the setup guide; no part of the token itself. */
export const TokenFacts = Type.Object(
  {
    oid: Type.Union([Type.String(), Type.Null()], {
      description: 'Object ID of the enterprise application: what New-ServicePrincipal wants',
    }),
    tid: Type.Union([Type.String(), Type.Null()], { description: 'Directory (tenant) ID' }),
    appid: Type.Union([Type.String(), Type.Null()], { description: 'Application (client) ID' }),
    roles: Type.Array(Type.String(), { description: 'Application permissions' }),
  },
  closed,
)
export type TokenFacts = Static<typeof TokenFacts>

export const Report = Type.Object(
  {
    id: Type.String(),
    profileId: Type.String(),
    reason: VerifyReason,
    outcome: Type.Enum(['ok', 'warning', 'failed']),
    startedAt: Instant,
    finishedAt: Instant,
    durationMs: Type.Number(),
    withMessage: Type.Boolean({ description: 'Whether a real message was handed over' }),
    checks: Type.Array(Check),
    diagnosis: Type.Union([Diagnosis, Type.Null()], { description: 'Of the first failed check' }),
    unproven: Type.Array(Type.String(), {
      description: 'What this run cannot prove, such as the mailbox permission',
    }),
    message: Type.Union([
      Type.Object({ messageId: Type.String(), reply: Type.String() }, closed),
      Type.Null(),
    ]),
    tokenFacts: Type.Union([TokenFacts, Type.Null()], {
      default: null,
      description: 'Of the token that this run got; null when it got none',
    }),
  },
  closed,
)
export type Report = Static<typeof Report>

export const ReportSummary = Type.Omit(Report, ['checks', 'unproven', 'message', 'diagnosis'])
export type ReportSummary = Static<typeof ReportSummary>

export const VerifyInput = Type.Object(
  {
    sendTo: Type.Optional(
      Type.String({ description: 'Also hand over a real message to this address' }),
    ),
  },
  closed,
)
export type VerifyInput = Static<typeof VerifyInput>

export const HealthState = Type.Enum(['unknown', 'ok', 'warning', 'failing'])
export type HealthState = Static<typeof HealthState>

export const ReportPage = Type.Object(
  {
    reports: Type.Array(ReportSummary),
    nextBefore: Type.Union([Instant, Type.Null()], {
      description: 'For the next page; null: there is none',
    }),
  },
  closed,
)
export type ReportPage = Static<typeof ReportPage>

export const TestEmailInput = Type.Object(
  { to: Type.String({ description: 'Who gets the test email', examples: ['it@contoso.com'] }) },
  closed,
)
export type TestEmailInput = Static<typeof TestEmailInput>

export const TestEmailOutcome = Type.Object(
  {
    messageId: Type.String({ description: 'Message-ID as it was sent' }),
    serverMessageId: Type.Union([Type.String(), Type.Null()], {
      description: 'Message-ID as the server’s reply names it; null when it names none',
    }),
    reply: Type.String({ description: 'The server’s reply to the whole message' }),
    to: Type.String(),
    durationMs: Type.Number(),
  },
  closed,
)
export type TestEmailOutcome = Static<typeof TestEmailOutcome>
