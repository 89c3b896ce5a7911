import { hostname } from 'node:os'
import { join } from 'node:path'
import { ACCESS_TAG, accessRoutes, createAccess, type Tokens } from './access/index.ts'
import { ALERTS_TAG, alertRoutes, createAlertRules, createAlerts } from './alerts/index.ts'
import type { Config } from './config/index.ts'
import {
  CREDENTIALS_TAG,
  createCredentialRenewal,
  createCredentialStaging,
  createExpiryWatch,
  createGraphExpiry,
  credentialRoutes,
} from './credentials/index.ts'
import { createEntraTransport, createGraphClient, createTokenSource } from './entra/index.ts'
import {
  closeHttpServer,
  createHttpServer,
  HEALTH_TAG,
  type HttpServer,
  healthRoutes,
  type Readiness,
  registerOpenApi,
} from './http/index.ts'
import { type Clock, SECOND_MS } from './platform/clock.ts'
import { codeOf, messageOf, PosternError } from './platform/errors.ts'
import { createEventBus } from './platform/events.ts'
import type { Logger } from './platform/logger.ts'
import { Secret } from './platform/secret.ts'
import { createTrust } from './platform/trust.ts'
import { createProfiles, PROFILES_TAG, profileRoutes } from './profiles/index.ts'
import { createProvisioning, SYNC_TAG, syncRoutes } from './provisioning/index.ts'
import { createSetupGuide, SETUP_TAG, setupRoutes } from './setup/index.ts'
import { createSmtpClient } from './smtp/index.ts'
import {
  createMetrics,
  createStatusBoard,
  metricsRoutes,
  STATUS_TAG,
  type StatusEvents,
  statusRoutes,
} from './status/index.ts'
import { openStorage, type Storage, writePrivateFile } from './storage/index.ts'
import {
  createCredentialProof,
  createProfileMailer,
  createTestEmail,
  createTestEmailOutcomes,
  createVerification,
  limitPerMailbox,
  VERIFICATION_TAG,
  verificationRoutes,
} from './verification/index.ts'

export interface Agent extends AsyncDisposable {
  /** Made on the very first start; null afterwards, and when one is preset. */
  readonly firstAdminToken: { readonly token: Secret; readonly file: string } | null
  /** Starts the schedules and listens; resolves with the address of the API. */
  start(): Promise<string>
  /** Resolves when nothing that an event has caused is under way. */
  idle(): Promise<void>
}

export interface AgentSurroundings {
  readonly clock: Clock
  readonly log: Logger
  readonly version: string
  /** Milliseconds that never jump; the process' own unless tests move time. */
  readonly monotonicMs?: () => number
}

export const INITIAL_TOKEN_FILE = 'initial-admin-token'
const CLOSE_GRACE_MS = 10 * SECOND_MS

