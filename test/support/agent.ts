import { type Agent, createAgent } from '../../src/agent.ts'
import { type Config, loadConfig } from '../../src/config/index.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/platform/secret.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { type TemporaryFolder, temporaryFolder } from './folder.ts'
import { captureLog, type LogCapture } from './log.ts'

export const ADMIN_TOKEN = 'test-admin-token-0123456789'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read into answers whose shape other tests prove
  readonly body: any
  readonly text: string
}

export interface TestAgent extends AsyncDisposable {
  readonly agent: Agent
  readonly tenant: SandboxTenant
  readonly url: string
  readonly dataDir: string
  readonly logs: LogCapture
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** A profile that works against the tenant; parts may be replaced. */
  profile(more?: Record<string, unknown>): Record<string, unknown>
}

export interface TestAgentOptions {
  tenant?: SandboxTenant
  folder?: TemporaryFolder
  clock?: Clock
  config?: Partial<Config>
}

/** The whole agent in this process, against a simulated tenant of its own unless one is given. */
export async function startAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  const { clock = systemClock } = options
  await using opened = new AsyncDisposableStack()
  const folder = options.folder ?? opened.use(temporaryFolder())
  const tenant = options.tenant ?? opened.use(await startSandboxTenant({ clock: systemClock }))
  const logs = captureLog()
  const config: Config = {
    ...loadConfig({
      env: { POSTERN_HTTP_PORT: '0', POSTERN_DATA_DIR: folder.path },
      isTerminal: false,
    }),
    adminToken: new Secret(ADMIN_TOKEN),
    allowCustomCloud: true,
    extraCaPem: tenant.caPem,
    ...options.config,
  }
  const agent = opened.use(
    await createAgent(config, { clock, log: logs.log, version: '0.0.0-test' }),
  )
  const url = await agent.start()
  const held = opened.move()

  return {
    agent,
    tenant,
    url,
    dataDir: folder.path,
    logs,
    async call(method, path, body, headers = {}) {
      const response = await fetch(
        path.startsWith('/') ? `${url}${path}` : `${url}/api/v1/${path}`,
        {
          method,
          headers: {
            authorization: `Bearer ${ADMIN_TOKEN}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          redirect: 'manual',
          ...(body !== undefined && {
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
        },
      )
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson && text !== '' ? JSON.parse(text) : undefined,
      }
    },
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
