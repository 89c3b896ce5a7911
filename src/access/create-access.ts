import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import type { Audit, Authenticator, Tokens } from './access.ts'
import { createAudit } from './audit.ts'
import { createAuthenticator } from './authenticator.ts'
import { createTokens } from './tokens.ts'

export interface Access extends AsyncDisposable {
  readonly tokens: Tokens
  readonly authenticator: Authenticator
  readonly audit: Audit
}

export interface AccessDeps {
  storage: Pick<Storage, 'db' | 'foreignChanges'>
  clock: Clock
  log: Logger
}

/** Disposing waits for the last uses that are still being written; do it before the storage closes. */
export function createAccess(deps: AccessDeps): Access {
  const audit = createAudit(deps)
  const tokens = createTokens({ ...deps, audit })
  const authenticator = createAuthenticator({ ...deps, tokens })
  return {
    tokens,
    authenticator,
    audit,
    [Symbol.asyncDispose]: () => authenticator.settled(),
  }
}
