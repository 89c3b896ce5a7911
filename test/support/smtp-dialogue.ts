import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'

/** One reply of an SMTP server. */
export interface SmtpReply {
  code: number
  /** Without line ends, codes included. */
  lines: string[]
  /** The lines joined by LF. */
  text: string
}

/** A client that says what it is told, line by line. */
export interface SmtpDialogue extends AsyncDisposable {
  readonly socket: Socket
  /** The next reply; rejects when the server closes the connection first. */
  read(): Promise<SmtpReply>
  /** Sends bytes as they are (Latin-1). */
  write(bytes: string): void
  /** Sends a line and reads the reply. */
  command(line: string): Promise<SmtpReply>
  /** STARTTLS and the handshake; the server's certificate is not checked unless `options` say so. */
  startTls(options?: ConnectionOptions): Promise<TLSSocket>
  /** The handshake alone. */
  upgrade(options?: ConnectionOptions): Promise<TLSSocket>
  /** Sends content with dots stuffed and the end mark, and reads the reply. */
  content(message: string): Promise<SmtpReply>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

interface Waiter {
  resolve(reply: SmtpReply): void
  reject(error: Error): void
}

export async function openSmtpDialogue(options: {
  port: number
  host?: string
}): Promise<SmtpDialogue> {
  const host = options.host ?? '127.0.0.1'
  const plain = connectTcp({ host, port: options.port })
  let socket: Socket = plain
  let buffered = ''
  let lines: string[] = []
  let isOver = false
  const replies: SmtpReply[] = []
  const waiters: Waiter[] = []

  function onData(chunk: Buffer): void {
    buffered += chunk.toString('latin1')
    for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
      lines.push(buffered.slice(0, end))
      buffered = buffered.slice(end + 2)
      const last = lines[lines.length - 1] ?? ''
      if (/^\d{3}-/.test(last)) continue
      const reply = { code: Number(last.slice(0, 3)), lines, text: lines.join('\n') }
      lines = []
      const waiter = waiters.shift()
      if (waiter === undefined) replies.push(reply)
      else waiter.resolve(reply)
    }
  }
  function onClose(): void {
    isOver = true
    for (const waiter of waiters.splice(0)) waiter.reject(new Error('connection closed'))
  }
  function attach(next: Socket): void {
    socket = next
    next.on('data', onData)
    next.on('error', () => next.destroy())
    next.on('close', onClose)
  }

  await new Promise<void>((resolve, reject) => {
    plain.once('connect', resolve)
    plain.once('error', reject)
  })
  plain.removeAllListeners('error')
  const closed = new Promise<void>((resolve) => plain.once('close', () => resolve()))
  attach(plain)

  const dialogue: SmtpDialogue = {
    get socket() {
      return socket
    },
    read() {
      const reply = replies.shift()
      if (reply !== undefined) return Promise.resolve(reply)
      if (isOver) return Promise.reject(new Error('connection closed'))
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
    },
    write: (bytes) => void socket.write(bytes, 'latin1'),
    command(line) {
      socket.write(`${line}\r\n`, 'latin1')
      return dialogue.read()
    },
    async startTls(tlsOptions) {
      const reply = await dialogue.command('STARTTLS')
      if (reply.code !== 220) throw new Error(`STARTTLS was refused: ${reply.text}`)
      return dialogue.upgrade(tlsOptions)
    },
    async upgrade(tlsOptions = { rejectUnauthorized: false }) {
      plain.off('data', onData)
      const secure = connectTls({ servername: 'localhost', ...tlsOptions, socket: plain })
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve)
        secure.once('error', reject)
        plain.once('close', () => reject(new Error('connection closed')))
      })
      secure.removeAllListeners('error')
      attach(secure)
      return secure
    },
    content: (message) => dialogue.command(`${message.replace(/(^|\r\n)\./g, '$1..')}\r\n.`),
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy()
      plain.destroy()
      await closed
    },
  }
  return dialogue
}

/** The initial response of XOAUTH2. */
export function xoauth2(user: string, token: string): string {
  return Buffer.from(`user=${user}\u0001auth=Bearer ${token}\u0001\u0001`).toString('base64')
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
