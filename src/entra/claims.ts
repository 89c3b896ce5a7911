import { decodeJwt } from 'jose'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ClaimsFailure } from '../diagnosis/index.ts'
import { SECOND_MS, toIso } from '../platform/clock.ts'

const text = Type.Optional(Type.String())

/** The claims that decide over a login at Exchange Online; a token has more. Read for diagnosis, never trusted. */
export const TokenClaims = Type.Object({
  aud: Type.String(),
  /** Application permissions. */
  roles: Type.Optional(Type.Array(Type.String())),
  /** Object ID of the enterprise application: what New-ServicePrincipal wants. */
  oid: text,
  tid: text,
  /** Client id. */
  appid: text,
  /** Epoch seconds by Entra's clock. */
  exp: Type.Optional(Type.Number()),
  iat: Type.Optional(Type.Number()),
  /** Only in delegated tokens. */
  scp: text,
  upn: text,
  app_displayname: text,
})
export type TokenClaims = Static<typeof TokenClaims>

/** Undefined when the token is no JWT or its claims have other types. */
export function readClaims(token: string): TokenClaims | undefined {
  try {
    const given = Object.entries(decodeJwt(token))
    const claims: unknown = Object.fromEntries(
      given.filter(([name]) => Object.hasOwn(TokenClaims.properties, name)),
    )
    return Value.Check(TokenClaims, claims) ? claims : undefined
  } catch {
    return undefined
  }
}

export interface AudienceExpectation {
  audiences: readonly string[]
  clientId: string
  tenantId: string
  now: number
}

export interface RoleExpectation {
  /** Exchange's application RBAC grants the right, so the token carries no role. */
  applicationRbac: boolean
}

export const REQUIRED_ROLE = 'SMTP.SendAsApp'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Is the token for Exchange Online, for this application and tenant, and still good? */
export function checkAudience(
  claims: TokenClaims,
  expected: AudienceExpectation,
): ClaimsFailure | undefined {
  const { audiences, clientId, tenantId, now } = expected
  if (!audiences.some((audience) => resource(audience) === resource(claims.aud))) {
    return failure(
      'audience',
      `The token is for ${claims.aud}, not for ${audiences.join(' or ') || 'a known resource'}.`,
    )
  }
  if (claims.appid !== undefined && !sameId(claims.appid, clientId)) {
    return failure(
      'other_application',
      `The token belongs to the application ${claims.appid}, not to ${clientId}.`,
    )
  }
  // A tenant given by its domain cannot be compared.
  if (claims.tid !== undefined && GUID.test(tenantId) && !sameId(claims.tid, tenantId)) {
    return failure(
      'other_application',
      `The token belongs to the tenant ${claims.tid}, not to ${tenantId}.`,
    )
  }
  if (claims.exp !== undefined && claims.exp * SECOND_MS <= now) {
    const ended = toIso(claims.exp * SECOND_MS)
    return failure(
      'expired',
      `The token ended at ${ended}, and the time here is ${toIso(now)}; when both were just now, one of the clocks is wrong.`,
    )
  }
  return undefined
}

/** Is it an application's token with the right to send? */
export function checkRole(
  claims: TokenClaims,
  expected: RoleExpectation,
): ClaimsFailure | undefined {
  if (claims.scp !== undefined || claims.upn !== undefined) {
    return failure(
      'delegated',
      `The token acts for a user (${claims.upn ?? claims.scp}), not for the application itself.`,
    )
  }
  const roles = claims.roles ?? []
  if (expected.applicationRbac || roles.includes(REQUIRED_ROLE)) return undefined
  return failure(
    'role_missing',
    `The token has ${roles.length === 0 ? 'no roles' : `the roles ${roles.join(', ')}`}, and ${REQUIRED_ROLE} is not among them.`,
  )
}

export function checkClaims(
  claims: TokenClaims,
  expected: AudienceExpectation & RoleExpectation,
): ClaimsFailure | undefined {
  return checkAudience(claims, expected) ?? checkRole(claims, expected)
}

function resource(audience: string): string {
  return audience.toLowerCase().replace(/\/+$/, '')
}

function sameId(one: string, other: string): boolean {
  return one.toLowerCase() === other.trim().toLowerCase()
}

function failure(problem: ClaimsFailure['problem'], detail: string): ClaimsFailure {
  return { source: 'claims', problem, detail }
}
