import { connect, createServer, type Socket } from 'node:net'

export interface ScriptedSocks extends AsyncDisposable {
  /** `socks5://127.0.0.1:port` */
  readonly url: URL
  /** What each client sent, one entry for each message of the dialogue, in hex. */
  readonly heard: string[]
  /** Resolves when no connection is open any more. */
  allClosed(): Promise<void>
}

export type SocksAnswer = readonly number[] | 'connect' | 'close' | 'silent'

/**
 * A SOCKS server that says the same whatever it hears: one entry of the script for each message of the client.
 * `connect` reaches 127.0.0.1 at the port that was asked for, and says yes together with the first words of the server.
 */
export async function startScriptedSocks(script: readonly SocksAnswer[]): Promise<ScriptedSocks> {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const watchers = new Set<() => void>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      for (const watcher of watchers) watcher()
    })
  }

  function forward(client: Socket, port: number): void {
    const upstream = connect(port, '127.0.0.1')
    keep(upstream)
    upstream.once('data', (first: Buffer) => {
      client.write(Buffer.concat([Uint8Array.from([5, 0, 0, 1, 10, 0, 0, 1, 4, 210]), first]))
      upstream.pipe(client)
      client.pipe(upstream)
    })
  }

  const server = createServer((client) => {
    keep(client)
    const left = [...script]
    const onData = (chunk: Buffer) => {
      heard.push(chunk.toString('hex'))
      const answer = left.shift() ?? 'close'
      if (answer === 'silent') return
      if (answer === 'close') return void client.destroy()
      if (answer === 'connect') {
        client.off('data', onData).pause()
        forward(client, chunk.readUInt16BE(chunk.length - 2))
        return
      }
      client.write(Uint8Array.from(answer))
    }
    client.on('data', onData)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: new URL(`socks5://127.0.0.1:${address.port}`),
    heard,
    async allClosed() {
      while (sockets.size > 0) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher)
            resolve()
          }
          watchers.add(watcher)
        })
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
