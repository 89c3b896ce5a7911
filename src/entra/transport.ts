import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Agent, type buildConnector, type Dispatcher } from 'undici'
import type { Outcome, TransportFailure } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { DialError, openTcp, openTls } from '../platform/dial.ts'
import { codeOf, messageOf, PosternError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import type { Trust } from '../platform/trust.ts'
import { bypassesProxy } from './no-proxy.ts'

export interface HttpsRequest {
  peer: 'entra' | 'graph'
  /** For the failure: what is being done, such as `token`. */
  step: string
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  url: URL
  headers?: Readonly<Record<string, string>> | undefined
  body?: string | undefined
  /** False: sent once only, because a request that broke off may have changed something. Default true. */
  repeatable?: boolean | undefined
  signal?: AbortSignal | undefined
}

export interface HttpsAnswer {
  status: number
  /** Lower-case names; repeated ones joined. */
  headers: Readonly<Record<string, string>>
  body: string
}

export interface ConnectionTrace {
  /** Another request went over it before. */
  reused: boolean
  address: string | null
  tlsProtocol: string | null
  proxied: boolean
}

/** HTTPS to Microsoft: one bounded pool of connections for all profiles. Redirects are never followed. */
export interface EntraTransport extends AsyncDisposable {
  /** Rejects only when the request's own signal is aborted. */
  send(request: HttpsRequest): Promise<{
    outcome: Outcome<HttpsAnswer>
    connection: ConnectionTrace | null
  }>
}

export interface EntraTransportDeps {
  trust: Trust
  clock: Clock
  httpsProxy?: URL | string | undefined
  noProxy?: string | undefined
  /** For a whole request, its connection included. */
  timeoutMs: number
}

const CONNECTIONS_PER_HOST = 8
const LONGEST_CONNECT_MS = 10_000
const LARGEST_BODY_BYTES = 1024 * 1024
/** Shorter than what the servers allow, so that they rarely close a connection that is about to be used. */
const KEEP_ALIVE_MS = 30_000
const TRACE_HEADER = 'client-request-id'

export function createEntraTransport(deps: EntraTransportDeps): EntraTransport {
  const { trust, clock, noProxy = '', timeoutMs } = deps
  const httpsProxy = deps.httpsProxy === undefined ? undefined : new URL(deps.httpsProxy)
  const connectMs = Math.min(LONGEST_CONNECT_MS, Math.ceil(timeoutMs * 0.8))
  const used = new WeakSet<Socket>()
  const pending = new Map<string, { connection: ConnectionTrace | null }>()
  const proxied = new WeakSet<Socket>()

  // undici's ProxyAgent hides which part of the way failed and drops the certificate; this connector keeps both.
  const connector: buildConnector.connector = (options, callback) => {
    const host = options.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = Number(options.port || 443)
    const proxy = bypassesProxy(noProxy, host, port) ? undefined : httpsProxy
    connect(host, port, proxy).then(
      (socket) => callback(null, socket),
      (error: unknown) =>
        callback(error instanceof Error ? error : new Error(messageOf(error)), null),
    )
  }

  async function connect(host: string, port: number, proxy: URL | undefined): Promise<TLSSocket> {
    const overdue = () =>
      new DialError(`No connection to ${host}:${port} within ${connectMs / 1_000} s.`, {
        phase: 'timeout',
        code: 'ETIMEDOUT',
      })
    using limit = createTimeLimit({ clock, ms: connectMs, reason: overdue })
    const { signal } = limit
    const socket = await openTcp({ host, port, proxy, trust, signal })
    const { secureContext } = trust
    const tls = await openTls({ socket, host, secureContext, signal, alpn: ['http/1.1'] })
    if (proxy !== undefined) proxied.add(tls)
    return tls
  }

  const agent = new Agent({
    connect: connector,
    connections: CONNECTIONS_PER_HOST,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    maxResponseSize: LARGEST_BODY_BYTES,
    // One limit for the whole request is set below.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  })

  /** undici tells only here which connection a request goes over. */
  function onSendHeaders(message: unknown): void {
    if (typeof message !== 'object' || message === null) return
    if (!('headers' in message && 'socket' in message && message.socket instanceof TLSSocket))
      return
    const { headers, socket } = message
    const [, id = ''] = /^client-request-id: (.+)$/im.exec(String(headers)) ?? []
    const entry = pending.get(id)
    if (entry === undefined) return
    entry.connection = {
      reused: used.has(socket),
      address: socket.remoteAddress ?? null,
      tlsProtocol: socket.getProtocol(),
      proxied: proxied.has(socket),
    }
    used.add(socket)
  }
  subscribe('undici:client:sendHeaders', onSendHeaders)

  async function attempt(request: HttpsRequest, signal: AbortSignal, id: string) {
    const response = await agent.request({
      origin: request.url.origin,
      path: `${request.url.pathname}${request.url.search}`,
      method: request.method,
      headers: { ...request.headers, [TRACE_HEADER]: id },
      body: request.body ?? null,
      signal,
    })
    const body = await response.body.text()
    return { status: response.statusCode, headers: flatten(response.headers), body }
  }

  return {
    async send(request) {
      request.signal?.throwIfAborted()
      assertHttps(request.url)
      // One id for each request on the wire: MSAL's own stays in the query string.
      const id = newId()
      const entry: { connection: ConnectionTrace | null } = { connection: null }
      pending.set(id, entry)
      const reason = () => overdue(request, timeoutMs)
      using limit = createTimeLimit({ clock, ms: timeoutMs, reason, signal: request.signal })
      const { signal } = limit
      try {
        const answer = await attempt(request, signal, id).catch((error: unknown) => {
          // The server may close a kept connection at the moment of its use: that says nothing about the request.
          const { repeatable = true } = request
          if (!(repeatable && entry.connection?.reused && isClosed(error))) throw error
          if (signal.aborted) throw error
          return attempt(request, signal, id)
        })
        return { outcome: judge(request, answer), connection: entry.connection }
      } catch (error) {
        if (request.signal?.aborted) throw request.signal.reason
        const cause = limit.passed() ? signal.reason : error
        const failure = toFailure(request, cause)
        return { outcome: { ok: false, failure }, connection: entry.connection }
      } finally {
        pending.delete(id)
      }
    },
    async [Symbol.asyncDispose]() {
      unsubscribe('undici:client:sendHeaders', onSendHeaders)
      await agent.destroy()
    },
  }
}

function assertHttps(url: URL): void {
  if (url.protocol === 'https:') return
  throw new PosternError(
    `The address ${url.origin} cannot be used, because it is not https and a secret would travel in the clear. Correct the cloud's addresses in the settings.`,
    { kind: 'invalid', code: 'entra_address_insecure' },
  )
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]),
  )
}

