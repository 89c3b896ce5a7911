import { hostname } from 'node:os'
import { createAccess, type FirstAdminToken, prepareAdminToken } from './access/index.ts'
import { readiness } from './agent/readiness.ts'
import { registerApi } from './agent/register-api.ts'
import { createAlertRules, createAlerts } from './alerts/index.ts'
import type { Config } from './config/index.ts'
import {
  createCredentialRenewal,
  createCredentialStaging,
  createExpiryWatch,
  createGraphExpiry,
} from './credentials/index.ts'
import { createEntraTransport, createGraphClient, createTokenSource } from './entra/index.ts'
import { closeHttpServer, createHttpServer, listen } from './http/index.ts'
import {
  createNotifier,
  createOutbox,
  createOutboxMailer,
  createOutboxRetention,
  openThreadedStore,
} from './outbox/index.ts'
import { type Clock, SECOND_MS } from './platform/clock.ts'
import { PosternError } from './platform/errors.ts'
import { createEventBus } from './platform/events.ts'
import type { Logger } from './platform/logger.ts'
import { createTrust } from './platform/trust.ts'
import { createProfiles } from './profiles/index.ts'
import { createProvisioning } from './provisioning/index.ts'
import { createRelay, createRelayClients, type Relay } from './relay/index.ts'
import { createSetupGuide } from './setup/index.ts'
import { createMailboxSlots, createSmtpClient, createSmtpSessions } from './smtp/index.ts'
import { createMetrics, createStatusBoard, type StatusEvents } from './status/index.ts'
import { openStorage } from './storage/index.ts'
import {
  createCredentialProof,
  createTestEmail,
  createTestEmailOutcomes,
  createVerification,
  limitPerMailbox,
} from './verification/index.ts'

export interface Agent extends AsyncDisposable {
  /** Made on the very first start; null afterwards, and when one is preset. */
  readonly firstAdminToken: FirstAdminToken | null
  readonly relay: Pick<Relay, 'address' | 'problem'>
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
  const smtpDeps = {
    trust,
    clock,
    log: part('smtp'),
    hostname: hostname(),
    timeouts: config.outgoing.smtpTimeouts,
    proxy: config.proxy.smtp,
  }
  const slots = createMailboxSlots()
  const smtp = limitPerMailbox(createSmtpClient(smtpDeps), { slots })
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
  const outboxStore = opened.use(await openThreadedStore({ storage, log: part('outbox') }))
  const outbox = opened.use(
    createOutbox({
      store: outboxStore,
      sessions: createSmtpSessions(smtpDeps),
      slots,
      profiles,
      tokens,
      evidence,
      proofOf: (profileId: string) => verification.healthOf(profileId),
      storage,
      clock,
      log: part('outbox'),
      events,
      ...(monotonicMs && { monotonicMs }),
    }),
  )
  const notifier = opened.use(
    createNotifier({
      store: outboxStore,
      profiles,
      clock,
      log: part('outbox'),
      events,
      publicUrl: config.http.publicUrl,
      version,
      hostname: hostname(),
    }),
  )
  const retention = opened.use(
    createOutboxRetention({
      store: outboxStore,
      clock,
      log: part('outbox'),
      config: config.outbox,
    }),
  )
  const clients = opened.use(
    await createRelayClients({
      storage,
      profiles,
      audit: access.audit,
      clock,
      log: part('relay'),
    }),
  )
  const alerts = opened.use(
    await createAlerts({
      outbox,
      storage,
      profiles,
      verification,
      audit: access.audit,
      clock,
      log: part('alerts'),
      events,
      mailer: createOutboxMailer({ outbox, profiles, source: 'alert' }),
      publicUrl: config.http.publicUrl,
      version,
      config: config.alerts,
    }),
  )
  const rules = opened.use(
    createAlertRules({
      alerts,
      outbox,
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
      isLoginAccepted: (profileId) => verification.healthOf(profileId).state === 'ok',
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
  const relay = opened.use(
    createRelay({
      outbox,
      profiles,
      clients,
      clock,
      log: part('relay'),
      events,
      config: config.relay,
      dataDir: config.dataDir,
      hostname: config.relay.name ?? hostname(),
    }),
  )
  const board = createStatusBoard({
    profiles,
    verification,
    testEmails,
    alerts,
    outbox,
    relay,
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
    profiles,
    clock,
    mailer: createOutboxMailer({ outbox, profiles, source: 'test' }),
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
  registerApi(
    http,
    {
      ready: () => readiness(listening, storage),
      metrics,
      isPublic: config.metricsPublic,
      board,
      profiles,
      staging,
      renewal,
      graphExpiry,
      verification,
      testEmail,
      setup,
      outbox,
      clients,
      alerts,
      provisioning,
      tokens: access.tokens,
      audit: access.audit,
      clock,
      stop: stop.signal,
      limitBytes: config.messages.maxBytes,
    },
    { version, publicUrl: config.http.publicUrl },
  )

  const firstAdminToken = await prepareAdminToken(access.tokens, config)
  const held = opened.move()
  return {
    firstAdminToken,
    relay,
    async start() {
      await provisioning.start()
      await rules.start()
      // First of all that others notice: an agent that cannot listen must not have sent a mail.
      const url = await listen(http, config.http)
      outbox.start()
      notifier.start()
      retention.start()
      await relay.start()
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
      await outbox.idle()
      await notifier.idle()
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
