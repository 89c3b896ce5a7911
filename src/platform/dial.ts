import { X509Certificate } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { isIP, type Socket, connect as tcpConnect } from 'node:net'
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { codeOf, messageOf } from './errors.ts'
import { connectBySocks, isSocks, SOCKS_PORT } from './socks.ts'
import type { Trust } from './trust.ts'

/** Where a connection failed; the same words as in the diagnosis of transport failures. */
export type DialPhase = 'dns' | 'proxy' | 'connect' | 'tls' | 'timeout' | 'closed' | 'protocol'

export interface PeerCertificateFacts {
  subject: string
  names: string[]
  issuer: string
  /** ISO instants. */
  validFrom: string
  validTo: string
}

/** A connection that could not be opened, or broke. Turned into a failure value before it leaves the feature. */
export class DialError extends Error {
  override readonly name = 'DialError'
  readonly phase: DialPhase
  /** System or library code, such as ENOTFOUND or CERT_HAS_EXPIRED. */
  readonly code: string | null
  readonly certificate: PeerCertificateFacts | undefined

  constructor(
    message: string,
    options: {
      phase: DialPhase
      code: string | null
      certificate?: PeerCertificateFacts | undefined
      cause?: unknown
    },
  ) {
    super(message, { cause: options.cause })
    this.phase = options.phase
    this.code = options.code
    this.certificate = options.certificate
  }
}

export interface DialTarget {
  host: string
  port: number
}

/**
 * Opens a TCP connection, when one is given through a proxy: `http:` or `https:` (RFC 9110 §9.3.6 CONNECT), or
 * `socks5:`. The proxy resolves the name.
 */
export async function openTcp(
  options: DialTarget & { proxy?: URL | undefined; trust: Trust; signal: AbortSignal },
): Promise<Socket> {
  const { host, port, proxy, trust, signal } = options
  signal.throwIfAborted()
  if (proxy !== undefined) return openTunnel({ host, port, proxy, trust, signal })
  const socket = tcpConnect({ host, port, noDelay: true, keepAlive: true })
  try {
    await ready(socket, 'connect', signal)
    return socket
  } catch (error) {
    socket.destroy()
    throw toDialError(error, { host, port })
  }
}

/**
 * Speaks TLS over an open socket and verifies the peer's certificate and name.
 *
 * Node's own refusal destroys the connection before the certificate can be read. So the handshake is let through
 * and judged here, before a byte of the application is sent; sessions are never resumed, because a resumed one
 * skips the check of the name.
 */
export async function openTls(options: {
  socket: Socket
  host: string
  secureContext: SecureContext
  signal: AbortSignal
  alpn?: string[]
}): Promise<TLSSocket> {
  const { socket, host, secureContext, signal, alpn } = options
  const tls = tlsConnect({
    socket,
    host,
    // RFC 6066 §3: an IP address is no server name.
    servername: isIP(host) === 0 ? host : '',
    secureContext,
    rejectUnauthorized: false,
    ...(alpn !== undefined && { ALPNProtocols: alpn }),
  })
  try {
    await ready(tls, 'secureConnect', signal)
    if (!tls.authorized) throw untrusted(tls, host)
    return tls
  } catch (error) {
    tls.destroy()
    socket.destroy()
    throw toTlsError(error)
  }
}

/** The certificate that the peer of an open TLS connection showed. */
export function certificateFacts(tls: TLSSocket): PeerCertificateFacts | undefined {
  const raw: unknown = tls.getPeerCertificate().raw
  if (!Buffer.isBuffer(raw)) return undefined
  const certificate = new X509Certificate(raw)
  return {
    subject: oneLine(certificate.subject),
    names: (certificate.subjectAltName ?? '')
      .split(', ')
      .filter((name) => name !== '')
      .map((name) => name.replace(/^(DNS|IP Address):/, '')),
    issuer: oneLine(certificate.issuer),
    validFrom: certificate.validFromDate.toISOString(),
    validTo: certificate.validToDate.toISOString(),
  }
}

function oneLine(name: string | undefined): string {
  return (name ?? '').trim().split('\n').join(', ')
}

function untrusted(tls: TLSSocket, host: string): DialError {
  // The types promise an Error, at run time it is the code.
  const reason: unknown = tls.authorizationError
  const code = reason instanceof Error ? (codeOf(reason) ?? reason.message) : String(reason)
  const certificate = certificateFacts(tls)
  const shown =
    certificate === undefined
      ? 'it could not be read'
      : `it is for ${certificate.subject || 'no subject'} (names: ${certificate.names.join(', ') || 'none'}), issued by ${certificate.issuer}, valid from ${certificate.validFrom} to ${certificate.validTo}`
  return new DialError(`The certificate of ${host} is not trusted (${code}): ${shown}.`, {
    phase: 'tls',
    code,
    certificate,
  })
}

