/**
 * Access: who may call, and the record of who changed what.
 *
 * Promises: a token is 256 random bits, shown once and stored as a hash; a revocation counts from the next request on,
 * whichever process made it; a change and its audit record stand or fall together; no record holds a secret; an
 * address with ten failed logins in a minute is held off, without locking out good tokens behind it.
 *
 * States of a token: valid, then ended (its time is over) or revoked, for good.
 *
 * What survives a crash: tokens and audit records. What does not: the counts of failed logins, and up to a minute of
 * a token's last use.
 */
export type { Audit, AuditRecord, Authenticator, Principal, Tokens } from './access.ts'
export type { Actor } from './actor.ts'
export { AuditEntry, SCOPES, Scope, TokenCreated, TokenInput, TokenView } from './api.ts'
export { createAudit } from './audit.ts'
export { type Access, type AccessDeps, createAccess } from './create-access.ts'
export {
  type FirstAdminToken,
  INITIAL_TOKEN_FILE,
  prepareAdminToken,
} from './first-admin-token.ts'
export { ACCESS_TAG, accessRoutes } from './routes.ts'
