import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { ServerCertificates } from '../../src/sandbox/index.ts'

/** One move of the server. Without `expect` it speaks unasked. */
export interface SmtpMove {
  /** The next line must match it. */
  expect?: RegExp
  /** Reads a message up to its lone dot instead of a line. */
  content?: true
  /** Reads whatever comes. */
  anything?: true
  /** Written with CR LF. */
  reply?: string
  /** Written as it is, right behind the reply and in the same packet. */
  raw?: string
  next?: 'tls' | 'close' | 'reset' | 'silent'
}

export interface ScriptedSmtp extends AsyncDisposable {
  readonly port: number
  /** Lines received, AUTH arguments included; one list for each connection. */
  readonly lines: string[][]
  /** Messages received, still dot-stuffed. */
  readonly contents: string[]
  /** Resolves when the last move of every script was begun. */
  readonly played: Promise<void>
  /** Resolves when every connection so far is closed. */
  allClosed(): Promise<void>
}

/**
 * An SMTP server that plays one script for each connection. Disposing it fails when it met a line or connection
 * that was not in the script, or when a move was not played.
 */
export async function startScriptedSmtp(options: {
  scripts: SmtpMove[][]
  certificates?: ServerCertificates
  certificate?: keyof ServerCertificates
  implicitTls?: boolean
}): Promise<ScriptedSmtp> {
  const { scripts, certificates, certificate = 'valid', implicitTls = false } = options
  const sockets = new Set<Socket>()
  const surprises: string[] = []
  const lines: string[][] = []
  const contents: string[] = []
  const left = scripts.map((moves) => [...moves])
  let connections = 0
  let finished = () => {}
  const played = new Promise<void>((resolve) => {
    finished = resolve
  })

  function secured(socket: Socket): TLSSocket {
    const pair = certificates?.[certificate]
    if (pair === undefined) throw new Error('this script needs certificates')
    const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(pair) })
    tls.on('error', () => tls.destroy())
    return tls
  }

  async function play(plain: Socket, moves: SmtpMove[], heard: string[]): Promise<void> {
    let reader = createReader(implicitTls ? secured(plain) : plain)
    for (;;) {
      const move = moves[0]
      if (move === undefined) break
      if (move.expect !== undefined || move.content || move.anything) {
        const until = move.content ? '\r\n.\r\n' : move.anything ? '' : '\r\n'
        const text = await reader.read(until)
        if (text === undefined) return
        if (move.content) contents.push(text)
        else heard.push(text)
        if (move.expect && !move.expect.test(text)) {
          surprises.push(`“${text}” instead of ${move.expect}`)
        }
      }
      moves.shift()
      if (left.every((script) => script.length === 0)) finished()
      if (move.reply !== undefined || move.raw !== undefined) {
        const reply = move.reply === undefined ? '' : `${move.reply}\r\n`
        reader.socket.write(`${reply}${move.raw ?? ''}`)
      }
      if (move.next === 'close') return void reader.socket.end()
      if (move.next === 'reset') return void plain.resetAndDestroy()
      if (move.next === 'silent') return
      if (move.next === 'tls') reader = createReader(secured(reader.detach()))
    }
    const last = await reader.read('\r\n')
    if (last === undefined) return
    heard.push(last)
    if (last === 'QUIT') reader.socket.end('221 2.0.0 bye\r\n')
    else surprises.push(`“${last}” after the end of the script`)
  }

  const server = createServer((socket) => {
    const index = connections++
    const heard: string[] = []
    lines.push(heard)
    sockets.add(socket)
    // Replies to pipelined commands do not wait for each other.
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const moves = left[index]
    if (moves === undefined) {
      surprises.push('an unexpected connection')
      socket.destroy()
      return
    }
    play(socket, moves, heard).catch((error: unknown) => {
      surprises.push(String(error))
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  return {
    port: address.port,
    lines,
    contents,
    played,
    async allClosed() {
      await Promise.all(
        [...sockets].map((socket) => new Promise<void>((done) => socket.once('close', done))),
      )
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      const unused = left.flatMap((moves, i) =>
        moves.map(
          (move) =>
            `connection ${i + 1}: ${JSON.stringify({ ...move, expect: String(move.expect) })}`,
        ),
      )
      if (surprises.length > 0) throw new Error(`the SMTP server met ${surprises.join('; ')}`)
      if (unused.length > 0) throw new Error(`the SMTP server did not play ${unused.join('; ')}`)
    },
  }
}

function createReader(socket: Socket) {
  let buffered = ''
  let isOver = false
  let wake: (() => void) | undefined
  const onData = (chunk: Buffer) => {
    buffered += chunk.toString('latin1')
    wake?.()
  }
  const onEnd = () => {
    isOver = true
    wake?.()
  }
  socket.on('data', onData).on('close', onEnd).on('end', onEnd)
  return {
    socket,
    /** Undefined when the peer is gone. */
    async read(until: string): Promise<string | undefined> {
      for (;;) {
        const end = buffered.indexOf(until)
        if (until === '' ? buffered !== '' : end >= 0) {
          const text = buffered.slice(0, until === '' ? buffered.length : end)
          buffered = buffered.slice(text.length + until.length)
          return text
        }
        if (isOver) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    detach(): Socket {
      socket.off('data', onData).off('close', onEnd).off('end', onEnd)
      return socket
    },
  }
}
