import { SECOND_MS } from '../../platform/clock.ts'
import type { TenantModel } from '../model.ts'
import type { Tenant } from '../tenant.ts'
import type { Credentials } from './auth-dialogue.ts'
import { type FoundMailbox, findByGuid, findMailbox, isEffective, isSame } from './directory.ts'
import { REPLY } from './replies.ts'

/** Who a session sends as, and what is left to be checked when a message is handed to the mailbox. */
export interface Identity {
  /** The mailbox's primary address. */
  mailbox: string
  /** The application that needs FullAccess; undefined for passwords and Application RBAC. */
  fullAccessOf: string | undefined
  /** The mailbox cannot be opened, although AUTH succeeded. */
  logonFails: boolean
}

export type AuthDecision = { identity: Identity } | { refusal: string }

const ACCEPTED_AUDIENCES = ['https://outlook.office365.com', 'https://outlook.office.com']
const SEND_AS_APP = 'SMTP.SendAsApp'

export async function decideAuth(tenant: Tenant, given: Credentials): Promise<AuthDecision> {
  if (given.mechanism === 'LOGIN') return decideBasic(tenant.state(), given)
  // Everything wrong with the token has the same text: wrong signature, audience, tenant, role, mailbox, or its end has come.
  const verified = await tenant.verifyToken(given.token)
  const state = tenant.state()
  const failed = { refusal: REPLY.authFailed }
  if (verified === undefined) return failed
  const { claims } = verified
  const now = tenant.now()
  if (!isForExchange(claims, state, now)) return failed

  const clientId = textOf(claims, 'appid')
  const found = findMailbox(state, given.user)
  const permission = permissionOf({ claims, state, now, clientId, found })
  if (permission === undefined) return failed
  const isRegistered = hasServicePrincipal({ claims, state, now, clientId })
  if (!isRegistered && state.exchange.wrongServicePrincipal === '535@AUTH') return failed
  if (found === undefined) return failed
  const refusal = switchedOff(state, found)
  if (refusal !== undefined) return { refusal }
  return {
    identity: {
      mailbox: found.primary,
      fullAccessOf: permission === 'fullAccess' ? clientId : undefined,
      logonFails: !isRegistered,
    },
  }
}

type Claims = Readonly<Record<string, unknown>>

interface Case {
  claims: Claims
  state: TenantModel
  now: number
  clientId: string
}

function isForExchange(claims: Claims, state: TenantModel, now: number): boolean {
  const audience = textOf(claims, 'aud').replace(/\/$/, '')
  if (!ACCEPTED_AUDIENCES.includes(audience)) return false
  if (typeof claims['exp'] !== 'number' || claims['exp'] * SECOND_MS <= now) return false
  return isSame(textOf(claims, 'tid'), state.tenant.id)
}

/**
 * The consented role asks for FullAccess on the mailbox later; without it only Application RBAC lets the application in, for the
 * mailboxes in its scope. Delegated tokens, which carry scp or upn, have neither.
 * https://learn.microsoft.com/exchange/permissions-exo/application-rbac
 */
function permissionOf(
  given: Case & { found: FoundMailbox | undefined },
): 'fullAccess' | 'rbac' | undefined {
  const { claims, state, now, clientId, found } = given
  if (claims['scp'] !== undefined || claims['upn'] !== undefined) return undefined
  const roles = claims['roles']
  if (Array.isArray(roles) && roles.includes(SEND_AS_APP)) return 'fullAccess'
  const scope = findByGuid(state.exchange.rbac, clientId)
  if (scope === undefined || found === undefined || !isEffective(scope.effectiveAt, now))
    return undefined
  return scope.members.some((member) => isSame(member, found.primary)) ? 'rbac' : undefined
}

/** New-ServicePrincipal wants the Object ID of the Enterprise application, which is the token's oid. */
function hasServicePrincipal({ claims, state, now, clientId }: Case): boolean {
  const registered = findByGuid(state.exchange.servicePrincipals, clientId)
  if (registered === undefined || !isEffective(registered.effectiveAt, now)) return false
  return isSame(registered.objectId, textOf(claims, 'oid'))
}

/** Set-CASMailbox beats Set-TransportConfig, in both directions. */
function switchedOff(state: TenantModel, found: FoundMailbox): string | undefined {
  const ofMailbox = found.mailbox.smtpAuthDisabled
  if (ofMailbox === true) return REPLY.authDisabledForMailbox
  return ofMailbox === null && state.tenant.smtpAuthDisabled
    ? REPLY.authDisabledForTenant
    : undefined
}

function decideBasic(state: TenantModel, given: { user: string; password: string }): AuthDecision {
  const found = findMailbox(state, given.user)
  const refusal =
    (found && switchedOff(state, found)) ??
    (state.tenant.basicAuth === 'retired' ? REPLY.basicRetired : undefined) ??
    (state.tenant.basicAuth === 'disabled' ? REPLY.basicDisabled : undefined) ??
    (state.tenant.securityDefaults ? REPLY.basicSecurityDefaults : undefined)
  if (refusal !== undefined) return { refusal }
  const password = found?.mailbox.password ?? null
  if (found === undefined || password === null || password !== given.password) {
    return { refusal: REPLY.basicWrong }
  }
  return { identity: { mailbox: found.primary, fullAccessOf: undefined, logonFails: false } }
}

function textOf(claims: Claims, name: string): string {
  const value = claims[name]
  return typeof value === 'string' ? value : ''
}
