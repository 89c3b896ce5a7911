import { SECOND_MS } from '../../platform/clock.ts'
import { isGraphAudience } from '../entra/index.ts'
import type { Tenant } from '../tenant.ts'
import { type GraphAnswer, type GraphContext, unauthenticated } from './answers.ts'

/** Application permissions that may change every application. */
const WRITE_ALL = ['Application.ReadWrite.All']
/** Application permissions that may read every application and service principal. */
const READ_ALL = [...WRITE_ALL, 'Application.Read.All', 'Directory.Read.All']
/** Reads and changes what the caller owns; here that is its own registration. */
const OWNED = 'Application.ReadWrite.OwnedBy'

/** What the bearer may do with the application of a client id. */
export interface Rights {
  /** At least one application. */
  readonly readsAny: boolean
  isSelf(clientId: string): boolean
  mayRead(clientId: string): boolean
  mayWrite(clientId: string): boolean
}

export type Authorization = { rights: Rights } | { refusal: GraphAnswer }

export async function authorize(
  header: string | undefined,
  deps: { tenant: Tenant; graphUrl: string; context: GraphContext },
): Promise<Authorization> {
  const { tenant, context } = deps
  const refuse = (message: string) => ({ refusal: unauthenticated(message, context) })

  const token = /^Bearer\s+(.+)$/i.exec(header?.trim() ?? '')?.[1]
  if (token === undefined) return refuse('Access token is empty.')
  const verified = await tenant.verifyToken(token)
  if (verified === undefined) {
    return refuse('CompactToken parsing failed with error code: 80049217')
  }
  const { aud, exp, roles, appid } = verified.claims
  if (!isGraphAudience(aud, deps.graphUrl)) {
    return refuse('Access token validation failure. Invalid audience.')
  }
  if (typeof exp !== 'number' || exp * SECOND_MS <= context.nowMs) {
    return refuse('Access token has expired or is not yet valid.')
  }
  const granted: readonly unknown[] = Array.isArray(roles) ? roles : []
  const has = (names: readonly string[]) => names.some((name) => granted.includes(name))
  const isSelf = (clientId: string) => clientId.toLowerCase() === appid
  return {
    rights: {
      readsAny: has([...READ_ALL, OWNED]),
      isSelf,
      mayRead: (clientId) => has(READ_ALL) || (has([OWNED]) && isSelf(clientId)),
      mayWrite: (clientId) => has(WRITE_ALL) || (has([OWNED]) && isSelf(clientId)),
    },
  }
}
