import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { MINUTE_MS } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { ServerCertificates } from '../certificates.ts'
import type { Tenant } from '../tenant.ts'
import { type Connection, createConnection } from './connection.ts'
import { createIdleWatch } from './idle-watch.ts'
import { createLimits } from './limits.ts'
import { createHostNames, createSessionIds } from './names.ts'
import { createSession } from './session.ts'

export interface ExchangeDeps {
  tenant: Tenant
  host: string
  /** 0: any free one. */
  port: number
  certificates: ServerCertificates
  /** A front door's name, such as `AM0PR06CA0126.eurprd06.prod.outlook.com`. */
  hostName: string
  log?: Logger
}

export interface ExchangeServer extends AsyncDisposable {
  readonly port: number
}

const IDLE_LIMIT_MS = 10 * MINUTE_MS
const BACKLOG = 4096
const RELISTEN_MS = 50

export async function startExchange(deps: ExchangeDeps): Promise<ExchangeServer> {
  const { tenant, certificates, log } = deps
  const { counters } = tenant
  const names = createHostNames(deps.hostName)
  const nextSessionId = createSessionIds(tenant.now())
  const limits = createLimits({ now: () => tenant.clock.now() })
  const idle = createIdleWatch({ clock: tenant.clock, limitMs: IDLE_LIMIT_MS })
  const contexts = {
    valid: secureContext('valid'),
    expired: secureContext('expired'),
    wrongName: secureContext('wrongName'),
    selfSigned: secureContext('selfSigned'),
    inspected: secureContext('inspected'),
  }
  const oldTls = createSecureContext({
    ...certificates.valid,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
  })
  const sessions = new Map<Connection, Promise<void>>()
  const closing = new AbortController()

  function secureContext(kind: keyof ServerCertificates) {
    // Exchange Online takes TLS 1.2 and 1.3.
    return createSecureContext({ ...certificates[kind], minVersion: 'TLSv1.2' })
  }

  function onConnection(socket: Socket): void {
    const connection = createConnection({ socket, clock: tenant.clock })
    const session = createSession({
      tenant,
      connection,
      limits,
      names,
      sessionId: nextSessionId(),
      secureContext: () => {
        const { smtp } = tenant.state()
        return smtp.fault === 'tls11Only' ? oldTls : contexts[smtp.certificate]
      },
      log,
    })
    let isTimedOut = false
    idle.add(connection, () => {
      if (isTimedOut || tenant.state().smtp.fault === 'silent') connection.drop()
      else session.timeOut()
      isTimedOut = true
    })
    counters.smtpConnections += 1
    counters.smtpOpenConnections += 1
    counters.smtpMaxOpenConnections = Math.max(
      counters.smtpMaxOpenConnections,
      counters.smtpOpenConnections,
    )
    sessions.set(connection, serve())

    async function serve(): Promise<void> {
      try {
        await session.run()
      } catch (error) {
        if (!connection.signal.aborted) log?.error({ err: error }, 'smtp session failed')
        connection.drop()
      }
      // A client that has its answer to QUIT may open another one before the socket is seen closed.
      counters.smtpOpenConnections -= 1
      await connection.closed
      idle.remove(connection)
      sessions.delete(connection)
    }
  }

  function listen(port: number): Promise<Server> {
    const server = createServer(onConnection)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: deps.host, port, backlog: BACKLOG, exclusive: true }, () =>
        resolve(server),
      )
    })
  }

  let listener: Server | undefined = await listen(deps.port)
  const port = portOf(listener)
  let isOpening = false

  /** The port stays known while nobody listens on it, so that it can be opened again. */
  async function reopen(): Promise<void> {
    isOpening = true
    while (!closing.signal.aborted && !isRefusing()) {
      const opened = await listen(port).catch(() => undefined)
      if (opened !== undefined) {
        listener = opened
        break
      }
      // Another program's outgoing connection may hold the port for a moment.
      await tenant.clock.sleep(RELISTEN_MS, closing.signal).catch(() => undefined)
    }
    isOpening = false
    followFault()
  }

  const isRefusing = () => tenant.state().smtp.fault === 'refuse'

  function followFault(): void {
    if (closing.signal.aborted || isRefusing()) {
      listener?.close()
      listener = undefined
      for (const connection of sessions.keys()) connection.drop()
    } else if (listener === undefined && !isOpening) void reopen()
  }

  const unsubscribe = tenant.onChange((change) => {
    if (change === 'restored') limits.reset()
    followFault()
  })
  followFault()

  return {
    port,
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('The server is closing.'))
      unsubscribe()
      followFault()
      await Promise.all(sessions.values())
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address !== null && typeof address === 'object') return address.port
  throw new PosternError('The simulated mail server has no port. Give it a TCP address.', {
    kind: 'internal',
    code: 'sandbox_no_port',
  })
}
