/**
 * Where Microsoft 365 lives in each cloud. The worldwide values are Microsoft's documented ones ("Authenticate an
 * IMAP, POP or SMTP connection using OAuth", "National cloud deployments"); of the sovereign clouds only the
 * authorities, Graph hosts, portals and PowerShell names are, so `custom` can override every one.
 */
export interface Cloud {
  id: string
  title: string
  /** https origin without a path. */
  authority: string
  /** What a token is asked for: a resource with /.default. */
  scope: string
  /** What Exchange Online accepts as the token's `aud`. */
  audiences: readonly string[]
  /** https origin without a path. */
  graphUrl: string
  smtpHost: string
  smtpPort: number
  portalUrl: string
  /** For Connect-ExchangeOnline; null: the worldwide default. */
  exchangeEnvironmentName: string | null
}

export type CloudId = 'worldwide' | 'usGovHigh' | 'usGovDod' | 'china'

export const CLOUDS: Readonly<Record<CloudId, Cloud>> = {
  worldwide: {
    id: 'worldwide',
    title: 'Worldwide and GCC',
    authority: 'https://login.microsoftonline.com',
    scope: 'https://outlook.office365.com/.default',
    audiences: ['https://outlook.office365.com', 'https://outlook.office.com'],
    graphUrl: 'https://graph.microsoft.com',
    smtpHost: 'smtp.office365.com',
    smtpPort: 587,
    portalUrl: 'https://portal.azure.com',
    exchangeEnvironmentName: null,
  },
  usGovHigh: {
    id: 'usGovHigh',
    title: 'US Government GCC High',
    authority: 'https://login.microsoftonline.us',
    scope: 'https://outlook.office365.us/.default',
    audiences: ['https://outlook.office365.us'],
    graphUrl: 'https://graph.microsoft.us',
    smtpHost: 'smtp.office365.us',
    smtpPort: 587,
    portalUrl: 'https://portal.azure.us',
    exchangeEnvironmentName: 'O365USGovGCCHigh',
  },
  usGovDod: {
    id: 'usGovDod',
    title: 'US Government DoD',
    authority: 'https://login.microsoftonline.us',
    scope: 'https://outlook-dod.office365.us/.default',
    audiences: ['https://outlook-dod.office365.us', 'https://outlook.office365.us'],
    graphUrl: 'https://dod-graph.microsoft.us',
    smtpHost: 'outlook-dod.office365.us',
    smtpPort: 587,
    portalUrl: 'https://portal.azure.us',
    exchangeEnvironmentName: 'O365USGovDoD',
  },
  china: {
    id: 'china',
    title: 'China (21Vianet)',
    authority: 'https://login.partner.microsoftonline.cn',
    scope: 'https://partner.outlook.cn/.default',
    audiences: ['https://partner.outlook.cn'],
    graphUrl: 'https://microsoftgraph.chinacloudapi.cn',
    smtpHost: 'smtp.partner.outlook.cn',
    smtpPort: 587,
    portalUrl: 'https://portal.azure.cn',
    exchangeEnvironmentName: 'O365China',
  },
}

/** Whose API a token is for. */
export type Resource = 'exchange' | 'graph'

/** What a token for the resource is asked for. */
export function scopeOf(cloud: Cloud, resource: Resource): string {
  return resource === 'graph' ? `${cloud.graphUrl}/.default` : cloud.scope
}

export function findCloud(id: string): Cloud | undefined {
  return Object.values(CLOUDS).find((cloud) => cloud.id === id)
}

/** A cloud given by a profile. The caller has checked that authority and graphUrl are https. */
export function customCloud(given: {
  authority: string
  scope: string
  graphUrl: string
  smtpHost: string
  smtpPort: number
}): Cloud {
  return {
    ...given,
    id: 'custom',
    title: 'Custom',
    authority: new URL(given.authority).origin,
    graphUrl: new URL(given.graphUrl).origin,
    audiences: [given.scope.replace(/\/\.default$/, '')],
    portalUrl: 'https://portal.azure.com',
    exchangeEnvironmentName: null,
  }
}
