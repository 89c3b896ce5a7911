import { setImmediate as afterThisTurn } from 'node:timers/promises'
import { type Clock, MINUTE_MS, toIso } from '../platform/clock.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type Storage, storageError } from '../storage/index.ts'
import type { Authenticator, Principal } from './access.ts'
import { addressKey, createLoginLimiter } from './login-limiter.ts'
import { readScopes, withIncluded } from './scopes.ts'
import { createTokenStore, type TokenRow } from './store.ts'
import { bearerToken, hashOf, isUnguessable, sameHash } from './token-text.ts'

/** A token's last use is written at most this often. */
const USE_WRITTEN_EVERY_MS = MINUTE_MS
const MOST_CACHED = 1_000
const MOST_FAMILIAR = 10_000

interface KnownToken {
  readonly principal: Principal
  readonly expiresAt: number | null
  useWrittenAt: number
}

export interface AuthenticatorDeps {
  storage: Pick<Storage, 'db' | 'foreignChanges'>
  tokens: TokenChanges
  clock: Clock
  log: Logger
}

export interface TokenChanges {
  /** A number that is another one whenever this process has made, replaced or revoked a token. */
  changes(): number
}

export interface SettlingAuthenticator extends Authenticator {
  /** Resolves when the last uses that are being written are written, or have failed. */
  settled(): Promise<void>
}

/**
 * Known tokens are answered from memory, without a promise; the memory is dropped when any process has changed the
 * database, so a revocation counts at once.
 *
 * Failed logins block their address for the rest of the minute. Good tokens of others behind the same address go on
 * working: one that is unguessable is always looked up, since there is nothing to try out; a preset one, which may be
 * weak, passes a blocked address only where it has been used before.
 */
export function createAuthenticator(deps: AuthenticatorDeps): SettlingAuthenticator {
  const { clock, log } = deps
  const store = createTokenStore({ db: deps.storage.db })
  const limiter = createLoginLimiter({ clock })
  const cache = new Map<string, KnownToken>()
  const familiar = new Set<string>()
  const writing = new Set<Promise<void>>()
  let seen = { own: -1, foreign: -1 }
  /** What this turn of the event loop has found; undefined before its first request. */
  let lookedAt: number | undefined

  /**
   * The requests of one turn have all arrived before it, so one look at the file serves them: a look costs as much as
   * the rest of an answer to a poll.
   */
  function lookAtFile(): number {
    if (lookedAt === undefined) {
      lookedAt = foreignChanges(deps.storage)
      setImmediate(() => {
        lookedAt = undefined
      })
    }
    return lookedAt
  }

  /** Drops what is remembered when the tokens may have changed. */
  function refresh(): typeof seen {
    const own = deps.tokens.changes()
    const foreign = lookAtFile()
    if (own !== seen.own || foreign !== seen.foreign) {
      cache.clear()
      seen = { own, foreign }
    }
    return seen
  }

  function assertNotBlocked(address: string): void {
    const retryAfterMs = limiter.blockedForMs(address)
    if (retryAfterMs > 0) throw blocked(retryAfterMs)
  }

  function admit(known: KnownToken, caller: Caller): Principal {
    const { hash, guessable, address } = caller
    const now = clock.now()
    if (guessable) {
      const place = `${hash} ${addressKey(address)}`
      if (!familiar.has(place)) {
        assertNotBlocked(address)
        if (familiar.size >= MOST_FAMILIAR) familiar.clear()
        familiar.add(place)
      }
    }
    if (known.expiresAt !== null && now >= known.expiresAt) throw expired(known.expiresAt)
    if (Math.abs(now - known.useWrittenAt) >= USE_WRITTEN_EVERY_MS) {
      known.useWrittenAt = now
      noteUse(known.principal.tokenId, now)
    }
    return known.principal
  }

  function noteUse(tokenId: string, at: number): void {
    const write = afterThisTurn()
      .then(() => store.touch(tokenId, at))
      .catch((error: unknown) => {
        log.warn({ tokenId, reason: messageOf(error) }, 'last use of a token not written')
      })
      .finally(() => writing.delete(write))
    writing.add(write)
  }

  async function lookUp(caller: Caller): Promise<Principal> {
    const before = refresh()
    const row = await store.findByHash(caller.hash)
    if (row === undefined || row.revoked_at !== null || !sameHash(row.hash, caller.hash)) {
      assertNotBlocked(caller.address)
      if (limiter.fail(caller.address)) {
        log.warn({ address: caller.address }, 'too many failed logins: address blocked')
      }
      throw invalid()
    }
    const known = knownToken(row)
    // Not kept when the tokens changed during the look-up: the row may be older than the change.
    if (refresh() === before) {
      const [oldest] = cache.keys()
      if (oldest !== undefined && cache.size >= MOST_CACHED) cache.delete(oldest)
      cache.set(caller.hash, known)
    }
    return admit(known, caller)
  }

  return {
    authenticate(authorization, address) {
      const token = bearerToken(authorization)
      if (token === undefined) throw missing()
      const caller = { hash: hashOf(token), guessable: !isUnguessable(token), address }
      refresh()
      const known = cache.get(caller.hash)
      if (known !== undefined) return admit(known, caller)
      if (caller.guessable && !familiar.has(`${caller.hash} ${addressKey(address)}`)) {
        assertNotBlocked(address)
      }
      return lookUp(caller)
    },
    async settled() {
      await Promise.all(writing)
    },
  }
}

interface Caller {
  readonly hash: string
  readonly guessable: boolean
  readonly address: string
}

function knownToken(row: TokenRow): KnownToken {
  return {
    principal: {
      tokenId: row.id,
      name: row.name,
      scopes: withIncluded(readScopes(row.scopes)),
    },
    expiresAt: row.expires_at,
    useWrittenAt: row.last_used_at ?? 0,
  }
}

function foreignChanges(storage: Pick<Storage, 'foreignChanges'>): number {
  try {
    return storage.foreignChanges()
  } catch (cause) {
    throw storageError(cause) ?? cause
  }
}

function missing(): PosternError {
  return new PosternError(
    'This needs a token. Send it as “Authorization: Bearer pst_…”; an administrator makes one with “postern token create”.',
    { kind: 'unauthenticated', code: 'token_missing' },
  )
}

function invalid(): PosternError {
  return new PosternError(
    'This token is not known here, or it was revoked. Check that it was copied whole, or ask an administrator for a new one.',
    { kind: 'unauthenticated', code: 'token_invalid' },
  )
}

function expired(at: number): PosternError {
  return new PosternError(`This token ended at ${toIso(at)}. Ask an administrator for a new one.`, {
    kind: 'unauthenticated',
    code: 'token_expired',
  })
}

function blocked(retryAfterMs: number): PosternError {
  return new PosternError(
    'Too many failed logins from this address. Wait a minute, and check the token before trying again.',
    { kind: 'rate_limited', code: 'too_many_failed_logins', retryAfterMs },
  )
}
