import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface TakenMail {
  readonly messageId: string
  readonly sender: string
  readonly recipients: readonly string[]
  readonly raw: Buffer
}

/** A server without login and TLS that takes every mail and remembers it in the order of its answers. */
export interface MailSink extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly taken: readonly TakenMail[]
  /** Most connections that were open at once. */
  readonly mostAtOnce: number
  /** Resolves when `enough` says so; looked at after each mail. */
  until(enough: () => boolean): Promise<void>
}

export async function startMailSink(): Promise<MailSink> {
  const taken: TakenMail[] = []
  const watchers = new Set<() => void>()
  let open = 0
  let mostAtOnce = 0
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onConnect(_session, done) {
      open++
      mostAtOnce = Math.max(mostAtOnce, open)
      done()
    },
    onClose() {
      open--
    },
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const raw = Buffer.concat(parts)
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          messageId: /^message-id:\s*(<[^>]+>)/im.exec(raw.toString('latin1'))?.[1] ?? '',
          sender: mailFrom ? mailFrom.address : '',
          recipients: rcptTo.map(({ address }) => address),
          raw,
        })
        done()
        for (const watcher of [...watchers]) watcher()
      })
    },
  })
  // A client that is killed resets its connection.
  server.on('error', () => {})
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const { port } = isAddress(address) ? address : { port: 0 }

  return {
    host: '127.0.0.1',
    port,
    taken,
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
      await new Promise<void>((resolve) => {
        server.close(resolve)
      })
    },
  }
}

function isAddress(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}
