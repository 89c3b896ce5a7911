import { isIP } from 'node:net'

/**
 * NO_PROXY as curl and most programs read it: names separated by commas or spaces; a name covers its subdomains, a
 * leading dot or `*.` is allowed, `*` covers everything, `name:port` only that port.
 */
export function bypassesProxy(noProxy: string, host: string, port: number): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => covers(entry, name, port))
}

function covers(entry: string, name: string, port: number): boolean {
  if (entry === '*') return true
  const [, bracketed, plain, entryPort] = /^(?:\[(.+)\]|(.+?))(?::(\d+))?$/.exec(entry) ?? []
  const isBareIpv6 = isIP(entry) === 6
  const host = (isBareIpv6 ? entry : (bracketed ?? plain ?? '')).replace(/^\*?\./, '')
  if (!isBareIpv6 && entryPort !== undefined && Number(entryPort) !== port) return false
  return name === host || (isIP(name) === 0 && name.endsWith(`.${host}`))
}
