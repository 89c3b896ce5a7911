import { type Static, Type } from 'typebox'
import { CERTIFICATES, FAULTS_ENTRA, FAULTS_GRAPH, FAULTS_SMTP } from './faults.ts'

/**
 * The simulated tenant's model: everything that decides what Entra, Graph and Exchange Online answer.
 *
 * Plain JSON, changed by RFC 7396 merge patches; collections are maps, so that one entry can be changed alone
 * (null removes it). A key with a default returns to it when a patch removes it. Instants are ISO 8601 in UTC;
 * `effectiveAt` is when a change has replicated and counts.
 */
const closed = { additionalProperties: false }
/** An entry or group that may be given in part, down to {}: the defaults fill it. */
const filled = { additionalProperties: false, default: {} }
const LONG_AGO = '2020-01-01T00:00:00.000Z'
const Instant = (description: string) => Type.String({ description, format: 'date-time' })
const Since = (description: string) =>
  Type.String({ description, format: 'date-time', default: LONG_AGO })

export const ClientSecretModel = Type.Object(
  {
    value: Type.String({ description: 'The secret Value' }),
    displayName: Type.String({ default: '', description: 'Description' }),
    startDateTime: Since('Start'),
    endDateTime: Instant('End; later requests get AADSTS7000222'),
    effectiveAt: Since('Before it, the secret has not replicated: AADSTS7000215'),
  },
  filled,
)

const InstantOrNull = (description: string) =>
  Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description, default: null })

export const CertificateModel = Type.Object(
  {
    certificate: Type.String({ description: 'The public certificate: DER in base64, or PEM' }),
    displayName: Type.String({ default: '', description: 'Description' }),
    startDateTime: InstantOrNull('Start; null: the certificate’s own'),
    endDateTime: InstantOrNull('End, after it AADSTS700027; null: the certificate’s own'),
    effectiveAt: Since('Before it, the certificate has not replicated: AADSTS700027'),
  },
  filled,
)

export const ApplicationModel = Type.Object(
  {
    displayName: Type.String({ default: '', description: 'Name of the application' }),
    objectId: Type.String({ description: 'Object ID on the App registration page' }),
    secrets: Type.Record(Type.String(), ClientSecretModel, {
      description: 'By keyId (Secret ID)',
      default: {},
    }),
    certificates: Type.Record(Type.String(), CertificateModel, {
      description: 'By keyId (Certificate ID)',
      default: {},
    }),
    servicePrincipal: Type.Object(
      {
        exists: Type.Boolean({ description: 'false: AADSTS7000229', default: true }),
        objectId: Type.String({
          description: 'Object ID of the Enterprise application, token oid',
        }),
        enabled: Type.Boolean({ description: 'false: AADSTS7000112', default: true }),
      },
      closed,
    ),
    exchangeRoles: Type.Array(Type.String(), {
      description:
        'Consented application permissions on Office 365 Exchange Online: SMTP.SendAsApp',
      default: [],
    }),
    graphRoles: Type.Array(Type.String(), {
      description: 'Consented application permissions on Microsoft Graph: Application.Read.All, …',
      default: [],
    }),
    registeredHere: Type.Boolean({
      description: 'false: the app registration lives in another tenant, so that Graph lacks it',
      default: true,
    }),
    blockedByPolicy: Type.Union([Type.String(), Type.Null()], {
      description: 'Id of a Conditional Access policy that blocks the app: AADSTS53003',
      default: null,
    }),
  },
  filled,
)

export const MailboxModel = Type.Object(
  {
    displayName: Type.String({ default: '', description: 'Name of the mailbox' }),
    aliases: Type.Array(Type.String(), { default: [], description: 'Further addresses of it' }),
    password: Type.Union([Type.String(), Type.Null()], {
      description: 'For AUTH LOGIN (basic); null: none is right',
      default: null,
    }),
    smtpAuthDisabled: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'SmtpClientAuthenticationDisabled of the mailbox; null inherits the tenant’s',
      default: null,
    }),
    fullAccess: Type.Record(Type.String(), Instant('effectiveAt'), {
      description: 'Client id -> since when its service principal has FullAccess',
      default: {},
    }),
    sendAs: Type.Array(Type.String(), {
      description: 'Authenticating mailboxes that may send as this one',
      default: [],
    }),
    full: Type.Boolean({
      description: 'true: 554 5.2.2 mailbox full at end of DATA',
      default: false,
    }),
    // Exchange Online: a user mailbox sends at most 35 MB unless the administrator allows more.
    maxSendSizeBytes: Type.Integer({
      minimum: 0,
      default: 36_700_160,
      description: 'MaxSendSize',
    }),
    recipientLimit: Type.Integer({
      minimum: 1,
      default: 500,
      description: 'Recipients of one message',
    }),
  },
  filled,
)

