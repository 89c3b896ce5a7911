import type { TenantModel } from '../model.ts'

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const NIL_GUID = '00000000-0000-0000-0000-000000000000'
const DNS_NAME = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$/

/** The AADSTS code that {tenant} of a token request earns; undefined when it names this tenant. */
export function findTenantProblem(tenant: string, model: TenantModel): number | undefined {
  const name = tenant.toLowerCase()
  if (isThisTenant(name, model)) return undefined
  if (name === 'common' || name === 'consumers') return 9001023
  if (name === 'organizations') return 50194
  if (name === NIL_GUID) return 900021
  if (GUID.test(name) || DNS_NAME.test(name)) return 90002
  return 900023
}

/** By directory id, initial domain or a verified domain; case does not count. */
export function isThisTenant(tenant: string, model: TenantModel): boolean {
  const { id, domain, verifiedDomains } = model.tenant
  const name = tenant.toLowerCase()
  return [id, domain, ...verifiedDomains].some((own) => own.toLowerCase() === name)
}
