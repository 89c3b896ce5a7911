/** An address with its ESMTP parameters, as MAIL FROM and RCPT TO carry it (RFC 5321 §4.1.2). */
export interface Path {
  /** Empty for the null sender `<>`. */
  address: string
  /** Names in upper case; a parameter without value has undefined. */
  parameters: ReadonlyMap<string, string | undefined>
}

const QUOTED_LOCAL = /^"(?:[^"\\]|\\.)*"$/
const DOT_ATOM = /^[^\s<>()[\]\\,;:@".]+(?:\.[^\s<>()[\]\\,;:@".]+)*$/
const DOMAIN =
  /^(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?)(?:\.[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?)*$/u
const LITERAL = /^\[[0-9A-Fa-f:.]+\]$|^\[IPv6:[0-9A-Fa-f:.]+\]$/

/**
 * Reads what follows `FROM:` or `TO:`. Exchange also takes a blank before the address and an address without angle brackets.
 * `arguments`: the keyword is missing; `address`: no address can be read.
 */
export function parsePath(
  argument: string,
  keyword: 'FROM' | 'TO',
): Path | 'arguments' | 'address' {
  const prefix = `${keyword}:`
  if (argument.slice(0, prefix.length).toUpperCase() !== prefix) return 'arguments'
  const rest = argument.slice(prefix.length).trim()
  const found =
    /^<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?:\s+(.*))?$/.exec(rest) ??
    /^([^<>\s]+)(?:\s+(.*))?$/.exec(rest)
  if (found === null) return 'address'
  const [, given = '', tail = ''] = found
  const parameters = new Map<string, string | undefined>()
  for (const parameter of tail.split(/\s+/).filter(Boolean)) {
    const [name = '', ...value] = parameter.split('=')
    parameters.set(name.toUpperCase(), value.length > 0 ? value.join('=') : undefined)
  }
  // RFC 5321 §4.1.1.3: source routes are accepted and ignored.
  return { address: given.replace(/^@[^:]*:/, ''), parameters }
}

/** Whether it reads as local-part@domain; non-ASCII characters need SMTPUTF8 (RFC 6531 §3.3). */
export function isAddress(address: string, options: { utf8: boolean }): boolean {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  const domain = address.slice(at + 1)
  if (at < 1 || local.length > 64 || domain.length > 255) return false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is US-ASCII
  if (!options.utf8 && !/^[\x00-\x7f]*$/.test(address)) return false
  if (!DOT_ATOM.test(local) && !QUOTED_LOCAL.test(local)) return false
  return DOMAIN.test(domain) || LITERAL.test(domain)
}