export const TenantModel = Type.Object(
  {
    tenant: Type.Object(
      {
        id: Type.String({ description: 'Directory (tenant) ID' }),
        domain: Type.String({ description: 'Initial domain; also valid as {tenant}' }),
        verifiedDomains: Type.Array(Type.String(), {
          description: 'Further domains of the tenant; each valid as {tenant}',
          default: [],
        }),
        displayName: Type.String({ default: 'Contoso', description: 'Name of the organisation' }),
        smtpAuthDisabled: Type.Boolean({
          description: 'SmtpClientAuthenticationDisabled of the organisation',
          default: false,
        }),
        securityDefaults: Type.Boolean({
          description: 'true: basic authentication is refused',
          default: false,
        }),
        sendFromAlias: Type.Boolean({ description: 'SendFromAliasEnabled', default: false }),
        basicAuth: Type.Enum(['allowed', 'disabled', 'retired'], {
          default: 'allowed',
          description: 'disabled: 535 5.7.139 …; retired: 550 5.7.30',
        }),
        hasExchange: Type.Boolean({
          description: 'false: AADSTS500011 for the Exchange resource',
          default: true,
        }),
      },
      closed,
    ),
    apps: Type.Record(Type.String(), ApplicationModel, {
      description: 'By client id',
      default: {},
    }),
    exchange: Type.Object(
      {
        servicePrincipals: Type.Record(
          Type.String(),
          Type.Object(
            {
              objectId: Type.String({ description: 'Right only when it is the token’s oid' }),
              effectiveAt: Since('When the registration has replicated'),
            },
            filled,
          ),
          { description: 'New-ServicePrincipal registrations, by client id', default: {} },
        ),
        wrongServicePrincipal: Type.Enum(['535@AUTH', '430@DATA'], {
          description: 'What a missing or wrong registration answers (sources conflict)',
          default: '535@AUTH',
        }),
        rbac: Type.Record(
          Type.String(),
          Type.Object(
            {
              members: Type.Array(Type.String(), { default: [], description: 'Mailboxes' }),
              effectiveAt: Since('When the assignment has replicated'),
            },
            filled,
          ),
          { description: 'Application RBAC: client id -> mailboxes in its scope', default: {} },
        ),
      },
      filled,
    ),
    mailboxes: Type.Record(Type.String(), MailboxModel, {
      description: 'By primary address',
      default: {},
    }),
    limits: Type.Object(
      {
        connections: Type.Integer({
          minimum: 0,
          description: 'Submitting at once per mailbox',
          default: 3,
        }),
        messagesPerMinute: Type.Integer({ minimum: 0, default: 30, description: 'Per mailbox' }),
        overRate: Type.Enum(['delay', 'reject'], {
          default: 'delay',
          description: 'What happens above messagesPerMinute',
        }),
        recipientsPerDay: Type.Integer({
          minimum: 0,
          default: 10_000,
          description: 'Per mailbox in 24 hours',
        }),
        sendAsDeniedBeforeThrottle: Type.Integer({
          minimum: 1,
          description: 'So many SendAsDenied in an hour, then 550 5.2.252',
          default: 5,
        }),
      },
      filled,
    ),
    entra: Type.Object(
      {
        fault: Type.Enum([...FAULTS_ENTRA], {
          default: 'none',
          description: 'How the endpoint fails',
        }),
        delayMs: Type.Integer({
          minimum: 0,
          default: 0,
          description: 'Before every answer',
        }),
        certificate: Type.Enum([...CERTIFICATES], {
          default: 'valid',
          description: 'What the token endpoint shows',
        }),
        retryAfterSeconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
          description: 'Retry-After of 429 and 503 answers; null: none',
          default: null,
        }),
        separator: Type.Enum(['crlf', 'space'], {
          description: 'Between the parts of a description',
          default: 'crlf',
        }),
        tokenLifetimeSeconds: Type.Union([Type.Integer({ minimum: 1 }), Type.Literal('random')], {
          description: 'random: 3600 to 5400',
          default: 3599,
        }),
        tokenAgeSeconds: Type.Integer({
          minimum: 0,
          description: 'So long ago tokens for Exchange were issued, although they come now',
          default: 0,
        }),
        audience: Type.Union([Type.String(), Type.Null()], {
          description: 'Overrides aud in tokens for Exchange; null: the resource asked for',
          default: null,
        }),
        appId: Type.Union([Type.String(), Type.Null()], {
          description: 'Overrides appid in tokens for Exchange; null: the application that asked',
          default: null,
        }),
        opaque: Type.Boolean({
          description: 'Tokens for Exchange are no JWT that a client could read',
          default: false,
        }),
        delegated: Type.Boolean({
          description: 'Tokens carry upn and scp instead of roles',
          default: false,
        }),
        paddingBytes: Type.Integer({
          minimum: 0,
          description: 'Makes tokens longer',
          default: 0,
        }),
        forcedCode: Type.Union([Type.Integer(), Type.Null()], {
          description: 'Answer every token request with this AADSTS code',
          default: null,
        }),
        forcedStatus: Type.Union([Type.Integer({ minimum: 400, maximum: 599 }), Type.Null()], {
          description: 'HTTP status of the forced code; null: the code’s own',
          default: null,
        }),
        assertionHeader: Type.Enum(['both', 'x5t'], {
          default: 'both',
          description: 'x5t: certificates are not found by x5t#S256 (AADSTS700027)',
        }),
      },
      filled,
    ),
    graph: Type.Object(
      {
        fault: Type.Enum([...FAULTS_GRAPH], { default: 'none', description: 'How Graph fails' }),
        retryAfterSeconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
          description: 'Retry-After of 429 answers, fractions allowed; null: none',
          default: null,
        }),
        replicationSeconds: Type.Number({
          minimum: 0,
          default: 0,
          description: 'So long after its addition, a secret or certificate begins to work',
        }),
        proofIssuer: Type.Enum(['both', 'objectId', 'clientId'], {
          default: 'both',
          description: 'What iss of an addKey proof may be (sources conflict)',
        }),
        policy: Type.Object(
          {
            passwordAddition: Type.Boolean({
              default: true,
              description: 'false: 400 CredentialTypeNotAllowedAsPerAppPolicy for addPassword',
            }),
            maxPasswordLifetimeDays: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
              default: null,
              description: 'Longer: 400 CredentialInvalidLifetimeAsPerAppPolicy; null: any',
            }),
            maxKeyLifetimeDays: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
              default: null,
              description: 'The same for certificates',
            }),
          },
          filled,
        ),
      },
      filled,
    ),
    smtp: Type.Object(
      {
        fault: Type.Enum([...FAULTS_SMTP], {
          default: 'none',
          description: 'How the server fails',
        }),
        delayMs: Type.Integer({ minimum: 0, description: 'Before every reply', default: 0 }),
        certificate: Type.Enum([...CERTIFICATES], {
          default: 'valid',
          description: 'What the server shows',
        }),
        offerStarttls: Type.Boolean({ default: true, description: 'false: EHLO lacks STARTTLS' }),
        authMechanisms: Type.Array(Type.String(), {
          description: 'LOGIN, XOAUTH2',
          default: ['LOGIN', 'XOAUTH2'],
        }),
        messageId: Type.Enum(['keep', 'replace'], {
          description: 'The id in the 250 reply',
          default: 'keep',
        }),
        forcedReplies: Type.Record(Type.String(), Type.String({ description: 'The whole reply' }), {
          description:
            'Verbatim reply instead of the model’s, by step: greeting, ehlo, starttls, auth, mail, rcpt, data',
          default: {},
        }),
      },
      filled,
    ),
    clockOffsetMs: Type.Integer({
      description: 'The tenant’s clock runs ahead (behind: negative)',
      default: 0,
    }),
  },
  closed,
)

export type CertificateModel = Static<typeof CertificateModel>
export type ClientSecretModel = Static<typeof ClientSecretModel>
export type ApplicationModel = Static<typeof ApplicationModel>
export type MailboxModel = Static<typeof MailboxModel>
export type TenantModel = Static<typeof TenantModel>

/** An entry of one of the maps by its own name only, in any case: ids and addresses ignore it. */
export function findEntry<Entry>(
  map: Readonly<Record<string, Entry>>,
  name: string,
): Entry | undefined {
  if (Object.hasOwn(map, name)) return map[name]
  const lower = name.toLowerCase()
  return Object.hasOwn(map, lower) ? map[lower] : undefined
}
