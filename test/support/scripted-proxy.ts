import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface ScriptedProxy extends AsyncDisposable {
  readonly url: URL
  readonly asked: { target: string; headers: IncomingHttpHeaders }[]
}

/** An HTTP proxy for CONNECT; with a `status` other than 200 it refuses. Every target is reached on 127.0.0.1. */
export async function startScriptedProxy(
  options: { status?: number } = {},
): Promise<ScriptedProxy> {
  const { status = 200 } = options
  const asked: { target: string; headers: IncomingHttpHeaders }[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer()
  server.on('connection', keep)
  server.on('connect', (request, client: Socket) => {
    const target = request.url ?? ''
    asked.push({ target, headers: request.headers })
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    const upstream = connect(Number(target.split(':').at(-1)), '127.0.0.1')
    keep(upstream)
    // The target may speak first: its words travel in one packet with the proxy's answer.
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(client)
      client.pipe(upstream)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: new URL(`http://127.0.0.1:${address.port}`),
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