/** Builds every part in one straight line and starts nothing. What is opened is closed by disposing the agent. */
export async function createAgent(config: Config, around: AgentSurroundings): Promise<Agent> {
  const { clock, version, monotonicMs } = around
  const log = around.log
  const part = (component: string) => log.child({ component })
  await using opened = new AsyncDisposableStack()

  const events = createEventBus<StatusEvents>({ log: part('events') })
  const storage = opened.use(
    await openStorage({
      dataDir: config.dataDir,
      masterKey: config.masterKey,
      role: 'agent',
      clock,
      log: part('storage'),
    }),
  )
  const access = opened.use(createAccess({ storage, clock, log: part('access') }))
  const trust = createTrust({ extraCaPem: config.extraCaPem })
  const transport = opened.use(
    createEntraTransport({
      trust,
      clock,
      httpsProxy: config.proxy.https,
      noProxy: config.proxy.noProxy,
      timeoutMs: config.outgoing.httpsTimeoutMs,
    }),
  )
  const tokens = createTokenSource({
    transport,
    clock,
    log: part('entra'),
    ...(monotonicMs && { monotonicMs }),
  })
  const smtp = limitPerMailbox(
    createSmtpClient({
      trust,
      clock,
      log: part('smtp'),
      hostname: hostname(),
      timeouts: config.outgoing.smtpTimeouts,
      proxy: config.proxy.smtp,
    }),
  )
  const profiles = await createProfiles({
    storage,
    audit: access.audit,
    clock,
    log: part('profiles'),
    events,
    allowCustomCloud: config.allowCustomCloud,
    settingsFile: config.settingsFile,
  })
  const graph = createGraphClient({ transport, tokens, clock, log: part('graph') })
  const graphExpiry = opened.use(
    createGraphExpiry({ profiles, graph, clock, log: part('credentials'), events }),
  )
  const { evidence } = graphExpiry
  const verification = opened.use(
    await createVerification({
      profiles,
      evidence,
      tokens,
      smtp,
      storage,
      clock,
      log: part('verification'),
      events,
      config: config.verification,
      version,
      hostname: hostname(),
    }),
  )
  const testEmails = opened.use(
    await createTestEmailOutcomes({ storage, log: part('verification'), events }),
  )
  const mailDeps = {
    profiles,
    evidence,
    tokens,
    smtp,
    clock,
    events,
    proofOf: (profileId: string) => verification.healthOf(profileId),
  }
  const alerts = opened.use(
    await createAlerts({
      storage,
      profiles,
      verification,
      audit: access.audit,
      clock,
      log: part('alerts'),
      events,
      mailer: createProfileMailer(mailDeps),
      publicUrl: config.http.publicUrl,
      version,
      config: config.alerts,
    }),
  )
  const rules = opened.use(
    createAlertRules({
      alerts,
      profiles,
      verification,
      clock,
      events,
      usesSettingsFile: config.settingsFile !== undefined,
    }),
  )
  const staging = opened.use(
    createCredentialStaging({
      profiles,
      proof: createCredentialProof({
        ...mailDeps,
        timeoutMs: config.verification.timeoutMs,
        version,
        hostname: hostname(),
      }),
      clock,
      log: part('credentials'),
      events,
    }),
  )
  const renewal = opened.use(
    createCredentialRenewal({
      profiles,
      staging,
      graph,
      storage,
      audit: access.audit,
      clock,
      log: part('credentials'),
      events,
      allowCustomCloud: config.allowCustomCloud,
    }),
  )
  const expiry = opened.use(
    createExpiryWatch({ profiles, storage, clock, log: part('credentials'), events }),
  )
  const provisioning = opened.use(
    createProvisioning({
      file: config.settingsFile,
      profiles,
      storage,
      clock,
      log: part('provisioning'),
      events,
    }),
  )
  const board = createStatusBoard({
    profiles,
    verification,
    testEmails,
    alerts,
    syncProblems: () => provisioning.status().problems,
    events,
    clock,
    version,
  })
  const metrics = createMetrics({ board, events, version })
  const setup = createSetupGuide({ profiles, verification, testEmails, clock })
  /** Ends what a caller still waits for when the grace of a stop is over. */
  const stop = new AbortController()
  const testEmail = createTestEmail({
    ...mailDeps,
    outcomes: testEmails,
    version,
    hostname: hostname(),
    stop: stop.signal,
  })

  let listening = false
  const http = createHttpServer({
    log: part('http'),
    authenticate: (authorization, address) =>
      access.authenticator.authenticate(authorization, address),
  })
  opened.defer(async () => {
    const closed = new AbortController()
    const overdue = clock.sleep(CLOSE_GRACE_MS, closed.signal).then(
      () => stop.abort(stopped()),
      () => undefined,
    )
    // Together: whoever waits for a verification gets an answer from its end, not silence until the grace is over.
    await Promise.all([
      closeHttpServer(http, { graceMs: CLOSE_GRACE_MS, clock }),
      verification[Symbol.asyncDispose](),
    ])
    closed.abort()
    await overdue
  })
  registerOpenApi(http, {
    version,
    publicUrl: config.http.publicUrl ?? undefined,
    tags: [
      HEALTH_TAG,
      STATUS_TAG,
      PROFILES_TAG,
      CREDENTIALS_TAG,
      VERIFICATION_TAG,
      SETUP_TAG,
      ALERTS_TAG,
      SYNC_TAG,
      ACCESS_TAG,
    ],
  })
  http.register(healthRoutes({ ready: () => readiness(listening, storage) }))
  http.register(metricsRoutes({ metrics, isPublic: config.metricsPublic }))
  http.register(
    // biome-ignore lint/nursery/noMisusedPromises: Fastify awaits plugins
    async (api) => {
      api.register(statusRoutes({ board }))
      api.register(profileRoutes({ profiles }))
      api.register(credentialRoutes({ profiles, staging, renewal, graphExpiry }))
      api.register(verificationRoutes({ verification, testEmail }))
      api.register(setupRoutes({ setup }))
      api.register(alertRoutes({ alerts }))
      api.register(syncRoutes({ provisioning }))
      api.register(accessRoutes({ tokens: access.tokens, audit: access.audit }))
    },
    { prefix: '/api/v1' },
  )

  const firstAdminToken = await prepareAdminToken(config, access.tokens)
  const held = opened.move()
  return {
    firstAdminToken,
    async start() {
      await provisioning.start()
      await rules.start()
      // First of all that others notice: an agent that cannot listen must not have sent a mail.
      const url = await listen(http, config.http)
      alerts.start()
      expiry.start()
      // Before the renewal: it goes on with what is staged.
      staging.start()
      renewal.start()
      graphExpiry.start()
      verification.start()
      listening = true
      log.info({ url, version, profiles: profiles.list().length }, 'listening')
      return url
    },
    async idle() {
      await events.idle()
      await verification.idle()
      await renewal.idle()
      await staging.idle()
      await events.idle()
      await renewal.idle()
      await alerts.idle()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function stopped(): PosternError {
  return new PosternError('Postern is stopping: ask again when it runs again.', {
    kind: 'unavailable',
    code: 'agent_stopping',
  })
}

/** The preset token, or on the very first start a new one, which is also kept in a file of the data folder. */
async function prepareAdminToken(
  config: Config,
  tokens: Tokens,
): Promise<Agent['firstAdminToken']> {
  if (config.adminToken !== undefined) {
    await tokens.ensurePreset(config.adminToken.reveal())
    return null
  }
  await tokens.warnOfFormerPreset()
  const file = join(config.dataDir, INITIAL_TOKEN_FILE)
  const token = await tokens.ensureFirst((made) => writePrivateFile(file, `${made}\n`))
  if (token === undefined) return null
  return { token: new Secret(token), file }
}

function readiness(listening: boolean, storage: Pick<Storage, 'check'>): Readiness {
  if (!listening) return { ready: false, problems: ['It is starting.'] }
  try {
    storage.check()
    return { ready: true, problems: [] }
  } catch (error) {
    return { ready: false, problems: [messageOf(error)] }
  }
}

async function listen(http: HttpServer, where: Config['http']): Promise<string> {
  try {
    return await http.listen({ host: where.host, port: where.port })
  } catch (cause) {
    const code = codeOf(cause)
    const why = new Map([
      ['EADDRINUSE', 'another program uses it'],
      ['EACCES', 'this user may not'],
      ['EADDRNOTAVAIL', 'this machine has no such address'],
      ['ENOTFOUND', 'there is no such name'],
      ['EAI_AGAIN', 'the name cannot be resolved'],
    ]).get(code ?? '')
    if (why === undefined) throw cause
    throw new PosternError(
      `Postern cannot listen on ${where.host}:${where.port}: ${why}. Choose another POSTERN_HTTP_PORT or POSTERN_HTTP_HOST.`,
      { kind: 'invalid', code: 'port_unavailable', cause },
    )
  }
}
