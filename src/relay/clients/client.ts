import type { Actor } from '../../access/index.ts'
import type { ClientSettings, RelayClientInput, RelayClientSaved, RelayClientView } from '../api.ts'

/** A client as the listener uses it. */
export interface RelayClient extends ClientSettings {
  readonly id: string
  readonly username: string | null
  /** Another one with each new secret. */
  readonly secretVersion: number
}

/** The clients as people manage them. */
export interface RelayClients extends AsyncDisposable {
  list(): Promise<readonly RelayClientView[]>
  /** Throws relay_client_not_found. */
  get(id: string): Promise<RelayClientView>
  /** Throws relay_client_invalid with every problem. */
  create(input: RelayClientInput, actor: Actor): Promise<RelayClientSaved>
  replace(id: string, input: RelayClientInput, actor: Actor): Promise<RelayClientSaved>
  remove(id: string, actor: Actor): Promise<void>
}

/** The clients as the listener asks for them: from memory, which follows what other processes write. */
export interface RelayClientBook {
  /** Looks whether another process has changed them; at most four times a second. */
  refresh(): Promise<void> | undefined
  /** Whether one is enabled. */
  hasAny(): boolean
  /** undefined: it is gone or switched off. */
  find(id: string): RelayClient | undefined
  /** The enabled one with this username, in any case, with what its secret is compared with. */
  forLogin(username: string): KnownSecret | undefined
  /** The enabled one that needs no login from there; of several the one with the narrowest network. */
  forAddress(address: string): RelayClient | undefined
  /** Called after they have been read anew. Returns the end of the subscription. */
  onChange(listener: () => void): () => void
  /** Keeps the time of an accepted message, at most once a minute. */
  noteUse(id: string): void
}

export interface KnownSecret {
  readonly client: RelayClient
  readonly type: 'generated' | 'password'
  readonly hash: string
}
