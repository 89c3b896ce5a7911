import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Outcome } from '../../diagnosis/index.ts'
import { REQUIRED_ROLE } from '../claims.ts'
import { byAppId, type GraphAccess, type GraphCall, type GraphCallOptions } from './call.ts'

export interface GraphServicePrincipal {
  /** What New-ServicePrincipal wants. */
  readonly objectId: string
  readonly accountEnabled: boolean
}

/** Office 365 Exchange Online, in every tenant and cloud. */
const EXCHANGE_APP_ID = '00000002-0000-0ff1-ce00-000000000000'

const ServicePrincipalBody = Type.Object({
  id: Type.String({ minLength: 1 }),
  accountEnabled: Type.Union([Type.Boolean(), Type.Null()]),
})
const ResourceBody = Type.Object({
  id: Type.String({ minLength: 1 }),
  appRoles: Type.Array(
    Type.Object({
      id: Type.String(),
      value: Type.Union([Type.String(), Type.Null()]),
      allowedMemberTypes: Type.Array(Type.String()),
    }),
  ),
})
const AssignmentsBody = Type.Object({
  value: Type.Array(Type.Object({ appRoleId: Type.String(), resourceId: Type.String() })),
  '@odata.nextLink': Type.Optional(Type.String()),
})
/** An application with more assignments than this many pages of a hundred is none that sends mail. */
const MOST_PAGES = 10

const CHECK_CONSENT = 'check the consent to SMTP.SendAsApp'

export function readServicePrincipal(
  ask: GraphCall,
  access: GraphAccess,
  options: GraphCallOptions,
  operation = 'read the enterprise application',
): Promise<Outcome<GraphServicePrincipal>> {
  const path = `/servicePrincipals${byAppId(access.clientId)}?$select=id,appId,accountEnabled`
  return ask(access, { operation, method: 'GET', path, ...options }, (body) => {
    if (!Value.Check(ServicePrincipalBody, body)) return undefined
    return { objectId: body.id, accountEnabled: body.accountEnabled === true }
  })
}

/** The id of the role is resolved by its name: Microsoft publishes no list of them. */
async function readSmtpRole(ask: GraphCall, access: GraphAccess, options: GraphCallOptions) {
  const path = `/servicePrincipals${byAppId(EXCHANGE_APP_ID)}?$select=id,appRoles`
  const request = { operation: CHECK_CONSENT, method: 'GET', path, ...options } as const
  return ask(access, request, (body) => {
    if (!Value.Check(ResourceBody, body)) return undefined
    const role = body.appRoles.find(
      ({ value, allowedMemberTypes }) =>
        value === REQUIRED_ROLE && allowedMemberTypes.includes('Application'),
    )
    return role === undefined ? undefined : { roleId: role.id, resourceId: body.id }
  })
}

export async function hasSmtpConsent(
  ask: GraphCall,
  access: GraphAccess,
  options: GraphCallOptions,
): Promise<Outcome<boolean>> {
  const wanted = await readSmtpRole(ask, access, options)
  if (!wanted.ok) return wanted
  const principal = await readServicePrincipal(ask, access, options, CHECK_CONSENT)
  if (!principal.ok) return principal
  const { roleId, resourceId } = wanted.value
  let path = `/servicePrincipals/${encodeURIComponent(principal.value.objectId)}/appRoleAssignments`
  for (let page = 1; page <= MOST_PAGES; page++) {
    const request = { operation: CHECK_CONSENT, method: 'GET', path, ...options } as const
    const read = await ask(access, request, (body) =>
      Value.Check(AssignmentsBody, body) ? body : undefined,
    )
    if (!read.ok) return read
    const found = read.value.value.some(
      (item) => item.appRoleId === roleId && item.resourceId === resourceId,
    )
    if (found) return { ok: true, value: true }
    const next = nextPath(read.value['@odata.nextLink'], access)
    if (next === undefined) break
    path = next
  }
  return { ok: true, value: false }
}

/** The next page's path, when it is Graph's own: a token goes with the request. */
function nextPath(link: string | undefined, access: GraphAccess): string | undefined {
  const url = link === undefined ? null : URL.parse(link)
  if (url === null || url.origin !== new URL(access.cloud.graphUrl).origin) return undefined
  const path = `${url.pathname}${url.search}`
  return path.startsWith('/v1.0/') ? path.slice('/v1.0'.length) : undefined
}
