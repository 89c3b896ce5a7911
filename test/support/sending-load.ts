import { createHash, randomUUID } from 'node:crypto'
import { systemClock } from '../../src/platform/clock.ts'
import type { Random } from './random.ts'
import { openRelaySender } from './relay-sender.ts'
import type { WireMail } from './wire-sink.ts'

/** A message that somebody has begun to hand in. */
interface Offer {
  readonly via: 'relay' | 'raw' | 'json'
  /** Of the bytes that must arrive; of JSON, of its text. */
  readonly length: number
  readonly digest: string
}

/** What the clients of an agent know: which messages they have begun, and which were answered with 250 or 202. */
export interface Ledger {
  readonly offered: ReadonlyMap<string, Offer>
  readonly accepted: ReadonlySet<string>
  /** Answers that no client should have got. */
  readonly refusals: readonly string[]
  /** Why these bytes are not the ones that were handed in; undefined: they are. */
  flawOf(mail: Pick<WireMail, 'messageId' | 'raw'>): string | undefined
}

export interface SendingLoad extends Ledger, AsyncDisposable {
  /** Resolves when so many more messages were accepted. */
  more(count: number): Promise<void>
  /** Lets every client end what it has under way. */
  stop(): Promise<void>
}

export interface SendingLoadOptions {
  relayPort: number
  /** Of the API. */
  url: string
  token: string
  sender: string
  client: { readonly username: string; readonly secret: string }
  /** Connections to the relay, each with one message at a time. */
  connections: number
  /** Callers of the API, each with one message at a time. */
  callers: number
  random: Random
  /** At each 250 and 202. */
  onAccepted?: () => void
}

const RETRY_MS = 15
const RECEIVED = /^Received: [^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n$/

export function digestOf(bytes: string | Buffer): string {
  return createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex')
}

/** Clients that hand in mail one after the other, and go on when the agent comes back after an end without notice. */
export function startSendingLoad(options: SendingLoadOptions): SendingLoad {
  const { relayPort, url, token, sender, client, random, onAccepted = () => {} } = options
  const offered = new Map<string, Offer>()
  const accepted = new Set<string>()
  const refusals: string[] = []
  const watchers = new Set<() => void>()
  let isStopping = false

  function accept(messageId: string): void {
    accepted.add(messageId)
    onAccepted()
    for (const watcher of [...watchers]) watcher()
  }

  function offer(via: Offer['via']): { messageId: string; content: string; to: string } {
    const messageId = `<${via}-${randomUUID()}@load.example>`
    // Now and then one that comes in several pieces.
    const bytes = random.next() < 0.02 ? random.between(300_000, 700_000) : random.between(50, 3000)
    const lines: string[] = []
    for (let length = 0; length < bytes; length += 72) {
      const line = random.next().toString(36).slice(2).repeat(8).slice(0, 70)
      lines.push(`${random.next() < 0.1 ? '.' : ''}${line}`)
    }
    const text = `${lines.join('\r\n')}\r\n`
    const content = [
      `From: <${sender}>`,
      'To: <ann@fabrikam.com>',
      'Date: Mon, 23 Nov 2026 10:00:00 +0000',
      `Message-ID: ${messageId}`,
      'Subject: load',
      '',
      text,
    ].join('\r\n')
    const bound = via === 'json' ? text : content
    offered.set(messageId, { via, length: bound.length, digest: digestOf(bound) })
    return { messageId, content: bound, to: `r${random.between(1, 99)}@fabrikam.com` }
  }

  async function relay(): Promise<void> {
    while (!isStopping) {
      try {
        await using connection = await openRelaySender({ port: relayPort, ...client })
        while (!isStopping) {
          const { messageId, content, to } = offer('relay')
          const reply = await connection.send({ from: sender, to: [to], content })
          if (reply.code === 250) accept(messageId)
          else refusals.push(reply.text)
        }
      } catch {
        await systemClock.sleep(RETRY_MS)
      }
    }
  }

  function request(message: ReturnType<typeof offer>, isRaw: boolean, key: string | undefined) {
    const { messageId, content, to } = message
    const query = isRaw ? `?to=${to}` : ''
    const json = { to, subject: 'load', text: content, headers: { 'Message-ID': messageId } }
    return fetch(`${url}/api/v1/messages${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': isRaw ? 'message/rfc822' : 'application/json',
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      body: isRaw ? Buffer.from(content, 'latin1') : JSON.stringify(json),
    })
  }

  async function call(): Promise<void> {
    while (!isStopping) {
      const isRaw = random.next() < 0.5
      const key = random.next() < 0.5 ? randomUUID() : undefined
      const message = offer(isRaw ? 'raw' : 'json')
      for (;;) {
        try {
          const answer = await request(message, isRaw, key)
          const text = await answer.text()
          if (answer.status === 202) accept(message.messageId)
          else refusals.push(`${answer.status} ${text}`)
          break
        } catch {
          await systemClock.sleep(RETRY_MS)
          // Without a key nobody may ask twice.
          if (key === undefined || isStopping) break
        }
      }
    }
  }

  const work = Promise.all([
    ...Array.from({ length: options.connections }, relay),
    ...Array.from({ length: options.callers }, call),
  ])
  async function stop(): Promise<void> {
    isStopping = true
    await work
  }

  return {
    offered,
    accepted,
    refusals,
    flawOf({ messageId, raw }) {
      const known = offered.get(messageId)
      if (known === undefined) return 'nobody has handed it in'
      const { via, length, digest } = known
      if (via === 'json') {
        // Composed here; its text is what was handed in.
        const text = raw.subarray(raw.length - length)
        return digestOf(text) === digest ? undefined : 'its text differs'
      }
      const added = raw.toString('latin1', 0, raw.length - length)
      if (digestOf(raw.subarray(raw.length - length)) !== digest) return 'its bytes differ'
      const isRight = via === 'raw' ? added === '' : RECEIVED.test(added)
      return isRight ? undefined : `it has got “${added}”`
    },
    more(count) {
      const enough = accepted.size + count
      return new Promise((resolve) => {
        const watcher = () => {
          if (accepted.size < enough) return
          watchers.delete(watcher)
          resolve()
        }
        watchers.add(watcher)
      })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
