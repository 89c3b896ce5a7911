/** A message that the simulated Exchange Online has accepted and delivered. */
export interface InboxMessage {
  id: string
  /** ISO 8601, by the tenant's clock. */
  receivedAt: string
  /** The authenticated mailbox, or empty. */
  mailbox: string
  envelope: { from: string; to: string[] }
  /** Latin-1: byte for byte what arrived. */
  raw: string
  messageId: string
}

/** Delivered mail in the order of its arrival. */
export interface Inbox {
  list(): readonly InboxMessage[]
  add(message: InboxMessage): void
  clear(): void
  /** Resolves with the first message, already there or arriving, that matches. */
  waitFor(match: (message: InboxMessage) => boolean, signal?: AbortSignal): Promise<InboxMessage>
}

export function createInbox(): Inbox {
  let messages: readonly InboxMessage[] = []
  const arrivals = new Set<(message: InboxMessage) => void>()

  return {
    list: () => messages,
    add(message) {
      messages = [...messages, message]
      for (const arrival of [...arrivals]) arrival(message)
    },
    clear() {
      messages = []
    },
    waitFor(match, signal) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const present = messages.find(match)
        if (present !== undefined) {
          resolve(present)
          return
        }
        const onAbort = () => {
          arrivals.delete(arrival)
          reject(signal?.reason)
        }
        const arrival = (message: InboxMessage) => {
          if (!match(message)) return
          arrivals.delete(arrival)
          signal?.removeEventListener('abort', onAbort)
          resolve(message)
        }
        arrivals.add(arrival)
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}
