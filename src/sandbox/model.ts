import { type Static, Type } from 'typebox'

/**
 * The simulated tenant's model: everything that decides what Entra, Graph and Exchange Online answer.
 *
 * Plain JSON, changed by RFC 7396 merge patches; collections are maps, so that one entry can be changed alone
 * (null removes it). Instants are ISO 8601 in UTC; `effectiveAt` is when a change has replicated and counts.
 */
const closed = { additionalProperties: false }
const Instant = (description: string) => Type.String({ description, format: 'date-time' })

export const ClientSecretModel = Type.Object(
  {
    value: Type.String({ description: 'The secret Value' }),
    displayName: Type.String(),
    startDateTime: Instant('Start'),
    endDateTime: Instant('End; later requests get AADSTS7000222'),
    effectiveAt: Instant('Before it, the secret has not replicated: AADSTS7000215'),
  },
  closed,
)

export const ApplicationModel = Type.Object(
  {
    displayName: Type.String(),
    objectId: Type.String({ description: 'Object ID on the App registration page' }),
    secrets: Type.Record(Type.String(), ClientSecretModel, { description: 'By keyId (Secret ID)' }),
    servicePrincipal: Type.Object(
      {
        exists: Type.Boolean({ description: 'false: AADSTS7000229' }),
        objectId: Type.String({
          description: 'Object ID of the Enterprise application, token oid',
        }),
        enabled: Type.Boolean({ description: 'false: AADSTS7000112' }),
      },
      closed,
    ),
    exchangeRoles: Type.Array(Type.String(), {
      description:
        'Consented application permissions on Office 365 Exchange Online: SMTP.SendAsApp',
    }),
    graphRoles: Type.Array(Type.String(), {
      description: 'Consented application permissions on Microsoft Graph: Application.Read.All, …',
    }),
    blockedByPolicy: Type.Union([Type.String(), Type.Null()], {
      description: 'Id of a Conditional Access policy that blocks the app: AADSTS53003',
    }),
  },
  closed,
)

export const MailboxModel = Type.Object(
  {
    displayName: Type.String(),
    aliases: Type.Array(Type.String()),
    password: Type.Union([Type.String(), Type.Null()], { description: 'For AUTH LOGIN (basic)' }),
    smtpAuthDisabled: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'SmtpClientAuthenticationDisabled of the mailbox; null inherits the tenant’s',
    }),
    fullAccess: Type.Record(Type.String(), Instant('effectiveAt'), {
      description: 'Client id -> since when its service principal has FullAccess',
    }),
    sendAs: Type.Array(Type.String(), {
      description: 'Authenticating mailboxes that may send as this one',
    }),
    full: Type.Boolean({ description: 'true: 554 5.2.2 mailbox full at end of DATA' }),
    maxSendSizeBytes: Type.Integer({ minimum: 0 }),
    recipientLimit: Type.Integer({ minimum: 1 }),
  },
  closed,
)

export const FAULTS_ENTRA = [
  'none',
  'refuse', // TCP connection refused
  'silent', // accepts and never answers
  'reset', // drops the connection after the request
  'html', // 502 with an HTML page
  'halfBody', // 200 with half of the JSON
  'throttled', // 429
  'transient', // 503 AADSTS90033
  'redirect', // 302 to another host
] as const

export const FAULTS_SMTP = [
  'none',
  'refuse', // TCP connection refused
  'silent', // accepts and never greets
  'busy', // 421 4.3.2 as greeting
  'proxy', // 451 4.7.0 … PRX1 at AUTH
  'dropAtConnect',
  'dropAtEhlo',
  'dropAtStarttls',
  'dropAtAuth',
  'dropAtMail',
  'dropAtRcpt',
  'dropBefore354',
  'dropMidData',
  'dropAfterDot', // the message is not kept
  'dropBefore250', // the message is kept, the answer is lost
  'tls10', // AUTH answered with 421 4.7.66
  'throttledPerHour', // 421 4.4.2 Message submission rate … at end of DATA
] as const

