import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Failure, TransportFailure } from '../../../src/diagnosis/index.ts'
import {
  type AcquireOptions,
  CLOUDS,
  type TokenClaims,
  type TokenOutcome,
  type TokenRequest,
  type TokenSource,
} from '../../../src/entra/index.ts'
import { PosternError } from '../../../src/platform/errors.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { EXCHANGE_ONLINE_LIMITS } from '../../../src/profiles/delivery-limits.ts'
import type {
  Authentication,
  ExchangeOnlineAuthentication,
  Profile,
  ProfileEvents,
  Profiles,
} from '../../../src/profiles/index.ts'
import type { SmtpClient, SmtpProbe, SmtpProbeStep } from '../../../src/smtp/index.ts'
import { openStorage } from '../../../src/storage/index.ts'
import {
  createTestEmailOutcomes,
  createVerification,
  type VerificationConfig,
  type VerificationEvents,
} from '../../../src/verification/index.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'

export const SECRET = 'q7G8Q~the-secret-of-the-profile-0123456789'
export const TOKEN = 'header.the-access-token.signature'
export const OBJECT_ID = '91b7d0e3-6a5c-4f18-b42e-c8d3f6079a15'
const actor = { type: 'agent', id: null, name: 'test', address: null } as const

export const exchangeOnline: ExchangeOnlineAuthentication = {
  type: 'exchangeOnline',
  cloudId: 'worldwide',
  cloud: CLOUDS.worldwide,
  tenantId: '7c9a4e52-1b0f-4d36-9f2e-5a8d3c61e047',
  clientId: 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354',
  username: null,
  applicationRbac: false,
}

export function profileOf(id: string, change: Partial<Profile> = {}): Profile {
  const authentication: Authentication = change.authentication ?? exchangeOnline
  const type = authentication.type === 'basic' ? 'password' : 'clientSecret'
  return {
    id,
    version: 1,
    managed: false,
    createdAt: FAKE_NOW - 86_400_000,
    updatedAt: FAKE_NOW - 86_400_000,
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: 'alerts@contoso.com',
    subjectPrefix: '[Process] ',
    errorEmailAddress: null,
    server: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
    authentication,
    delivery: EXCHANGE_ONLINE_LIMITS,
    deliverySettings: {},
    credential:
      authentication.type === 'none'
        ? null
        : {
            id: `credential-${id}`,
            type,
            hint: 'q7G',
            expiresAt: null,
            expirySource: 'none',
            createdAt: FAKE_NOW - 86_400_000,
            readable: true,
          },
    warnings: [],
    ...change,
  }
}

const CLAIMS: TokenClaims = {
  aud: 'https://outlook.office365.com',
  roles: ['SMTP.SendAsApp'],
  oid: OBJECT_ID,
  appid: exchangeOnline.clientId,
  tid: exchangeOnline.tenantId,
}

/** A token as Entra gives it; `change` are other claims. */
export function token(change: Partial<TokenClaims> = {}, fromCache = false, ageMs = 0) {
  return {
    ok: true,
    value: {
      value: new Secret(TOKEN),
      obtainedAt: FAKE_NOW - ageMs,
      expiresAt: FAKE_NOW + 3_600_000,
      claims: { ...CLAIMS, ...change },
    },
    trace: {
      fromCache,
      requestMs: fromCache ? 0 : 42,
      connection: { reused: false, address: '203.0.113.7', tlsProtocol: 'TLSv1.3', proxied: false },
    },
  } satisfies TokenOutcome
}

export function noToken(failure: Failure): TokenOutcome {
  return { ok: false, failure, trace: { fromCache: false, requestMs: 42, connection: null } }
}

export function entraFailure(code: number, description: string, status = 401): Failure {
  return {
    source: 'entra',
    status,
    error: 'invalid_client',
    codes: [code],
    description: `AADSTS${code}: ${description}`,
    traceId: null,
    correlationId: null,
    timestamp: null,
    policyIds: [],
    retryAfterMs: null,
  }
}

export const ENTRA_NOT_RESOLVED: TransportFailure = {
  source: 'transport',
  peer: 'entra',
  phase: 'dns',
  step: 'token',
  host: 'login.microsoftonline.com',
  port: 443,
  code: 'ENOTFOUND',
  message: 'The name login.microsoftonline.com could not be resolved (ENOTFOUND).',
}

export const SMTP_REFUSED: TransportFailure = {
  source: 'transport',
  peer: 'smtp',
  phase: 'connect',
  step: 'connect',
  host: 'smtp.office365.com',
  port: 587,
  code: 'ECONNREFUSED',
  message: 'No connection to smtp.office365.com:587 (ECONNREFUSED).',
}

export function smtpReply(
  step: 'auth' | 'mail' | 'rcpt' | 'message',
  code: number,
  enhancedCode: string,
  text: string,
): Failure {
  const line = `${code} ${enhancedCode} ${text}`
  return { source: 'smtp', step, host: 'smtp.office365.com', code, enhancedCode, text: line }
}

