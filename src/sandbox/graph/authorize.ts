import { SECOND_MS } from '../../platform/clock.ts'
import { isGraphAudience } from '../entra/index.ts'
import type { Tenant } from '../tenant.ts'
import { forbidden, type GraphAnswer, type GraphContext, unauthenticated } from './answers.ts'

/** Application permissions that may read every application and service principal. */
const READ_ALL = ['Application.Read.All', 'Application.ReadWrite.All', 'Directory.Read.All']
/** Reads what the caller owns; here that is its own registration. */
const READ_OWN = 'Application.ReadWrite.OwnedBy'

/** Which client ids the bearer may read, or the answer that refuses it. */
export type Authorization = { mayRead(clientId: string): boolean } | { refusal: GraphAnswer }

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
  if (READ_ALL.some((role) => granted.includes(role))) return { mayRead: () => true }
  if (granted.includes(READ_OWN)) {
    return { mayRead: (clientId) => clientId.toLowerCase() === appid }
  }
  return { refusal: forbidden(context) }
}
