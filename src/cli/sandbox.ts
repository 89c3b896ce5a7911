import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { INITIAL_TOKEN_FILE } from '../access/index.ts'
import { createAgent } from '../agent.ts'
import { type Config, loadConfig } from '../config/index.ts'
import { type Clock, SECOND_MS } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import { Secret } from '../platform/secret.ts'
import { productVersion } from '../platform/version.ts'
import { type Rehearsal, type SandboxTenant, startSandboxTenant } from '../sandbox/index.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'
import { openLog } from './log.ts'
import { createApiClient } from './sandbox/api-client.ts'
import type { SandboxFacts } from './sandbox/facts.ts'
import { createNarrator, type Narrator } from './sandbox/narrator.ts'
import { SANDBOX_PROFILE_ID } from './sandbox/profile.ts'
import {
  chooseRehearsal,
  readRehearsals,
  rehearsalsForJson,
  renderRehearsals,
} from './sandbox/rehearsal-list.ts'
import { rehearse, tellOutcome, tellPlan } from './sandbox/rehearse.ts'
import type { RelayLogin } from './sandbox/relay-tour.ts'
import { showMainJob } from './sandbox/tour.ts'
import { untilAborted } from './until-aborted.ts'

export const run: RunCommand = async (context, args) => {
  const { stdout, clock, signal } = context
  const asJson = args.flag('json')
  const wish = await readWish(clock, args)
  if (wish.list !== undefined) {
    const { list } = wish
    stdout.write(asJson ? `${JSON.stringify(rehearsalsForJson(list))}\n` : renderRehearsals(list))
    return EXIT_OK
  }
  await using closers = new AsyncDisposableStack()
  const narrator = createNarrator(asJson ? null : stdout)
  const { rehearsal } = wish
  const config = await sandboxConfig(context, closers, rehearsal !== undefined)
  const log = await sandboxLog(config, context)

  narrator.heading('A simulated Microsoft 365 tenant and a Postern agent, on this machine only.')
  const tenant = closers.use(await startSandboxTenant({ clock, log }))
  narrator.done('Simulated tenant started', tenant.authority)

  const agent = closers.use(
    await createAgent(
      { ...config, extraCaPem: tenant.caPem, allowCustomCloud: true },
      { clock, log, version: productVersion() },
    ),
  )
  const adminToken = agent.firstAdminToken?.token ?? config.adminToken ?? keptAdminToken(config)
  const url = await agent.start()
  narrator.done('Agent started', url)
  const relay = { address: agent.relay.address(), problem: agent.relay.problem() }
  let login: RelayLogin | null = null
  if (adminToken === undefined) {
    narrator.note(
      `The data folder ${config.dataDir} has its tokens already: name one of them in POSTERN_ADMIN_TOKEN to see the tour.`,
    )
  } else {
    const api = createApiClient({ url, token: adminToken, signal })
    const tour = showMainJob({ api, tenant, relay, narrator, signal })
    login = (await untilStopped(tour, signal)) ?? null
  }

  if (signal.aborted) return goodbye(narrator)
  const facts = sandboxFacts({
    url,
    adminToken: adminToken?.reveal() ?? null,
    relay: relay.address,
    tenant,
    config,
  })
  // First of all lines: other programs wait for it.
  if (asJson) stdout.write(`${JSON.stringify(facts)}\n`)
  if (rehearsal !== undefined && adminToken !== undefined) {
    const api = createApiClient({ url, token: adminToken, signal })
    const work = async () => {
      tellPlan(rehearsal, narrator)
      const outcome = await rehearse({ api, tenant, clock, signal }, rehearsal)
      if (asJson) stdout.write(`${JSON.stringify({ rehearsal: outcome })}\n`)
      const { controlUrl } = tenant
      tellOutcome(outcome, { narrator, controlUrl })
    }
    await untilStopped(work(), signal)
  }
  if (signal.aborted) return goodbye(narrator)
  if (!asJson) narrator.facts(facts, { profileId: SANDBOX_PROFILE_ID, login })

  await untilAborted(signal)
  return goodbye(narrator)
}

