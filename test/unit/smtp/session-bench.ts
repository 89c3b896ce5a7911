import { createServer, type Socket } from 'node:net'
import { systemClock } from '../../../src/platform/clock.ts'
import {
  createSmtpSessions,
  type OutgoingMessage,
  type SmtpAuthentication,
  type SmtpServer,
  type SmtpSession,
  type SmtpSessionsDeps,
} from '../../../src/smtp/index.ts'
import { captureLog } from '../../support/log.ts'
import type { SmtpMove } from '../../support/scripted-smtp.ts'
import { at, GREETING, nobody, trust } from './fixtures.ts'

export function sessions(changes: Partial<SmtpSessionsDeps> = {}) {
  return createSmtpSessions({
    trust,
    clock: systemClock,
    log: captureLog().log,
    hostname: 'postern.contoso.com',
    timeouts: { connectMs: 10_000, greetingMs: 10_000, commandMs: 10_000, dataMs: 10_000 },
    ...changes,
  })
}

/** A session without encryption or login, unless said otherwise. */
export async function openSession(
  port: number,
  options: {
    deps?: Partial<SmtpSessionsDeps>
    security?: SmtpServer['security']
    authentication?: SmtpAuthentication
  } = {},
): Promise<SmtpSession> {
  const { deps, security = 'none', authentication = nobody } = options
  const opened = await sessions(deps).open({ server: at(port, security), authentication })
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure))
  return opened.value
}

export const BODY = Buffer.from('Subject: x\r\n\r\n.dot\r\nend\r\n')

export function outgoing(changes: Partial<OutgoingMessage> & { to?: string[] } = {}) {
  const { to = ['it@contoso.com'], ...rest } = changes
  const body = rest.body ?? BODY
  return {
    sender: 'alerts@contoso.com',
    recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
    smtpUtf8: false,
    eightBit: false,
    ret: null,
    envid: null,
    sizeBytes: body instanceof Uint8Array ? body.length : 0,
    body,
    ...rest,
  } satisfies OutgoingMessage
}

const ALL = 'PIPELINING 8BITMIME SMTPUTF8 DSN'

/** Greeting and EHLO of a server with these extensions, divided by blanks. */
export const greets = (extensions = ALL): SmtpMove[] => [
  GREETING,
  {
    expect: /^EHLO /,
    reply: [
      '250-mx.example',
      ...extensions.split(' ').map((name) => `250-${name}`),
      '250 HELP',
    ].join('\r\n'),
  },
]

/** A server that takes everything, and shows what it got byte for byte. */
export interface Sink extends AsyncDisposable {
  readonly port: number
  /** What came in one read each, for the commands. */
  readonly reads: string[]
  /** Contents as they were on the wire, ends included. */
  readonly contents: Buffer[]
  /** Bytes of content so far. */
  received(): number
  /** Reads no content until told to. */
  hold(): void
  letGo(): void
}

export async function startSink(): Promise<Sink> {
  const sockets = new Set<Socket>()
  const reads: string[] = []
  const contents: Buffer[] = []
  let received = 0
  let held = false
  let go = () => {}

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let content: Buffer[] | undefined
    let tail: Buffer = Buffer.from('\r\n')
    socket.write('220 sink\r\n')
    socket.on('data', (chunk) => {
      if (content === undefined) return commands(chunk)
      received += chunk.length
      content.push(chunk)
      tail = Buffer.concat([tail, chunk]).subarray(-5)
      if (tail.toString('latin1') !== '\r\n.\r\n') return
      contents.push(Buffer.concat(content))
      content = undefined
      socket.write('250 2.0.0 OK <sink-id@sink>\r\n')
    })
    function commands(chunk: Buffer): void {
      const text = chunk.toString()
      reads.push(text)
      for (const line of text.split('\r\n').slice(0, -1)) {
        if (line === 'DATA') {
          content = []
          tail = Buffer.from('\r\n')
          if (held) socket.pause()
          go = () => socket.resume()
          socket.write('354 go\r\n')
        } else if (line === 'QUIT') socket.end('221 bye\r\n')
        else if (line.startsWith('EHLO'))
          socket.write('250-sink\r\n250-PIPELINING\r\n250 SIZE 1000\r\n')
        else socket.write('250 ok\r\n')
      }
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    reads,
    contents,
    received: () => received,
    hold() {
      held = true
    },
    letGo() {
      held = false
      go()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Undoes dot-stuffing line by line, as a server does; undefined when the content is not ended where it should be. */
export function unstuffed(wire: Buffer): Buffer | undefined {
  const text = wire.toString('latin1')
  const lines = text.split('\r\n')
  if (lines.pop() !== '' || lines.pop() !== '.') return undefined
  if (lines.includes('.')) return undefined
  return Buffer.from(
    lines.map((line) => `${line.startsWith('.') ? line.slice(1) : line}\r\n`).join(''),
    'latin1',
  )
}