export const TOKEN_REFUSED = smtpReply('auth', 535, '5.7.3', 'Authentication unsuccessful')

const DIALOGUE = ['connect', 'greeting', 'ehlo', 'starttls', 'ehlo', 'offer', 'auth'] as const
const DELIVERY = ['mail', 'rcpt', 'data', 'message'] as const

/** A dialogue that ends well, or at `at` with `failure`. */
export function probe(
  options: { at?: SmtpProbeStep['step']; failure?: Failure; withMessage?: boolean } = {},
): SmtpProbe {
  const { at, failure, withMessage = false } = options
  const all: readonly SmtpProbeStep['step'][] = withMessage ? [...DIALOGUE, ...DELIVERY] : DIALOGUE
  const end = at === undefined ? all.length : all.indexOf(at) + 1
  const steps = all.slice(0, end).map((step) => ({
    step,
    ok: step !== at,
    durationMs: 5,
    evidence: `seen at ${step}`,
  }))
  const receipt = {
    reply: '250 2.0.0 OK <m@contoso.com> [Hostname=X.PROD.OUTLOOK.COM]',
    messageId: '<m@contoso.com>',
    serverMessageId: '<m@contoso.com>',
    recipients: ['it@contoso.com'],
  }
  return {
    steps,
    failure: failure ?? null,
    certificate: null,
    tlsProtocol: 'TLSv1.3',
    capabilities: [],
    greeting: '220 ready',
    receipt: withMessage && failure === undefined ? receipt : null,
  }
}

export interface FakeTokens extends TokenSource {
  readonly asked: { request: TokenRequest; options: AcquireOptions }[]
  readonly dropped: string[]
  /** Answers by script; without one, every call gets a good token. */
  script: ((call: number) => TokenOutcome | Promise<TokenOutcome>) | undefined
}

function createFakeTokens(): FakeTokens {
  const fake: FakeTokens = {
    asked: [],
    dropped: [],
    script: undefined,
    async acquire(request, options = {}) {
      options.signal?.throwIfAborted()
      fake.asked.push({ request, options })
      return (await fake.script?.(fake.asked.length)) ?? token()
    },
    drop(tenantId, clientId) {
      fake.dropped.push(`${tenantId} ${clientId}`)
    },
  }
  return fake
}

type ProbeOptions = Parameters<SmtpClient['probe']>[0]

export interface FakeSmtp extends SmtpClient {
  readonly probed: ProbeOptions[]
  underWay: number
  mostUnderWay: number
  script: ((call: number, options: ProbeOptions) => SmtpProbe | Promise<SmtpProbe>) | undefined
}

function createFakeSmtp(): FakeSmtp {
  const fake: FakeSmtp = {
    probed: [],
    underWay: 0,
    mostUnderWay: 0,
    script: undefined,
    async probe(options) {
      fake.probed.push(options)
      fake.underWay++
      fake.mostUnderWay = Math.max(fake.mostUnderWay, fake.underWay)
      try {
        const withMessage = options.message !== undefined
        return (await fake.script?.(fake.probed.length, options)) ?? probe({ withMessage })
      } finally {
        fake.underWay--
      }
    },
  }
  return fake
}

/** The store of profiles in memory, with a row for each in the database. */
export interface FakeProfiles extends Profiles {
  put(profile: Profile): Promise<void>
  drop(id: string): Promise<void>
  readonly ended: string[]
  readonly alive: string[]
  secret: Secret | undefined | PosternError
}

const DEFAULTS: VerificationConfig = {
  schedule: '*/15 * * * *',
  concurrency: 4,
  timeoutMs: 60_000,
  retentionDays: 30,
  reportsPerProfile: 100,
}

