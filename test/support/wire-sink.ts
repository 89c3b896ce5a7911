import { createServer, type Socket } from 'node:net'

/**
 * Where the server may break off, in the order of the dialogue. It goes without an answer: to the connection, EHLO, MAIL,
 * RCPT, DATA, to a content that has begun (`content`), to a whole one that it has not kept (`lost`) or has kept (`kept`),
 * and in the middle of its 250 for one that it has kept (`answer`).
 */
export const BREAKS = [
  'connect',
  'ehlo',
  'mail',
  'rcpt',
  'data',
  'content',
  'lost',
  'kept',
  'answer',
] as const
export type Break = (typeof BREAKS)[number]

/** A message as it came over the wire, without the stuffed dots. */
export interface WireMail {
  readonly messageId: string
  readonly sender: string
  readonly recipients: readonly string[]
  readonly raw: Buffer
  /** From 1, in the order in which they came. */
  readonly connection: number
}

/** A server without login and TLS, of plain sockets and buffers: what it shows is what came. */
export interface WireSink extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly taken: readonly WireMail[]
  /** Numbers of the connections that are open now. */
  readonly open: ReadonlySet<number>
  readonly mostAtOnce: number
  /** Resolves when `enough` says so; looked at after each mail. */
  until(enough: () => boolean): Promise<void>
}

export interface WireSinkOptions {
  /** Asked at each place; true: the server breaks off there. */
  breaksAt?: (place: Break) => boolean
  /** What the 250 to a whole message waits for. */
  answerAfter?: () => Promise<void> | undefined
  /** Takes the mail in the place of `taken`, which stays empty. */
  take?: (mail: WireMail) => void
}

/** So much of a content, and then no more. */
const CONTENT_BEGUN_BYTES = 1_000
const TAKEN = '250 2.0.0 taken'
const END = Buffer.from('\r\n.\r\n')

export async function startWireSink(options: WireSinkOptions = {}): Promise<WireSink> {
  const { breaksAt = () => false, answerAfter = () => undefined } = options
  const taken: WireMail[] = []
  const take = options.take ?? ((mail: WireMail) => void taken.push(mail))
  const sockets = new Map<Socket, number>()
  const open = new Set<number>()
  const watchers = new Set<() => void>()
  let connections = 0
  let mostAtOnce = 0

  function serve(socket: Socket, connection: number): void {
    let sender = ''
    let recipients: string[] = []
    let line: Buffer = Buffer.alloc(0)
    let content: Buffer[] | undefined
    let contentBytes = 0
    let tail: Buffer = Buffer.alloc(0)

    /** True: it goes. */
    function leaves(place: Break): boolean {
      if (!breaksAt(place)) return false
      if (place === 'answer') socket.end('25')
      socket.destroySoon()
      return true
    }
    function answer(place: Break, reply: string): void {
      if (!leaves(place)) socket.write(`${reply}\r\n`)
    }

    function onLine(text: string): void {
      const [verb = ''] = text.split(' ', 1)
      switch (verb.toUpperCase()) {
        case 'EHLO':
          answer('ehlo', '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN')
          return
        case 'MAIL':
          sender = /<(.*?)>/.exec(text)?.[1] ?? ''
          recipients = []
          answer('mail', '250 2.1.0 sender ok')
          return
        case 'RCPT':
          recipients.push(/<(.*?)>/.exec(text)?.[1] ?? '')
          answer('rcpt', '250 2.1.5 recipient ok')
          return
        case 'DATA':
          content = []
          contentBytes = 0
          tail = Buffer.from('\r\n')
          answer('data', '354 go on')
          return
        case 'QUIT':
          socket.end('221 2.0.0 bye\r\n')
          return
        default:
          socket.write(
            `${verb === 'RSET' || verb === 'NOOP' ? '250 2.0.0 ok' : '500 5.5.1 what'}\r\n`,
          )
      }
    }

    function onContent(stuffed: Buffer): void {
      if (leaves('lost')) return
      const text = stuffed.toString('latin1')
      const raw = Buffer.from(text.replace(/(^|\r\n)\./g, '$1'), 'latin1')
      const head = raw.toString('latin1', 0, Math.max(0, raw.indexOf('\r\n\r\n')))
      const messageId = /^message-id:\s*(<[^>]+>)/im.exec(head)?.[1] ?? ''
      take({ messageId, sender, recipients, raw, connection })
      for (const watcher of [...watchers]) watcher()
      if (leaves('kept')) return
      const wait = answerAfter()
      if (wait === undefined) answer('answer', TAKEN)
      else void wait.then(() => answer('answer', TAKEN))
    }

    function onBytes(bytes: Buffer): void {
      if (content === undefined) {
        line = Buffer.concat([line, bytes])
        const end = line.indexOf('\r\n')
        if (end < 0) return
        const rest = line.subarray(end + 2)
        const text = line.toString('latin1', 0, end)
        line = Buffer.alloc(0)
        onLine(text)
        if (rest.length > 0 && !socket.destroyed) onBytes(rest)
        return
      }
      contentBytes += bytes.length
      if (contentBytes > CONTENT_BEGUN_BYTES && leaves('content')) return
      const joined = Buffer.concat([tail, bytes])
      const at = joined.indexOf(END)
      if (at < 0) {
        content.push(bytes)
        tail = joined.subarray(-4)
        return
      }
      const end = at + END.length - tail.length
      const whole = Buffer.concat([...content, bytes.subarray(0, end)])
      content = undefined
      onContent(whole.subarray(0, whole.length - 3))
      if (end < bytes.length && !socket.destroyed) onBytes(bytes.subarray(end))
    }

    socket.on('data', onBytes)
    if (!leaves('connect')) socket.write('220 sink\r\n')
  }

  const server = createServer((socket) => {
    const connection = ++connections
    sockets.set(socket, connection)
    open.add(connection)
    mostAtOnce = Math.max(mostAtOnce, open.size)
    socket.setNoDelay(true)
    // A client that is killed resets its connection.
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      open.delete(connection)
    })
    serve(socket, connection)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  return {
    host: '127.0.0.1',
    port: address.port,
    taken,
    open,
    get mostAtOnce() {
      return mostAtOnce
    },
    async until(enough) {
      if (enough()) return
      await new Promise<void>((resolve) => {
        const watcher = () => {
          if (!enough()) return
          watchers.delete(watcher)
          resolve()
        }
        watchers.add(watcher)
      })
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
