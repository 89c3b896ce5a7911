import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ServerCertificates } from '../../src/sandbox/index.ts'

/** One answer of the server; `silent`, `reset` and `half` are the ways not to give one. */
export type HttpsScriptedAnswer =
  | { status: number; headers?: Record<string, string>; body: string }
  | 'silent'
  | 'reset'
  /** A Content-Length that the body does not reach. */
  | 'half'
  /** Held back until release() is called, then given. */
  | { hold: { status: number; body: string } }

export interface ScriptedRequest {
  method: string
  path: string
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface ScriptedHttps extends AsyncDisposable {
  readonly port: number
  /** `https://localhost:port` */
  readonly origin: string
  readonly requests: ScriptedRequest[]
  readonly connections: number
  /** Resolves when so many requests have come. */
  untilRequests(count: number): Promise<void>
  /** Gives all answers that are held back. */
  release(): void
}

/** An HTTPS server that gives one answer of the script for each request; disposing fails when they do not match. */
export async function startScriptedHttps(options: {
  certificates: ServerCertificates
  certificate?: keyof ServerCertificates
  answers: HttpsScriptedAnswer[]
}): Promise<ScriptedHttps> {
  const { certificates, certificate = 'valid', answers } = options
  const left = [...answers]
  const requests: ScriptedRequest[] = []
  const sockets = new Set<Duplex>()
  const held: (() => void)[] = []
  const watchers = new Set<() => void>()
  let connections = 0
  let surprises = 0

  function give(response: ServerResponse, answer: HttpsScriptedAnswer): void {
    if (answer === 'silent') return
    if (answer === 'reset') return void response.socket?.destroy()
    if (answer === 'half') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
      response.write('{"access_token":"eyJ', () => response.socket?.destroy())
      return
    }
    if ('hold' in answer) {
      held.push(() => give(response, answer.hold))
      return
    }
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(answer.body)
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
    })
    const answer = left.shift()
    if (answer === undefined) surprises++
    give(response, answer ?? { status: 500, body: '{"error":"unexpected_request"}' })
    for (const watcher of [...watchers]) watcher()
  }

  const pair = certificates[certificate]
  const server = createServer(pair, (request, response) => {
    onRequest(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  return {
    port: address.port,
    origin: `https://localhost:${address.port}`,
    requests,
    get connections() {
      return connections
    },
    async untilRequests(count) {
      while (requests.length < count) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher)
            resolve()
          }
          watchers.add(watcher)
        })
      }
    },
    release() {
      for (const go of held.splice(0)) go()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      if (surprises > 0) throw new Error(`${surprises} requests were not in the script`)
      if (left.length > 0) throw new Error(`${left.length} answers were not asked for`)
    },
  }
}
