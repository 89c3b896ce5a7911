import type { Failure, Outcome } from '../diagnosis/index.ts'
import type {
  ClientCredential,
  GraphAccess,
  GraphApplication,
  GraphClient,
} from '../entra/index.ts'
import type { CredentialVersion, Renewal } from '../profiles/index.ts'
import type { RenewalEntry } from './renewal-journal.ts'

export type RenewalGraph = Pick<
  GraphClient,
  'addKey' | 'addPassword' | 'isKeyRegistered' | 'readApplication' | 'removeKey' | 'removePassword'
>

/** The registration as Graph lists it; undefined where the application may not read itself. */
export type Listing = GraphApplication | undefined

export interface NewCredential {
  readonly credential: ClientCredential
  readonly expiresAt: number
}

export interface Added {
  /** Null: it is registered, but which key id it has is not known. */
  readonly keyId: string | null
  readonly made: NewCredential
}

interface Options {
  readonly listing: Listing
  readonly signal: AbortSignal
}

/** What differs between renewing a client secret and a certificate; the life around it is the same. */
export interface RenewalKind {
  readonly type: RenewalEntry['type']
  /** For sentences. */
  readonly noun: string
  /** Whether it can only be done by an application that may read its own registration. */
  readonly needsListing: boolean
  /** The lives to try, in days, the wanted one first. */
  lifetimesOf(renewal: Renewal): readonly number[]
  /** What has to be kept before Entra is asked; undefined: Entra itself makes the new one. */
  make(name: string, days: number): Promise<NewCredential | undefined>
  add(
    access: GraphAccess,
    wanted: { name: string; expiresAt: number; made: NewCredential | undefined },
    options: Options,
  ): Promise<Outcome<Added>>
  /**
   * After a lost answer: the new one, if it was added and can be used; `lost`: what was added can only be removed;
   * `absent`: nothing is known to be there.
   */
  recover(
    access: GraphAccess,
    entry: RenewalEntry,
    options: Options & { made: NewCredential | undefined },
  ): Promise<Outcome<Added | 'lost' | 'absent'>>
  remove(access: GraphAccess, keyId: string, options: Options): Promise<Outcome<null>>
  /** Which of the listed ones this renewal has added. */
  ownKeyIds(application: GraphApplication, entry: RenewalEntry): readonly string[]
  /** Which one of the listed is in use now; null where that is not certain. */
  activeKeyId(listing: Listing, active: CredentialVersion): string | null
  /** Which of the listed one the entry’s former credential is; undefined when none is. */
  isFormer(version: CredentialVersion, entry: RenewalEntry, listing: Listing): boolean
  /** Whether Postern may use this credential to ask for the removal of another one. */
  mayRemove(credential: ClientCredential): boolean
}

/** Unique, so that what was added is found again when the answer was lost. */
export function nameOf({ profileId, id }: Pick<RenewalEntry, 'profileId' | 'id'>): string {
  return `postern ${profileId} ${id}`
}

/** Graph has said no, so nothing was changed. Anything else leaves it open. */
export function isRefused(failure: Failure): boolean {
  if (failure.source === 'graph') {
    const { status } = failure
    return status >= 400 && status < 500 && status !== 408 && status !== 429
  }
  return failure.source === 'entra' || failure.source === 'settings' || failure.source === 'claims'
}

export function isForbidden(failure: Failure): boolean {
  return failure.source === 'graph' && failure.status === 403
}

/** `400 Request_BadRequest`, "No credentials found to be removed."; a proof that is refused may come with it, too. */
export function isAlreadyGone(failure: Failure): boolean {
  if (failure.source !== 'graph') return false
  const { status, code, message } = failure
  return status === 400 && code === 'Request_BadRequest' && !/proof/i.test(message)
}

export function isSameKeyId(one: string, other: string | null): boolean {
  return one.toLowerCase() === other?.toLowerCase()
}
