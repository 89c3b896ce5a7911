import { once } from 'node:events'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { type AddressInfo, Socket } from 'node:net'
import { codeOf, messageOf, PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'

/** A listening HTTP server that can stop and go on listening at its port, and that ends with all its sockets. */
export interface Listener extends AsyncDisposable {
  readonly port: number
  /** While true nothing listens at the port, and the machine itself refuses connections. */
  refuse(refusing: boolean): void
  /** Ends the request's connection with a TCP reset. */
  reset(request: IncomingMessage): void
  /** Aborted when the listener ends; delays wait with it. */
  readonly ended: AbortSignal
}

export interface ListenerDeps {
  server: HttpServer | HttpsServer
  host: string
  port: number
  /** A rejection ends the connection and is logged. */
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  log?: Logger | undefined
}

export async function startListener(deps: ListenerDeps): Promise<Listener> {
  const { server, host, log } = deps
  const end = new AbortController()
  const sockets = new Map<number, Socket>()
  let refusing = false

  // Raw TCP sockets, under TLS where there is any; a peer's port names the connection.
  server.on('connection', (socket) => {
    if (!(socket instanceof Socket) || socket.remotePort === undefined) return
    const { remotePort } = socket
    sockets.set(remotePort, socket)
    socket.on('close', () => {
      if (sockets.get(remotePort) === socket) sockets.delete(remotePort)
    })
  })
  server.on('tlsClientError', (error: unknown) => log?.debug({ code: codeOf(error) }, 'tls failed'))
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    deps.answer(request, response).catch((error: unknown) => {
      if (!end.signal.aborted) log?.error({ err: error }, messageOf(error))
      response.destroy()
    })
  })
  // A pooled connection outlives pauses between requests, as Microsoft's front doors allow.
  server.keepAliveTimeout = 65_000

  server.listen(deps.port, host)
  await once(server, 'listening').catch((error: unknown) => {
    throw new PosternError(
      `The simulated tenant cannot listen at ${host}:${deps.port} (${codeOf(error) ?? messageOf(error)}). Choose another port, or end the program that uses this one.`,
      { kind: 'unavailable', code: 'sandbox_port_unavailable', cause: error },
    )
  })
  const port = portOf(server.address())
  // Binding takes a moment; what was decided meanwhile counts.
  server.on('listening', () => {
    if (refusing || end.signal.aborted) server.close()
  })
  server.on('error', (error) => log?.error({ err: error }, 'listening failed'))

  function dropAll(): void {
    for (const socket of sockets.values()) socket.destroy()
  }

  return {
    port,
    ended: end.signal,
    refuse(next) {
      if (next === refusing || end.signal.aborted) return
      refusing = next
      if (next) {
        server.close()
        dropAll()
      } else {
        server.listen(port, host)
      }
    },
    reset(request) {
      const socket = sockets.get(request.socket.remotePort ?? 0)
      if (socket === undefined) request.socket.destroy()
      else socket.resetAndDestroy()
    },
    async [Symbol.asyncDispose]() {
      end.abort()
      const closed = server.listening ? once(server, 'close') : undefined
      server.close()
      dropAll()
      await closed
    },
  }
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0
}
