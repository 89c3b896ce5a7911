/**
 * A simulated Microsoft 365 tenant on loopback: Entra's token endpoint, Graph, Exchange Online's client submission
 * with an inbox, and a control API that changes the tenant's state while it runs and rehearses failures.
 *
 * It answers with the texts, headers and codes of the live services, decides everything from one model
 * (`TenantModel`), and shares no code with the agent but platform/. The state lives in memory: nothing survives the
 * end of the process, and each run has a certification authority and a token-signing key of its own.
 */
import type { Clock } from '../platform/clock.ts'
import { systemClock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { createCertificates } from './certificates.ts'
import { startControl } from './control.ts'
import { EXCHANGE_SCOPE, startEntra } from './entra/index.ts'
import { startExchange } from './exchange/index.ts'
import { startGraph } from './graph/index.ts'
import { INITIAL } from './initial-state.ts'
import type { TenantModel } from './model.ts'
import type { Rehearsal } from './rehearsals.ts'
import { createTenant, type Tenant } from './tenant.ts'

export { type Certificates, createCertificates, type ServerCertificates } from './certificates.ts'
export type { TenantModel } from './model.ts'
export type { Rehearsal, RehearsalNeed } from './rehearsals.ts'
export {
  createTenant,
  type Inbox,
  type InboxMessage,
  type Tenant,
  type TenantCounters,
} from './tenant.ts'

export interface SandboxTenantOptions {
  clock: Clock
  log?: Logger
  /** Where to listen; default 127.0.0.1. */
  host?: string
  /** Default 0: a free port each. */
  ports?: { entra?: number; graph?: number; smtp?: number; control?: number }
  /** A merge patch on the initial state. */
  seed?: unknown
}

export interface SandboxTenant extends AsyncDisposable {
  /** `https://localhost:port`, without a slash and without the tenant. */
  readonly authority: string
  /** `https://localhost:port`, without `/v1.0`. */
  readonly graphUrl: string
  readonly controlUrl: string
  readonly smtp: { readonly host: 'localhost'; readonly port: number }
  /** Signs every certificate of the tenant but the self-signed one. */
  readonly caPem: string
  readonly tenantId: string
  /** The application that may send, and the mailbox that it sends from. */
  readonly clientId: string
  readonly clientSecret: string
  readonly mailbox: string
  readonly exchangeScope: typeof EXCHANGE_SCOPE
  readonly tenant: Tenant
  /** The failures that can be rehearsed, as of now; see `Tenant.rehearse`. */
  readonly rehearsals: readonly Rehearsal[]
}

/** A front door as Exchange Online names them in its replies. */
const FRONT_DOOR = 'AM0PR06CA0126.eurprd06.prod.outlook.com'

/** Disposing ends every listener with its open connections. */
export async function startSandboxTenant(options: SandboxTenantOptions): Promise<SandboxTenant> {
  const { clock, host = '127.0.0.1', ports = {} } = options
  const log = (component: string) => options.log?.child({ component })
  await using opened = new AsyncDisposableStack()

  // TLS libraries check certificates against the machine's time, whatever the tenant's clock says.
  const certificates = await createCertificates({ clock: systemClock })
  const tenant = await createTenant({ clock, seed: options.seed })
  const shared = { tenant, host, certificates: certificates.server }
  const graph = opened.use(
    await startGraph({ ...shared, port: ports.graph ?? 0, log: log('sandbox.graph') }),
  )
  const entra = opened.use(
    await startEntra({
      ...shared,
      port: ports.entra ?? 0,
      graphUrl: graph.url,
      log: log('sandbox.entra'),
    }),
  )
  const exchangeLog = log('sandbox.exchange')
  const exchange = opened.use(
    await startExchange({
      ...shared,
      port: ports.smtp ?? 0,
      hostName: FRONT_DOOR,
      ...(exchangeLog !== undefined && { log: exchangeLog }),
    }),
  )
  const control = opened.use(
    await startControl({ tenant, host, port: ports.control ?? 0, log: log('sandbox.control') }),
  )
  const resources = opened.move()

  const state = tenant.state()
  return {
    authority: `https://localhost:${entra.port}`,
    graphUrl: graph.url,
    controlUrl: control.url,
    smtp: { host: 'localhost', port: exchange.port },
    caPem: certificates.caPem,
    tenantId: state.tenant.id,
    ...senderOf(state),
    exchangeScope: EXCHANGE_SCOPE,
    tenant,
    get rehearsals() {
      return tenant.rehearsals()
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** The first application, its first secret and the first mailbox of the state that the tenant starts with. */
function senderOf(state: TenantModel) {
  const [clientId = INITIAL.clientId, app] = Object.entries(state.apps)[0] ?? []
  const [secret] = Object.values(app?.secrets ?? {})
  const [mailbox = INITIAL.mailbox] = Object.keys(state.mailboxes)
  return { clientId, clientSecret: secret?.value ?? INITIAL.clientSecret, mailbox }
}
