import { isIP } from 'node:net'
import type { Outbox } from '../outbox/index.ts'
import { type Clock, MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Profiles } from '../profiles/index.ts'
import { createLogins, isLoopbackAddress, type RelayClientBook } from './clients/index.ts'
import type { Desk } from './desk.ts'
import { createRelayNews, type RelayEvents } from './events.ts'
import { RELAY_LIMITS, type RelayLimits } from './limits.ts'
import { createDateText } from './message/index.ts'
import { createRates } from './rates.ts'
import { FAREWELLS } from './refusals.ts'
import type { Relay, RelayConfig } from './relay.ts'
import { RelayServer } from './relay-server.ts'
import type { Reply } from './reply.ts'
import { createSubmitters } from './submitter.ts'
import { createCertificateSource, type ServerCertificate } from './tls/index.ts'

export interface RelayDeps {
  outbox: Pick<Outbox, 'intake'>
  profiles: Pick<Profiles, 'find'>
  clients: RelayClientBook
  clock: Clock
  log: Logger
  events: EventBus<RelayEvents>
  config: RelayConfig
  dataDir: string
  /** By which clients reach it. */
  hostname: string
  /** What it bears from its peers; others than the usual only in tests. */
  limits?: Partial<RelayLimits>
}

/** How often a closed relay looks whether it can open, and an open one at its certificate. */
const RETRY_MS = 5 * SECOND_MS
const LOOK_MS = MINUTE_MS
/** What is under way when the relay stops may still come to its end. */
const GRACE_MS = 10 * SECOND_MS

/** Disposing stops accepting, and waits a moment for messages under way; do it before the outbox is closed. */
export function createRelay(deps: RelayDeps): Relay {
  const { clients, clock, log, config } = deps
  const news = createRelayNews(deps)
  const certificates = createCertificateSource({
    files: config.certificateFiles,
    dataDir: deps.dataDir,
    names: namesOf(deps.hostname, config.host),
    clock,
    log,
  })
  let certificate: ServerCertificate | undefined
  let server: RelayServer | undefined
  let problem: string | null = null
  let isStopping = false
  let isWatching = false
  /** Aborted when there is something to look at, or when it stops. */
  let nudge = new AbortController()
  const ends: (() => void)[] = []
  const running = new Set<Promise<void>>()

  const desk: Desk = {
    outbox: deps.outbox,
    findSubmitter: createSubmitters({ book: clients, profiles: deps.profiles }),
    book: clients,
    logins: createLogins({ book: clients, clock }),
    rates: createRates({ clock }),
    news,
    dateText: createDateText({ clock }),
    log,
    limits: { ...RELAY_LIMITS, ...deps.limits },
    hostname: deps.hostname,
    maxMessageBytes: config.maxMessageBytes,
    isStopping: () => isStopping,
  }

  function run(job: Promise<void>): void {
    running.add(job)
    void job.finally(() => running.delete(job))
  }

  function tell(found: string | null): void {
    if (found === problem) return
    problem = found
    if (found !== null) news.closed(found)
  }

  /** Whether others reach it, and none of them may hand in anything. */
  function isForNobody(): boolean {
    return !isLoopbackHost(config.host) && !clients.hasAny()
  }

  async function open(): Promise<void> {
    try {
      await clients.refresh()
      if (isForNobody()) return tell(strangersOnly(config.host))
      certificate = (await certificates.next()) ?? certificate
      if (certificate === undefined || isStopping) return
      const opened = new RelayServer(desk, certificate, () => run(watchConnections()))
      await listen(opened, { host: config.host, port: config.port ?? 0 })
      if (isStopping) return await close(opened, { clock, farewell: FAREWELLS.stopping })
      server = opened
      tell(null)
      news.opened(shown(opened))
    } catch (error) {
      tell(whyNot(error, config))
    }
  }

  async function renewCertificate(listening: RelayServer): Promise<void> {
    try {
      const next = await certificates.next()
      if (next !== undefined) {
        certificate = next
        listening.use(next)
        log.info('relay certificate read')
      }
      if (problem !== null) news.mended(shown(listening))
      problem = null
    } catch (error) {
      const reason = `${messageOf(error)} Until then it goes on with the former certificate.`
      if (reason !== problem) news.troubled(shown(listening), reason)
      problem = reason
    }
  }

  async function lookAfter(listening: RelayServer): Promise<void> {
    try {
      await clients.refresh()
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'relay clients not read')
    }
    if (!isForNobody()) return await renewCertificate(listening)
    server = undefined
    tell(strangersOnly(config.host))
    await close(listening, { clock, farewell: FAREWELLS.noClients })
  }

  async function keepOpen(): Promise<void> {
    while (!isStopping) {
      await clock.sleep(server === undefined ? RETRY_MS : LOOK_MS, nudge.signal).catch(() => {})
      if (isStopping) return
      // What changes from here on is looked at in the next round, without a wait.
      nudge = new AbortController()
      if (server === undefined) await open()
      else await lookAfter(server)
    }
  }

  /** Runs while there is a connection, and only once: every round is a second for all of them. */
  async function watchConnections(): Promise<void> {
    if (isWatching) return
    isWatching = true
    do {
      await clock.sleep(SECOND_MS, stopWatching.signal).catch(() => {})
      for (const connection of server?.open ?? []) connection.tick()
    } while (!stopWatching.signal.aborted && (server?.open.size ?? 0) > 0)
    isWatching = false
  }
  const stopWatching = new AbortController()

  return {
    async start() {
      if (config.port === null || isStopping) return
      await open()
      ends.push(
        clients.onChange(() => {
          if (server === undefined || isForNobody()) nudge.abort('a client has changed')
        }),
      )
      run(keepOpen())
    },
    address() {
      const address = server?.server.address()
      if (address === null || address === undefined || typeof address === 'string') return null
      return { host: address.address, port: address.port }
    },
    problem: () => problem,
    async [Symbol.asyncDispose]() {
      isStopping = true
      for (const end of ends) end()
      nudge.abort('stopping')
      if (server !== undefined) await close(server, { clock, farewell: FAREWELLS.stopping })
      stopWatching.abort('stopping')
      await Promise.all(running)
    },
  }
}

