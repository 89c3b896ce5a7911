import { type Agent, createAgent } from '../../src/agent.ts'
import { type Config, loadConfig } from '../../src/config/index.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/platform/secret.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { type Call, createCall } from './api.ts'
import { farSchedule } from './far-schedule.ts'
import { type TemporaryFolder, temporaryFolder } from './folder.ts'
import { captureLog, type LogCapture } from './log.ts'
import type { MovableClock } from './movable-clock.ts'

export const ADMIN_TOKEN = 'test-admin-token-0123456789'

export type { Answer } from './api.ts'

export interface TestAgent extends AsyncDisposable {
  readonly agent: Agent
  readonly tenant: SandboxTenant
  readonly url: string
  readonly dataDir: string
  readonly logs: LogCapture
  readonly call: Call
  /** A profile that works against the tenant; parts may be replaced. */
  profile(more?: Record<string, unknown>): Record<string, unknown>
}

export interface TestAgentOptions {
  tenant?: SandboxTenant
  folder?: TemporaryFolder
  clock?: Clock & Partial<Pick<MovableClock, 'monotonicMs'>>
  config?: Partial<Config>
}

/** The whole agent in this process, against a simulated tenant of its own unless one is given. */
export async function startAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  const { clock = systemClock } = options
  const { monotonicMs } = options.clock ?? {}
  await using opened = new AsyncDisposableStack()
  const folder = options.folder ?? opened.use(temporaryFolder())
  const tenant = options.tenant ?? opened.use(await startSandboxTenant({ clock: systemClock }))
  // The end that a profile states counts here; Graph would tell another one a minute later.
  tenant.tenant.patch({ apps: { [tenant.clientId]: { graphRoles: [] } } })
  const logs = captureLog()
  const config: Config = {
    ...loadConfig({
      env: {
        POSTERN_HTTP_PORT: '0',
        POSTERN_RELAY_PORT: '0',
        POSTERN_DATA_DIR: folder.path,
        POSTERN_VERIFICATION_SCHEDULE: farSchedule(),
      },
      isTerminal: false,
    }),
    adminToken: new Secret(ADMIN_TOKEN),
    allowCustomCloud: true,
    extraCaPem: tenant.caPem,
    ...options.config,
  }
  const agent = opened.use(
    await createAgent(config, {
      clock,
      log: logs.log,
      version: '0.0.0-test',
      ...(monotonicMs && { monotonicMs }),
    }),
  )
  const url = await agent.start()
  const held = opened.move()

  return {
    agent,
    tenant,
    url,
    dataDir: folder.path,
    logs,
    call: createCall({ url, token: ADMIN_TOKEN }),
    profile: (more = {}) => ({ ...profileFor(tenant), ...more }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export function profileFor(tenant: SandboxTenant): Record<string, unknown> {
  return {
    id: 'default',
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: tenant.mailbox,
    subjectPrefix: '[Process] ',
    errorEmailAddress: 'it@contoso.com',
    server: { host: tenant.smtp.host, port: tenant.smtp.port, security: 'starttls' },
    authentication: {
      type: 'exchangeOnline',
      cloud: 'custom',
      authority: tenant.authority,
      scope: tenant.exchangeScope,
      graphUrl: tenant.graphUrl,
      tenantId: tenant.tenantId,
      clientId: tenant.clientId,
      credential: { type: 'clientSecret', value: tenant.clientSecret, expiresAt: '2027-05-01' },
    },
  }
}