/** What was asked for: the list, a failure, or neither. */
async function readWish(
  clock: Clock,
  args: Arguments,
): Promise<{ list?: readonly Rehearsal[]; rehearsal?: Rehearsal }> {
  const code = args.text('rehearse')
  const wantsList = args.flag('rehearsals')
  if (code === undefined && !wantsList) return {}
  if (code !== undefined && wantsList) {
    throw new PosternError(
      'sandbox: --rehearsals lists, --rehearse CODE starts: name only one of them.',
      { kind: 'invalid', code: 'usage' },
    )
  }
  const list = await readRehearsals(clock)
  return code === undefined ? { list } : { rehearsal: chooseRehearsal(list, code) }
}

function goodbye(narrator: Narrator): number {
  narrator.heading('Stopping.')
  return EXIT_OK
}

/** Ctrl-C ends the tour like everything else: that is no failure. */
async function untilStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!signal.aborted) throw error
    return undefined
  }
}

/** The first token of an earlier run on the same data folder. */
function keptAdminToken({ dataDir }: Config): Secret | undefined {
  try {
    return new Secret(readFileSync(join(dataDir, INITIAL_TOKEN_FILE), 'utf8').trim())
  } catch {
    return undefined
  }
}

/** On this machine an answer comes at once, or never: who rehearses a failure need not wait for it. */
const IMPATIENT: Config['outgoing'] = {
  httpsTimeoutMs: 3 * SECOND_MS,
  smtpTimeouts: {
    connectMs: 3 * SECOND_MS,
    greetingMs: 3 * SECOND_MS,
    commandMs: 3 * SECOND_MS,
    dataMs: 3 * SECOND_MS,
  },
}

/** The process settings; other ports when the usual ones are taken, and a temporary data folder unless one is named. */
async function sandboxConfig(
  { env }: CliContext,
  closers: AsyncDisposableStack,
  isRehearsal: boolean,
): Promise<Config> {
  let config = loadConfig({
    env: {
      ...env,
      POSTERN_LOG_LEVEL: env['POSTERN_LOG_LEVEL'] || 'error',
    },
    isTerminal: true,
  })
  if (isRehearsal) config = { ...config, outgoing: IMPATIENT }
  if (!env['POSTERN_HTTP_PORT'] && !(await isFree(config.http))) {
    config = { ...config, http: { ...config.http, port: 0 } }
  }
  const { host, port } = config.relay
  if (!env['POSTERN_RELAY_PORT'] && port !== null && !(await isFree({ host, port }))) {
    config = { ...config, relay: { ...config.relay, port: 0 } }
  }
  if (env['POSTERN_DATA_DIR']) return config
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-sandbox-'))
  closers.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  return { ...config, dataDir }
}

function isFree({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host, port }, () => probe.close(() => resolve(true)))
  })
}

/** The terminal belongs to the story, so the log goes to standard error. */
async function sandboxLog(config: Config, { stderr }: CliContext): Promise<Logger> {
  if (config.log.level === 'silent') return createLogger({ level: 'silent', destination: stderr })
  return openLog(config.log, stderr)
}

function sandboxFacts(known: {
  url: string
  adminToken: string | null
  relay: SandboxFacts['relay']
  tenant: SandboxTenant
  config: Config
}): SandboxFacts {
  const { url, adminToken, relay, tenant, config } = known
  const caFile = join(config.dataDir, 'sandbox-ca.pem')
  writeFileSync(caFile, tenant.caPem)
  return {
    url,
    adminToken,
    controlUrl: tenant.controlUrl,
    smtp: tenant.smtp,
    authority: tenant.authority,
    graphUrl: tenant.graphUrl,
    caFile,
    tenantId: tenant.tenantId,
    clientId: tenant.clientId,
    clientSecret: tenant.clientSecret,
    mailbox: tenant.mailbox,
    relay,
  }
}
