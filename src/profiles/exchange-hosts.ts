import type { CloudId } from './api.ts'

/**
 * Domains of Exchange Online's submission hosts and the clouds that they serve (Microsoft 365 endpoint lists; HVE:
 * "Manage High Volume Email for Microsoft 365").
 */
const DOMAINS: readonly (readonly [string, readonly CloudId[]])[] = [
  ['office365.com', ['worldwide']],
  ['mail.protection.outlook.com', ['worldwide']],
  ['hve.mx.microsoft', ['worldwide']],
  ['outlook-dod.office365.us', ['usGovDod']],
  ['office365.us', ['usGovHigh', 'usGovDod']],
  ['outlook.cn', ['china']],
]

/** The clouds whose Exchange Online answers under this name; undefined when it is another server. */
export function cloudsOfHost(host: string): readonly CloudId[] | undefined {
  return DOMAINS.find(([domain]) => host === domain || host.endsWith(`.${domain}`))?.[1]
}
