import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'

/** RFC 1035 §2.3.4 and RFC 1123 §2.1; the underscore is no host name but occurs in internal networks. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/
const NUMERIC_LABEL = /^(\d+|0x[0-9a-f]*)$/
/** Printable, and nothing that a URL parser would give a meaning of its own. */
const PLAIN = /^[^\s/\\:?#@[\]%<>|^`"]+$/u
const LONGEST_NAME = 253

/** The name as it travels (lower case, IDNA: RFC 5891), or undefined when it is none. A final dot is dropped. */
export function readDomainName(text: string): string | undefined {
  if (!PLAIN.test(text)) return undefined
  const ascii = domainToASCII(text.replace(/\.$/, ''))
  if (ascii === '' || ascii.length > LONGEST_NAME || isIP(ascii) !== 0) return undefined
  const labels = ascii.split('.')
  // A name that ends in a number is read as an IPv4 address by others (WHATWG URL §3.5).
  if (NUMERIC_LABEL.test(labels.at(-1) ?? '')) return undefined
  return labels.every((label) => LABEL.test(label)) ? ascii : undefined
}

/** A DNS name, an IPv4 or an IPv6 address (brackets are dropped), in lower case. */
export function readHost(text: string): string | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) !== 0) return bare.toLowerCase()
  return readDomainName(text)
}

/** RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || isLoopback4(host)
}

function isLoopback4(host: string): boolean {
  return isIP(host) === 4 && host.startsWith('127.')
}
