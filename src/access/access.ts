import type { Kysely } from 'kysely'
import type { Tables } from '../storage/index.ts'
import type { Actor } from './actor.ts'
import type { AuditEntry, Scope, TokenCreated, TokenInput, TokenView } from './api.ts'

/** Who called, as far as a bearer token proves it. */
export interface Principal {
  readonly tokenId: string
  readonly name: string
  /** With everything that a scope includes: admin holds all, operator holds send and monitor. */
  readonly scopes: ReadonlySet<Scope>
}

export interface Tokens {
  create(input: TokenInput, actor: Actor): Promise<TokenCreated>
  list(): Promise<readonly TokenView[]>
  revoke(id: string, actor: Actor): Promise<void>
  /** Makes `token` (POSTERN_ADMIN_TOKEN) an admin token, once; a changed value replaces the former preset one. */
  ensurePreset(token: string): Promise<void>
  /** Says so in the log when a token of an earlier POSTERN_ADMIN_TOKEN still counts. */
  warnOfFormerPreset(): Promise<void>
  /**
   * On the very first start, when no token exists: makes an admin token and returns it. `keep` puts it where people find
   * it, before the token counts: a crash in between leaves a useless copy, never a token that nobody knows.
   */
  ensureFirst(keep: (token: string) => void): Promise<string | undefined>
}

export interface Authenticator {
  /**
   * Checks an Authorization header. Synchronous for tokens that are known, so that polling costs little.
   * Throws unauthenticated (token_missing, token_invalid, token_expired) or rate_limited (too_many_failed_logins).
   */
  authenticate(authorization: string | undefined, address: string): Principal | Promise<Principal>
}

export interface AuditRecord {
  readonly actor: Actor
  /** `profile.changed`, `token.created`, `alert.acknowledged`, … */
  readonly action: string
  readonly target: { readonly type: string; readonly id: string | null }
  /** Without secrets; undefined where there is none. */
  readonly before?: unknown
  readonly after?: unknown
}

export interface Audit {
  /** Inside a transaction when `executor` is one, so that a change and its record stand or fall together. */
  record(record: AuditRecord, executor?: Kysely<Tables>): Promise<void>
  /** Newest first. `before`: only entries with a smaller id. */
  list(options: {
    limit: number
    before?: number | undefined
    targetType?: string | undefined
    targetId?: string | undefined
  }): Promise<readonly AuditEntry[]>
}
