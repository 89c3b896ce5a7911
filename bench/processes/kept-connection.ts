import { once } from 'node:events'
import { connect } from 'node:net'
import type { LoadTarget } from '../load.ts'

/** One HTTP/1.1 connection with one request under way at a time. */
export interface KeptConnection {
  /** Resolves when the whole answer is there; rejects when it is no success. */
  ask(request: Buffer): Promise<void>
}

const HEAD_END = Buffer.from('\r\n\r\n')

export async function openConnection(url: URL): Promise<KeptConnection> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
  await once(socket, 'connect')
  let waiting: { resolve(): void; reject(error: Error): void } | undefined
  let head: Buffer = Buffer.alloc(0)
  /** Undefined while the head is still arriving. */
  let missingBytes: number | undefined

  function fail(error: Error): void {
    waiting?.reject(error)
  }

  function onData(chunk: Buffer): void {
    let arrived = chunk.length
    if (missingBytes === undefined) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      const headEnd = head.indexOf(HEAD_END)
      if (headEnd < 0) return
      const text = head.toString('latin1', 0, headEnd)
      const [, length] = /\r\ncontent-length: (\d+)/i.exec(text) ?? []
      if (!/^HTTP\/1\.1 20\d /.test(text) || length === undefined) {
        fail(new Error(`the server answered ${text}`))
        return
      }
      missingBytes = Number(length)
      arrived = head.length - headEnd - HEAD_END.length
      head = Buffer.alloc(0)
    }
    missingBytes -= arrived
    if (missingBytes > 0) return
    missingBytes = undefined
    waiting?.resolve()
  }

  socket
    .on('data', onData)
    .on('error', fail)
    .on('close', () => fail(new Error('the server closed the connection')))

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request)
      }),
  }
}

/** The bytes of a request, made once. */
export function requestTo({ url, authorization, body }: LoadTarget): Buffer {
  const { host, pathname } = new URL(url)
  const lines = [
    `${body === undefined ? 'GET' : 'POST'} ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    ...(body === undefined
      ? []
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
}
