/** Whom a server counts connections of. */
export interface Mailbox {
  readonly server: { readonly host: string; readonly port: number }
  /** Empty: without a login the server sees one and the same client whatever the profile is. */
  readonly login: string
}

/** One connection's place at a mailbox. */
export interface Slot {
  /** Gives the place to the next who waits. A second call does nothing. */
  release(): void
  /** An urgent one waits for a place of this mailbox, and this is not the place of an urgent one. */
  readonly wanted: boolean
  /**
   * Calls whenever it becomes wanted; not for what is so already. One after the other is told, until the wait has
   * ended: a place that is given back at once spares the others. Returns the end of the subscription.
   */
  onWanted(listener: () => void): () => void
}

export interface AcquireOptions {
  /** Granted while fewer places than this are taken, whoever has them. */
  readonly most: number
  /** Goes before all who are not, and asks them to give a place up; those never pass it. */
  readonly urgent: boolean
  readonly signal?: AbortSignal | undefined
}

/** How many connections to one mailbox are open at once, by whomever. Made once, and given to all who open some. */
export interface MailboxSlots {
  /** Waits in turn. Rejects with the signal's reason. */
  acquire(mailbox: Mailbox, options: AcquireOptions): Promise<Slot>
}

interface Waiter {
  readonly most: number
  readonly urgent: boolean
  admit(): void
}

interface Holder {
  readonly urgent: boolean
  readonly listeners: Set<() => void>
}

/** With the last holder and waiter it goes. */
interface Places {
  readonly holders: Set<Holder>
  readonly urgent: Set<Waiter>
  readonly others: Set<Waiter>
}

/** The same however the host and the mailbox are written. */
export function keyOf({ server, login }: Mailbox): string {
  return JSON.stringify([server.host, server.port, login]).toLowerCase()
}

export function createMailboxSlots(): MailboxSlots {
  const mailboxes = new Map<string, Places>()

  /** Of the urgent, or without any of the others, the first one that its own limit lets in. */
  function nextOf({ holders, urgent, others }: Places): Waiter | undefined {
    const line = urgent.size > 0 ? urgent : others
    return [...line].find(({ most }) => holders.size < most)
  }

  function admitAll(key: string, places: Places): void {
    for (let next = nextOf(places); next !== undefined; next = nextOf(places)) next.admit()
    const { holders, urgent, others } = places
    if (holders.size + urgent.size + others.size === 0) mailboxes.delete(key)
  }

  function tellHolders({ holders, urgent }: Places): void {
    for (const holder of [...holders]) {
      if (holder.urgent) continue
      for (const listener of [...holder.listeners]) {
        if (urgent.size === 0) return
        listener()
      }
    }
  }

  function enter(key: string, places: Places, isUrgent: boolean): Slot {
    const { holders, urgent } = places
    const holder: Holder = { urgent: isUrgent, listeners: new Set() }
    holders.add(holder)
    return {
      release() {
        if (holders.delete(holder)) admitAll(key, places)
      },
      get wanted() {
        return holders.has(holder) && !isUrgent && urgent.size > 0
      },
      onWanted(listener) {
        // The same function may be handed in twice.
        const own = () => listener()
        holder.listeners.add(own)
        return () => void holder.listeners.delete(own)
      },
    }
  }

  return {
    async acquire(mailbox, { most, urgent, signal }) {
      signal?.throwIfAborted()
      if (most < 1) throw new TypeError('nobody could ever enter')
      const key = keyOf(mailbox)
      const places: Places = mailboxes.get(key) ?? {
        holders: new Set(),
        urgent: new Set(),
        others: new Set(),
      }
      mailboxes.set(key, places)
      const line = urgent ? places.urgent : places.others
      return new Promise<Slot>((resolve, reject) => {
        const leave = () => {
          line.delete(waiter)
          signal?.removeEventListener('abort', onAbort)
        }
        const onAbort = () => {
          leave()
          reject(signal?.reason)
          // It may have been the one that held the others up.
          admitAll(key, places)
        }
        const waiter: Waiter = {
          most,
          urgent,
          admit() {
            leave()
            resolve(enter(key, places, urgent))
          },
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        line.add(waiter)
        admitAll(key, places)
        if (urgent && line.has(waiter)) tellHolders(places)
      })
    },
  }
}