/** A redirect would carry the secret to another host, or is a captive portal. */
function judge(request: HttpsRequest, answer: HttpsAnswer): Outcome<HttpsAnswer> {
  if (answer.status < 300 || answer.status >= 400) return { ok: true, value: answer }
  const location = answer.headers['location'] ?? ''
  const target = URL.canParse(location, request.url.href)
    ? new URL(location, request.url).origin
    : 'an unreadable address'
  return {
    ok: false,
    failure: {
      ...targetOf(request),
      phase: 'redirect',
      code: String(answer.status),
      message: `${request.url.host} answered with a redirect (${answer.status}) to ${target}.`,
    },
  }
}

function toFailure(request: HttpsRequest, error: unknown): TransportFailure {
  const { host } = request.url
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    if (!(e instanceof DialError)) continue
    const { phase, code, message, certificate } = e
    return { ...targetOf(request), phase, code, message, ...(certificate && { certificate }) }
  }
  const code = codeOf(error) ?? null
  const phase = isClosed(error) ? 'closed' : 'protocol'
  const what = phase === 'closed' ? 'closed the connection' : 'sent an answer that is not HTTP'
  return {
    ...targetOf(request),
    phase,
    code,
    message: `${host} ${what} (${code ?? 'no code'}): ${messageOf(error)}.`,
  }
}

const CLOSED_CODES = [
  'UND_ERR_SOCKET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
]

function isClosed(error: unknown): boolean {
  return CLOSED_CODES.includes(codeOf(error) ?? '')
}

function overdue(request: HttpsRequest, timeoutMs: number): DialError {
  return new DialError(`${request.url.host} did not answer within ${timeoutMs / 1_000} s.`, {
    phase: 'timeout',
    code: 'ETIMEDOUT',
  })
}

function targetOf(request: HttpsRequest) {
  const { peer, step, url } = request
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { source: 'transport', peer, step, host, port: Number(url.port || 443) } as const
}
