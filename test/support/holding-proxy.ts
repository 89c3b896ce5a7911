import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { systemClock } from '../../src/platform/clock.ts'
import { createCertificates } from '../../src/sandbox/index.ts'

export interface SeenRequest {
  /** With its query, percent-decoded. */
  readonly path: string
  readonly body: string
}

export interface Trap {
  readonly match: (request: SeenRequest) => boolean
  /** before: the request does not go on; after: it was carried out, its answer does not come back. */
  readonly when: 'before' | 'after'
  readonly spring: () => void
}

/**
 * An HTTP proxy for CONNECT that reads what is said to the servers behind it, and springs a trap at one of the requests.
 * Every target is reached on 127.0.0.1.
 */
export interface HoldingProxy extends AsyncDisposable {
  readonly url: string
  /** To be trusted in addition by who is behind the proxy. */
  readonly caPem: string
  /** Springs once. */
  set(trap: Trap): void
}

export async function startHoldingProxy(options: { caPem: string }): Promise<HoldingProxy> {
  const certificates = await createCertificates({ clock: systemClock })
  const traps = new Set<Trap>()
  const sockets = new Set<Socket>()

  const secure = createHttpsServer(certificates.server.valid, async (request, response) => {
    const body = await readAll(request)
    const seen = {
      path: decodeURIComponent(request.url ?? ''),
      body: body.toString('utf8'),
    }
    const trap = [...traps].find(({ match }) => match(seen))
    if (trap !== undefined) traps.delete(trap)
    if (trap?.when === 'before') return trap.spring()
    const { method, url: path, headers } = request
    const port = Number(headers.host?.split(':').at(-1))
    const target = { host: '127.0.0.1', port, servername: 'localhost', ca: options.caPem }
    const onward = httpsRequest({ ...target, method, path, headers, agent: false })
    onward.on('error', () => response.destroy())
    onward.on('response', async (answer) => {
      const answered = await readAll(answer)
      if (trap !== undefined) return trap.spring()
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.end(answered)
    })
    onward.end(body)
  })
  const server = createHttpServer()
  server.on('connect', (_request, client: Socket) => {
    sockets.add(client)
    client.on('error', () => client.destroy())
    client.on('close', () => sockets.delete(client))
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    secure.emit('connection', client)
  })
  secure.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    caPem: certificates.caPem,
    set: (trap) => void traps.add(trap),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of message) parts.push(part)
  return Buffer.concat(parts)
}
