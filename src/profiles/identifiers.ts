import type { Findings } from './findings.ts'
import { readDomainName } from './host-name.ts'
import { readText } from './text.ts'

const GUID = /^\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$/i
/** Entra's client secrets: three characters, a digit, `Q~` and more; nobody's id looks like this. */
const LIKE_A_SECRET = /^[A-Za-z0-9_.~-]{3}\dQ~/
const MANY_TENANTS = ['common', 'organizations', 'consumers']
const LONGEST_ID = 255

/** The GUID in lower case and without braces. */
export function readGuid(text: string): string | undefined {
  return GUID.exec(text)?.[1]?.toLowerCase()
}

export function readTenantId(
  value: unknown,
  field: string,
  findings: Findings,
): string | undefined {
  const text = readText(value, { field, label: 'Tenant ID', maxLength: LONGEST_ID }, findings)
  if (text === undefined) return undefined
  const guid = readGuid(text)
  if (guid !== undefined) return guid
  const wrong = (message: string) => {
    findings.problem(field, message)
    return undefined
  }
  const where = 'paste the Directory (tenant) ID from the app registration’s Overview page'
  if (text === '') return wrong(`Tenant ID is empty: ${where}.`)
  if (MANY_TENANTS.includes(text.toLowerCase())) {
    return wrong(
      `Tenant ID must name one tenant: “${text.toLowerCase()}” works only where people sign in, and an application that signs in by itself is refused there. Please ${where}.`,
    )
  }
  if (LIKE_A_SECRET.test(text))
    return wrong(`Tenant ID holds what looks like a client secret: ${where}.`)
  if (text.includes('://'))
    return wrong(`Tenant ID must be the ID alone, not an address of a page: ${where}.`)
  if (text.includes('@')) {
    return wrong(`Tenant ID must be a GUID or a domain, not an email address: ${where}.`)
  }
  const domain = readDomainName(text)
  if (domain === undefined || !domain.includes('.')) {
    return wrong(
      `Tenant ID must be a GUID or a domain of the tenant such as contoso.onmicrosoft.com; a display name does not work: ${where}.`,
    )
  }
  return domain
}

export function readClientId(
  value: unknown,
  field: string,
  findings: Findings,
): string | undefined {
  const text = readText(value, { field, label: 'Client ID', maxLength: LONGEST_ID }, findings)
  if (text === undefined) return undefined
  const guid = readGuid(text)
  if (guid !== undefined) return guid
  const where = 'paste the Application (client) ID from the app registration’s Overview page'
  if (text === '') findings.problem(field, `Client ID is empty: ${where}.`)
  else if (LIKE_A_SECRET.test(text)) {
    findings.problem(field, `Client ID holds what looks like a client secret: ${where}.`)
  } else {
    findings.problem(
      field,
      `Client ID must be a GUID such as 11111111-2222-3333-4444-555555555555, not a name: ${where}.`,
    )
  }
  return undefined
}
