import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { MailTarget } from '../mail-load.ts'

/** The least that speaks SMTP: one question at a time, as old applications ask. */
export interface MailConnection {
  send(message: Buffer): Promise<void>
  /** QUIT, and the end of the connection. */
  quit(): Promise<void>
}

/** Opened, secured and logged in as the target wants it. */
export async function openMailConnection(target: MailTarget): Promise<MailConnection> {
  const { host, port, security, login, sender, recipient } = target
  let socket: Socket = connect({ host, port, noDelay: true })
  await once(socket, 'connect')
  let replies = createReplies(socket)

  async function ask(line: string | Buffer, wanted: number): Promise<void> {
    socket.write(line)
    await expectReply(wanted)
  }
  async function expectReply(wanted: number): Promise<void> {
    const reply = await replies.next()
    if (Number(reply.slice(0, 3)) !== wanted) {
      throw new Error(`${host}:${port} answered “${reply}” where ${wanted} was expected`)
    }
  }

  await expectReply(220)
  await ask('EHLO load.example\r\n', 250)
  if (security === 'starttls') {
    await ask('STARTTLS\r\n', 220)
    socket.removeAllListeners('data')
    const secure = connectTls({ socket, rejectUnauthorized: false })
    await once(secure, 'secureConnect')
    socket = secure
    replies = createReplies(socket)
    await ask('EHLO load.example\r\n', 250)
  }
  if (login !== null) {
    const token = Buffer.from(`\0${login.username}\0${login.password}`).toString('base64')
    await ask(`AUTH PLAIN ${token}\r\n`, 235)
  }

  return {
    async send(message) {
      await ask(`MAIL FROM:<${sender}>\r\n`, 250)
      await ask(`RCPT TO:<${recipient}>\r\n`, 250)
      await ask('DATA\r\n', 354)
      await ask(message, 250)
    },
    async quit() {
      await ask('QUIT\r\n', 221)
      socket.destroy()
    },
  }
}

function createReplies(socket: Socket): { next(): Promise<string> } {
  let text = ''
  let waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined
  let failure: Error | undefined

  function take(): string | undefined {
    // The last line of a reply has a blank behind its code.
    const end = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(text)
    if (end === null) return undefined
    text = text.slice(end[0].length)
    return end[0].trimEnd()
  }
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    const reply = waiting && take()
    if (reply === undefined) return
    waiting?.resolve(reply)
    waiting = undefined
  })
  const fail = (error: Error) => {
    failure = error
    waiting?.reject(error)
  }
  socket.on('error', fail).on('close', () => fail(new Error('the server closed the connection')))

  return {
    next() {
      const reply = take()
      if (reply !== undefined) return Promise.resolve(reply)
      if (failure !== undefined) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
  }
}