async function openTunnel(
  options: DialTarget & { proxy: URL; trust: Trust; signal: AbortSignal },
): Promise<Socket> {
  const { host, port, proxy, trust, signal } = options
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  let carrier: Socket | undefined
  try {
    carrier = await openToProxy({ proxy, trust, signal })
    if (isSocks(proxy)) {
      await connectBySocks({ socket: carrier, proxy, host, port, signal })
      return carrier
    }
    const { socket, status, head } = await tunnelAnswer({ carrier, proxy, authority, signal })
    if (status !== 200) {
      throw new DialError(`it answered CONNECT ${authority} with ${status}`, {
        phase: 'proxy',
        code: String(status),
      })
    }
    // A server that speaks first, as SMTP does, may already have been heard.
    if (head.length > 0) socket.unshift(head)
    return socket
  } catch (error) {
    carrier?.destroy()
    if (signal.aborted) throw signal.reason
    throw new DialError(`The proxy ${proxy.host} cannot be used: ${plainMessage(error)}.`, {
      phase: 'proxy',
      code: codeOf(error) ?? null,
      cause: error,
    })
  }
}

async function openToProxy(options: {
  proxy: URL
  trust: Trust
  signal: AbortSignal
}): Promise<Socket> {
  const { proxy, trust, signal } = options
  const encrypted = proxy.protocol === 'https:'
  const host = proxy.hostname.replace(/^\[(.*)\]$/, '$1')
  const usual = isSocks(proxy) ? SOCKS_PORT : encrypted ? 443 : 80
  const port = Number(proxy.port || usual)
  const socket = await openTcp({ host, port, trust, signal })
  if (!encrypted) return socket
  return openTls({ socket, host, secureContext: trust.secureContext, signal })
}

function tunnelAnswer(options: {
  carrier: Socket
  proxy: URL
  authority: string
  signal: AbortSignal
}): Promise<{ socket: Socket; status: number; head: Buffer }> {
  const { carrier, proxy, authority, signal } = options
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      createConnection: () => carrier,
      signal,
    })
    request.on('error', reject)
    // Also for an answer other than 2xx: Node leaves the judgement to the caller.
    request.once('connect', (response, socket, head) => {
      resolve({ socket, status: response.statusCode ?? 0, head })
    })
    request.end()
  })
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {}
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** Resolves at the event; rejects with the socket's error, with DialError `closed`, or with the signal's reason. */
function ready(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<void> {
  // Stays for the socket's whole life: an error that nobody waits for must not end the process.
  socket.on('error', () => {})
  return new Promise((resolve, reject) => {
    const stop = () => {
      socket.off(event, onReady).off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const onReady = () => {
      stop()
      resolve()
    }
    const onError = (error: Error) => {
      stop()
      reject(signal.aborted ? signal.reason : error)
    }
    const onClose = () =>
      onError(
        new DialError('The connection was closed by the peer.', { phase: 'closed', code: null }),
      )
    const onAbort = () => onError(new Error('aborted'))
    socket.once(event, onReady).once('error', onError).once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

const BROKEN = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

function toDialError(error: unknown, target: DialTarget): unknown {
  if (error instanceof DialError) return error
  const code = codeOf(error)
  if (code === undefined) return error
  const at = `${target.host}:${target.port}`
  if (isLookupError(error)) {
    return new DialError(`The name ${target.host} could not be resolved (${code}).`, {
      phase: 'dns',
      code,
      cause: error,
    })
  }
  return new DialError(`No connection to ${at} (${code}): ${plainMessage(error)}.`, {
    phase: code === 'ETIMEDOUT' ? 'timeout' : BROKEN.includes(code) ? 'closed' : 'connect',
    code,
    cause: error,
  })
}

function toTlsError(error: unknown): unknown {
  const code = codeOf(error) ?? null
  if (error instanceof DialError || code === null) return error
  return new DialError(`The TLS handshake failed (${code}): ${plainMessage(error)}.`, {
    phase: BROKEN.includes(code) ? 'closed' : 'tls',
    code,
    cause: error,
  })
}

function isLookupError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo'
}

/** Node's message of several failed addresses is empty: take the first address's. */
function plainMessage(error: unknown): string {
  const first = error instanceof AggregateError && error.message === '' ? error.errors[0] : error
  return messageOf(first).replace(/\.$/, '')
}
