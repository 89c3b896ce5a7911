import type { Actor, Audit } from '../../access/index.ts'
import type { Clock } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profiles } from '../../profiles/index.ts'
import type { Storage } from '../../storage/index.ts'
import { createClientBook } from './book.ts'
import type { RelayClientBook, RelayClients } from './client.ts'
import { type ClientDraft, readClientInput } from './rules.ts'
import { fastHash, hintOf, newSecret, slowHash } from './secret.ts'
import { type ClientRow, createClientStore } from './store.ts'
import { readStoredClient, viewOf } from './stored-client.ts'

export interface RelayClientsDeps {
  storage: Pick<Storage, 'db' | 'foreignChanges'>
  profiles: Pick<Profiles, 'find'>
  audit: Audit
  clock: Clock
  log: Logger
}

/** Disposing waits for the last uses that are still being written; do it before the storage closes. */
export async function createRelayClients(
  deps: RelayClientsDeps,
): Promise<RelayClients & RelayClientBook> {
  const { storage, profiles, audit, clock, log } = deps
  const store = createClientStore({ db: storage.db })
  const book = await createClientBook({ storage, store, clock, log })
  const isProfile = (id: string) => profiles.find(id) !== undefined

  async function rowOf(id: string): Promise<ClientRow> {
    const row = await store.find(id)
    if (row === undefined) throw notFound()
    return row
  }

  return {
    ...book,

    async list() {
      return (await store.list()).map(viewOf)
    },

    async get(id) {
      return viewOf(await rowOf(id))
    },

    async create(input, actor) {
      const draft = readClientInput(input, { current: undefined, isProfile })
      const { secret, columns } = await secretColumns(draft)
      const now = clock.now()
      const row: ClientRow = {
        secret_type: 'none',
        secret_hash: null,
        secret_hint: null,
        secret_version: 1,
        ...columns,
        id: newId(),
        ...nameColumns(draft),
        created_at: now,
        updated_at: now,
        last_used_at: null,
      }
      await storage.db.transaction().execute(async (transaction) => {
        assertFree(row, await store.list(transaction))
        await store.insert(row, transaction)
        await audit.record(
          { actor, action: 'relay_client.created', target: targetOf(row.id), after: recorded(row) },
          transaction,
        )
      })
      await book.reload()
      log.info(factsOf(row, actor), 'relay client created')
      return { ...viewOf(row), secret }
    },

    async replace(id, input, actor) {
      const before = await rowOf(id)
      const draft = readClientInput(input, { current: readStoredClient(before), isProfile })
      const { secret, columns } = await secretColumns(draft)
      const row = await storage.db.transaction().execute(async (transaction) => {
        const stored = await store.find(id, transaction)
        if (stored === undefined) throw notFound()
        const changed: ClientRow = {
          ...stored,
          ...(columns && { ...columns, secret_version: stored.secret_version + 1 }),
          ...nameColumns(draft),
          updated_at: clock.now(),
        }
        assertFree(changed, await store.list(transaction))
        const { last_used_at: _, ...values } = changed
        await store.update(values, transaction)
        await audit.record(
          {
            actor,
            action: 'relay_client.changed',
            target: targetOf(id),
            before: recorded(stored),
            after: recorded(changed),
          },
          transaction,
        )
        return changed
      })
      await book.reload()
      log.info(factsOf(row, actor), 'relay client changed')
      return { ...viewOf(row), secret }
    },

    async remove(id, actor) {
      const row = await rowOf(id)
      await storage.db.transaction().execute(async (transaction) => {
        await store.remove(id, transaction)
        await audit.record(
          { actor, action: 'relay_client.removed', target: targetOf(id), before: recorded(row) },
          transaction,
        )
      })
      await book.reload()
      log.info(factsOf(row, actor), 'relay client removed')
    },

    [Symbol.asyncDispose]: () => book.settled(),
  }
}

type SecretColumns = Pick<ClientRow, 'secret_type' | 'secret_hash' | 'secret_hint'>

/** `columns` undefined: the secret stays as it is. `secret`: what is shown once. */
async function secretColumns(
  draft: ClientDraft,
): Promise<{ secret: string | null; columns: SecretColumns | undefined }> {
  const { secret } = draft
  if (secret.type === 'keep') return { secret: null, columns: undefined }
  if (secret.type === 'none') {
    return {
      secret: null,
      columns: { secret_type: 'none', secret_hash: null, secret_hint: null },
    }
  }
  if (secret.type === 'password') {
    const secret_hash = await slowHash(secret.password)
    return { secret: null, columns: { secret_type: 'password', secret_hash, secret_hint: null } }
  }
  const made = newSecret()
  return {
    secret: made,
    columns: {
      secret_type: 'generated',
      secret_hash: fastHash(made),
      secret_hint: hintOf(made),
    },
  }
}

function nameColumns(draft: ClientDraft) {
  return {
    username: draft.username,
    username_key: draft.username?.toLowerCase() ?? null,
    settings: JSON.stringify(draft.settings),
  }
}

function assertFree(row: ClientRow, others: readonly ClientRow[]): void {
  if (row.username_key === null) return
  if (!others.some((other) => other.id !== row.id && other.username_key === row.username_key))
    return
  throw new PosternError(
    `Another relay client has the username “${row.username}”. Choose another username.`,
    { kind: 'conflict', code: 'relay_client_username_taken' },
  )
}

function notFound(): PosternError {
  return new PosternError('There is no relay client with this id. List the clients to find it.', {
    kind: 'not_found',
    code: 'relay_client_not_found',
  })
}

function targetOf(id: string) {
  return { type: 'relay_client', id }
}

/** What an audit record says of a client: no hash, but that the secret is another one. */
function recorded(row: ClientRow) {
  const { createdAt: _, updatedAt: __, lastUsedAt: ___, id: ____, ...view } = viewOf(row)
  return { ...view, secretVersion: row.secret_version }
}

function factsOf(row: ClientRow, actor: Actor) {
  return { clientId: row.id, username: row.username, by: actor.name }
}