export const TenantModel = Type.Object(
  {
    tenant: Type.Object(
      {
        id: Type.String({ description: 'Directory (tenant) ID' }),
        domain: Type.String({ description: 'Initial domain; also valid as {tenant}' }),
        displayName: Type.String(),
        smtpAuthDisabled: Type.Boolean({ description: 'Organisation-wide switch' }),
        securityDefaults: Type.Boolean(),
        sendFromAlias: Type.Boolean({ description: 'SendFromAliasEnabled' }),
        basicAuth: Type.Enum(['allowed', 'disabled', 'retired'], {
          description: 'disabled: 535 5.7.139 …; retired: 550 5.7.30',
        }),
        hasExchange: Type.Boolean({ description: 'false: AADSTS500011 for the Exchange resource' }),
      },
      closed,
    ),
    apps: Type.Record(Type.String(), ApplicationModel, { description: 'By client id' }),
    exchange: Type.Object(
      {
        servicePrincipals: Type.Record(
          Type.String(),
          Type.Object({ objectId: Type.String(), effectiveAt: Instant('effectiveAt') }, closed),
          { description: 'New-ServicePrincipal registrations, by client id' },
        ),
        wrongServicePrincipal: Type.Enum(['535@AUTH', '430@DATA'], {
          description: 'What a missing or wrong registration answers (sources conflict)',
        }),
        rbac: Type.Record(
          Type.String(),
          Type.Object(
            { members: Type.Array(Type.String()), effectiveAt: Instant('effectiveAt') },
            closed,
          ),
          { description: 'Application RBAC: client id -> mailboxes in its scope' },
        ),
      },
      closed,
    ),
    mailboxes: Type.Record(Type.String(), MailboxModel, { description: 'By primary address' }),
    limits: Type.Object(
      {
        connections: Type.Integer({ minimum: 0, description: 'Submitting at once per mailbox' }),
        messagesPerMinute: Type.Integer({ minimum: 0 }),
        overRate: Type.Enum(['delay', 'reject']),
        recipientsPerDay: Type.Integer({ minimum: 0 }),
        sendAsDeniedBeforeThrottle: Type.Integer({
          minimum: 1,
          description: 'So many SendAsDenied in an hour, then 550 5.2.252',
        }),
      },
      closed,
    ),
    entra: Type.Object(
      {
        fault: Type.Enum([...FAULTS_ENTRA]),
        delayMs: Type.Integer({ minimum: 0 }),
        retryAfterSeconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
          description: 'Retry-After of 429 and 503 answers; null: none',
        }),
        separator: Type.Enum(['crlf', 'space'], {
          description: 'Between the parts of a description',
        }),
        tokenLifetimeSeconds: Type.Union([Type.Integer({ minimum: 1 }), Type.Literal('random')], {
          description: 'random: 3600 to 5400',
        }),
        audience: Type.Union([Type.String(), Type.Null()], {
          description: 'Overrides the token’s aud; null: the resource asked for',
        }),
        delegated: Type.Boolean({ description: 'Tokens carry upn and scp instead of roles' }),
        paddingBytes: Type.Integer({ minimum: 0, description: 'Makes tokens longer' }),
        forcedCode: Type.Union([Type.Integer(), Type.Null()], {
          description: 'Answer every token request with this AADSTS code',
        }),
      },
      closed,
    ),
    graph: Type.Object(
      { fault: Type.Enum(['none', 'refuse', 'throttled', 'html', 'silent']) },
      closed,
    ),
    smtp: Type.Object(
      {
        fault: Type.Enum([...FAULTS_SMTP]),
        delayMs: Type.Integer({ minimum: 0, description: 'Before every reply' }),
        certificate: Type.Enum(['valid', 'expired', 'wrongName', 'selfSigned']),
        offerStarttls: Type.Boolean(),
        authMechanisms: Type.Array(Type.String(), { description: 'LOGIN, XOAUTH2' }),
        messageId: Type.Enum(['keep', 'replace'], { description: 'The id in the 250 reply' }),
        forcedReplies: Type.Record(Type.String(), Type.String(), {
          description:
            'Verbatim reply instead of the model’s, by step: greeting, auth, mail, rcpt, data',
        }),
      },
      closed,
    ),
    clockOffsetMs: Type.Integer({
      description: 'The tenant’s clock runs ahead (behind: negative)',
    }),
  },
  closed,
)

export type ClientSecretModel = Static<typeof ClientSecretModel>
export type ApplicationModel = Static<typeof ApplicationModel>
export type MailboxModel = Static<typeof MailboxModel>
export type TenantModel = Static<typeof TenantModel>