/** A verification over scripted tokens and servers, on real storage and a fake clock. */
export async function startBench(
  options: { profiles?: readonly Profile[]; config?: Partial<VerificationConfig> } = {},
) {
  await using opened = new AsyncDisposableStack()
  const lines: string[] = []
  const log = createLogger({
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  })
  const clock = createFakeClock()
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-verification-'))
  opened.defer(() => rm(dataDir, { recursive: true }))
  const storage = opened.use(await openStorage({ dataDir, role: 'agent', clock, log }))
  const events = createEventBus<VerificationEvents & ProfileEvents>({ log })
  const tokens = createFakeTokens()
  const smtp = createFakeSmtp()
  const known = new Map<string, Profile>()
  const unused = () => Promise.reject(new Error('not used here'))

  const profiles: FakeProfiles = {
    ended: [],
    alive: [],
    secret: new Secret(SECRET),
    list: () => [...known.values()],
    find: (id) => known.get(id),
    get(id) {
      const profile = known.get(id)
      if (profile !== undefined) return profile
      throw new PosternError(`There is no profile ${id}.`, {
        kind: 'not_found',
        code: 'profile_not_found',
      })
    },
    async openCredential({ id }) {
      const { secret } = profiles
      if (secret instanceof PosternError) throw secret
      const credential = profiles.find(id)?.credential
      const type = credential?.type === 'password' ? 'password' : 'clientSecret'
      return secret && { credentialId: credential?.id ?? '', type, value: secret }
    },
    credentials: () => [],
    stageCredential: unused,
    activateStaged: unused,
    discardStaged: unused,
    dropFallback: unused,
    useFallback: unused,
    recordFallbackRefused: unused,
    async recordEnded(profileId, credentialId, at) {
      profiles.ended.push(credentialId)
      const profile = profiles.get(profileId)
      if (profile.credential === null) return
      const credential = { ...profile.credential, expiresAt: at, expirySource: 'proven' } as const
      known.set(profileId, { ...profile, credential })
    },
    async recordAlive(profileId, credentialId) {
      profiles.alive.push(credentialId)
      const profile = profiles.get(profileId)
      if (profile.credential === null) return
      const credential = { ...profile.credential, expiresAt: null, expirySource: 'none' } as const
      known.set(profileId, { ...profile, credential })
    },
    recordGraphExpiry: unused,
    async put(profile) {
      const row = { settings: '{}', version: 1, managed: 0, created_at: 0, updated_at: 0 }
      await storage.db
        .insertInto('profile')
        .values({ id: profile.id, ...row })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
      known.set(profile.id, profile)
    },
    async drop(id) {
      const profile = profiles.get(id)
      await storage.db.deleteFrom('profile').where('id', '=', id).execute()
      known.delete(id)
      events.emit('profile.removed', { profile, actor })
    },
    create: unused,
    replace: unused,
    remove: unused,
    applyDesired: unused,
    planDesired: unused,
  }
  for (const profile of options.profiles ?? [profileOf('default')]) await profiles.put(profile)

  const news: { [Name in keyof VerificationEvents]: VerificationEvents[Name][] } = {
    'verification.completed': [],
    'health.changed': [],
    'network.failing': [],
    'network.recovered': [],
    'message.delivered': [],
    'test_email.ended': [],
  }
  events.on(
    'verification.completed',
    (payload) => void news['verification.completed'].push(payload),
  )
  events.on('health.changed', (payload) => void news['health.changed'].push(payload))
  events.on('network.failing', (payload) => void news['network.failing'].push(payload))
  events.on('network.recovered', (payload) => void news['network.recovered'].push(payload))
  events.on('message.delivered', (payload) => void news['message.delivered'].push(payload))

  const config = { ...DEFAULTS, ...options.config }
  const outcomes = opened.use(await createTestEmailOutcomes({ storage, log, events }))
  const deps = { outcomes, profiles, tokens, smtp, storage, clock, log, events, config }
  const identity = { version: '1.2.3', hostname: 'gate.example' }
  const start = (other: { smtp?: SmtpClient } = {}) =>
    createVerification({ ...deps, ...identity, ...other })
  const verification = opened.use(await start())
  const resources = opened.move()

  return {
    ...deps,
    ...identity,
    verification,
    proofOf: (profileId: string) => verification.healthOf(profileId),
    news,
    lines,
    /** Another one on the same stored state, as after a restart. */
    start,
    save(profile: Profile, previous: Profile | undefined, connectionChanged = true) {
      const secretChanged = false
      const facts = { profile, connectionChanged, secretChanged, actor }
      if (previous === undefined) events.emit('profile.created', { profile, actor })
      else events.emit('profile.changed', { ...facts, previous })
      events.emit('profile.saved', { profile, changed: true })
    },
    saveUnchanged(profile: Profile) {
      events.emit('profile.saved', { profile, changed: false })
    },
    /** What the agent itself learned about a profile: nobody saved it. */
    learn(profile: Profile, previous: Profile) {
      const nothing = { connectionChanged: false, secretChanged: false }
      events.emit('profile.changed', { profile, previous, ...nothing, actor })
    },
    reportRows: () => storage.db.selectFrom('report').selectAll().orderBy('started_at').execute(),
    healthRows: () => storage.db.selectFrom('profile_health').selectAll().execute(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** The same profile, whose secret another master key has sealed. */
export function unreadable(profile: Profile): Profile {
  const { credential } = profile
  return { ...profile, credential: credential && { ...credential, readable: false } }
}

export const SECRET_UNREADABLE = new PosternError('The stored secret cannot be opened.', {
  kind: 'internal',
  code: 'secret_unreadable',
})

/** What is left of a profile whose row is damaged. */
export function damaged(change: Partial<Profile> = {}): Profile {
  const server = { host: '', port: 587, security: 'starttls' } as const
  return profileOf('default', { server, authentication: { type: 'none' }, ...change })
}

/** A gate for scripts: whoever comes waits until it is opened. */
export function createLatch() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { passed: promise, open: () => resolve() }
}

/** Resolves when the condition holds after some turns of the event loop; fails when it never does. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (condition()) return
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  throw new Error('the condition never held')
}
