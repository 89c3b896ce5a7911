/** Domains of Microsoft's sign-in, Graph and mail servers in every cloud. */
const MICROSOFT_DOMAINS = [
  'microsoftonline.com',
  'microsoftonline.us',
  'microsoftonline.cn',
  'chinacloudapi.cn',
  'graph.microsoft.com',
  'graph.microsoft.us',
]

const EXCHANGE_ONLINE_DOMAINS = [
  'office365.com',
  'office365.us',
  'office.com',
  'outlook.com',
  'outlook.cn',
  'hve.mx.microsoft',
]

function isUnder(host: string, domains: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return domains.some((domain) => name === domain || name.endsWith(`.${domain}`))
}

export function isExchangeOnlineHost(host: string): boolean {
  return isUnder(host, EXCHANGE_ONLINE_DOMAINS)
}

export function isMicrosoftHost(host: string): boolean {
  return isUnder(host, MICROSOFT_DOMAINS) || isExchangeOnlineHost(host)
}