async function close(
  server: RelayServer,
  { clock, farewell }: { clock: Clock; farewell: Reply },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.server.close(() => resolve()))
  const done = new AbortController()
  const all = Promise.all(
    [...server.open].map((connection) => {
      connection.bow(farewell)
      return connection.gone
    }),
  )
  const overdue = clock.sleep(GRACE_MS, done.signal).catch(() => {})
  await Promise.race([all, overdue])
  done.abort('closed')
  for (const connection of server.open) connection.destroy()
  await closed
}

function listen(server: RelayServer, where: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener = server.listen(where)
    listener.once('listening', () => {
      listener.off('error', reject)
      resolve()
    })
    listener.once('error', reject)
  })
}

function shown(server: RelayServer): string {
  const address = server.server.address()
  if (address === null || typeof address === 'string') return ''
  const host = isIP(address.address) === 6 ? `[${address.address}]` : address.address
  return `${host}:${address.port}`
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host)
}

/** What the certificate is made for: the name, this machine, and the address where there is one. */
function namesOf(hostname: string, host: string): readonly string[] {
  const isOne = isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::'
  return [...new Set([hostname, 'localhost', '127.0.0.1', '::1', ...(isOne ? [host] : [])])]
}

function strangersOnly(host: string): string {
  return `The SMTP relay stays closed: POSTERN_RELAY_HOST is ${host}, which others reach, and there is no relay client that is switched on, neither with a login nor with a list of addresses. Create one with “postern client create”: it opens then by itself.`
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another program uses it'],
  ['EACCES', 'this user may not'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'there is no such name'],
  ['EAI_AGAIN', 'the name cannot be resolved'],
])

function whyNot(error: unknown, { host, port }: RelayConfig): string {
  const reason = REASONS.get(codeOf(error) ?? '')
  if (reason === undefined) return messageOf(error)
  return `The SMTP relay cannot listen on ${host}:${port}: ${reason}. Choose another POSTERN_RELAY_PORT or POSTERN_RELAY_HOST, or end that program: it is tried again every few seconds.`
}
