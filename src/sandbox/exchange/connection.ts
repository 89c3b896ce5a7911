import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../../platform/clock.ts'

/** One client's connection as a queue of byte chunks, in the clear and then under TLS. */
export interface Connection {
  /** The next bytes; undefined once the client is gone. */
  pull(): Promise<Buffer | undefined>
  /** Gives bytes back that the next pull returns. */
  unread(rest: Buffer): void
  write(text: string): void
  /** Forgets all bytes that came in the clear (RFC 3207 §6) and shakes hands; false when that fails. */
  startTls(context: SecureContext): Promise<boolean>
  /** Closes after what was written has left. */
  end(): void
  /** Closes at once, without a word. */
  drop(): void
  /** Since when the server waits for this client; undefined while the server is the one that works. */
  waitingSince(): number | undefined
  readonly remoteAddress: string
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
  readonly closed: Promise<void>
}

/** More than this unread and the sender is slowed down. */
const HIGH_WATER_BYTES = 1024 * 1024

export function createConnection(deps: { socket: Socket; clock: Clock }): Connection {
  const { clock } = deps
  const plain = deps.socket
  const closing = new AbortController()
  const remoteAddress = (plain.remoteAddress ?? '').replace(/^::ffff:/, '')
  let socket = plain
  let queue: Buffer[] = []
  let queuedBytes = 0
  let atEnd = false
  let ended = false
  let waiter: ((chunk: Buffer | undefined) => void) | undefined
  let waitingSince: number | undefined

  function settle(chunk: Buffer | undefined): void {
    const wake = waiter
    waiter = undefined
    waitingSince = ended ? waitingSince : undefined
    wake?.(chunk)
  }
  function onData(chunk: Buffer): void {
    if (ended) return
    if (waiter !== undefined) {
      settle(chunk)
      return
    }
    queue.push(chunk)
    queuedBytes += chunk.length
    if (queuedBytes > HIGH_WATER_BYTES) socket.pause()
  }
  function onEnd(): void {
    atEnd = true
    settle(undefined)
  }
  function attach(next: Socket): void {
    socket = next
    socket.on('data', onData)
    socket.on('end', onEnd)
    // A reset by the peer ends the session like any other close.
    socket.on('error', () => socket.destroy())
    socket.on('close', onEnd)
  }

  plain.setNoDelay(true)
  attach(plain)
  const closed = new Promise<void>((resolve) => {
    plain.once('close', () => {
      onEnd()
      closing.abort(new Error('The client has closed the connection.'))
      resolve()
    })
  })

  return {
    async pull() {
      const chunk = queue.shift()
      if (chunk !== undefined) {
        queuedBytes -= chunk.length
        if (queuedBytes <= HIGH_WATER_BYTES && socket.isPaused()) socket.resume()
        return chunk
      }
      if (atEnd || ended) return undefined
      waitingSince = clock.now()
      return new Promise((resolve) => {
        waiter = resolve
      })
    },
    unread(rest) {
      if (rest.length === 0) return
      queue.unshift(rest)
      queuedBytes += rest.length
    },
    write(text) {
      if (socket.writable) socket.write(text, 'latin1')
    },
    async startTls(context) {
      plain.off('data', onData)
      plain.off('end', onEnd)
      queue = []
      queuedBytes = 0
      const secure = new TLSSocket(plain, { isServer: true, secureContext: context })
      waitingSince = clock.now()
      const done = await new Promise<boolean>((resolve) => {
        secure.once('secure', () => resolve(true))
        secure.once('error', () => resolve(false))
        secure.once('close', () => resolve(false))
        plain.once('close', () => resolve(false))
      })
      waitingSince = undefined
      if (done) attach(secure)
      else plain.destroy()
      return done
    },
    end() {
      if (ended) return
      ended = true
      waitingSince = clock.now()
      settle(undefined)
      socket.end()
      // What still comes is thrown away; unread bytes would turn the close into a reset that eats the last reply.
      socket.resume()
    },
    drop() {
      socket.destroy()
      plain.destroy()
    },
    waitingSince: () => waitingSince,
    remoteAddress,
    signal: closing.signal,
    closed,
  }
}
