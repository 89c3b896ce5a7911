import { setImmediate as afterThisTurn } from 'node:timers/promises'
import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Storage } from '../../storage/index.ts'
import type { KnownSecret, RelayClient, RelayClientBook } from './client.ts'
import { type Network, plainAddress, readNetwork } from './networks.ts'
import type { ClientRow, ClientStore } from './store.ts'
import { readStoredClient } from './stored-client.ts'

const LOOK_EVERY_MS = 250
const USE_WRITTEN_EVERY_MS = MINUTE_MS

export interface LoadedBook extends RelayClientBook {
  /** Reads them anew after a change of this process. */
  reload(): Promise<void>
  /** Resolves when the last uses that are being written are written, or have failed. */
  settled(): Promise<void>
}

/** The clients in memory. A change of another process is seen within a quarter of a second. */
export async function createClientBook(deps: {
  storage: Pick<Storage, 'foreignChanges'>
  store: ClientStore
  clock: Clock
  log: Logger
}): Promise<LoadedBook> {
  const { storage, store, clock, log } = deps
  const listeners = new Set<() => void>()
  const useWrittenAt = new Map<string, number>()
  const writing = new Set<Promise<void>>()
  let index = indexOf([])
  let signature = ''
  let seen = -1
  /** Reads may overtake each other: how many were started, and which of them is in memory. */
  let started = 0
  let loaded = 0
  let lookedAt = Number.NEGATIVE_INFINITY

  function take(rows: readonly ClientRow[]): void {
    // A last use is no change, and the outbox writes to the same file all the time.
    const found = JSON.stringify(rows.map(({ last_used_at: _, ...row }) => row))
    if (found === signature) return
    signature = found
    index = indexOf(rows)
    for (const row of rows) {
      if (!useWrittenAt.has(row.id)) useWrittenAt.set(row.id, row.last_used_at ?? 0)
    }
    for (const listener of listeners) listener()
  }

  async function reload(): Promise<void> {
    started += 1
    const number = started
    const changes = storage.foreignChanges()
    const rows = await store.list()
    if (number < loaded) return
    loaded = number
    seen = changes
    take(rows)
  }
  await reload()

  return {
    reload,
    refresh() {
      const now = clock.now()
      if (Math.abs(now - lookedAt) < LOOK_EVERY_MS) return undefined
      lookedAt = now
      return storage.foreignChanges() === seen ? undefined : reload()
    },
    hasAny: () => index.byId.size > 0,
    find: (id) => index.byId.get(id),
    forLogin: (username) => index.byUsername.get(username.toLowerCase()),
    forAddress(address) {
      const plain = plainAddress(address)
      return index.byNetwork.find(({ network }) => network.contains(plain))?.client
    },
    noteUse(id) {
      const now = clock.now()
      if (Math.abs(now - (useWrittenAt.get(id) ?? 0)) < USE_WRITTEN_EVERY_MS) return
      useWrittenAt.set(id, now)
      const write = afterThisTurn()
        .then(() => store.touch(id, now))
        .catch((error: unknown) => {
          log.warn({ clientId: id, reason: messageOf(error) }, 'last use of a client not written')
        })
        .finally(() => writing.delete(write))
      writing.add(write)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async settled() {
      await Promise.all(writing)
    },
  }
}

interface Index {
  readonly byId: ReadonlyMap<string, RelayClient>
  readonly byUsername: ReadonlyMap<string, KnownSecret>
  /** Of clients without a login, the narrowest first. */
  readonly byNetwork: readonly { readonly network: Network; readonly client: RelayClient }[]
}

function indexOf(rows: readonly ClientRow[]): Index {
  const pairs = rows
    .map((row) => ({ row, client: readStoredClient(row) }))
    .filter(({ client }) => client.enabled)
  return {
    byId: new Map(pairs.map(({ client }) => [client.id, client])),
    byUsername: new Map(pairs.flatMap(({ row, client }) => secretOf(row, client))),
    byNetwork: pairs
      .filter(({ client }) => client.authentication === 'address')
      .flatMap(({ client }) =>
        client.addresses.flatMap((text) => {
          const network = readNetwork(text)
          return network === undefined ? [] : [{ network, client }]
        }),
      )
      .sort((one, other) => one.network.width - other.network.width),
  }
}

function secretOf(row: ClientRow, client: RelayClient): [string, KnownSecret][] {
  const { secret_type: type, secret_hash: hash, username_key: key } = row
  if (type === 'none' || hash === null || key === null) return []
  return [[key, { client, type, hash }]]
}
