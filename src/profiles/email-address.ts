import type { Findings } from './findings.ts'
import { readDomainName } from './host-name.ts'
import { isOneLine } from './text.ts'

/** RFC 5321 §4.5.3.1.1 and §4.5.3.1.3 (a path of 256 octets with its angle brackets); counted in UTF-8. */
const LONGEST_LOCAL_PART = 64
const LONGEST_ADDRESS = 254

/** Dot-string of atoms (RFC 5321 §4.1.2), with characters beyond ASCII (RFC 6531 §3.3). */
const ATOM = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u{80}-\u{10FFFF}]+$/u
const SPACE_OR_INVISIBLE = /[\s\p{Cf}\p{Zs}]/u

/**
 * One address `local@domain`, its domain as it travels (lower case, IDNA). Undefined after telling the problem;
 * blank text gives ''.
 */
export function readEmailAddress(
  value: unknown,
  rule: { field: string; label: string },
  findings: Findings,
): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (text === '') return ''
  const wrong = (message: string) => {
    findings.problem(rule.field, `${rule.label} ${message}`)
    return undefined
  }
  if (!isOneLine(text))
    return wrong(
      'contains a line break or another control character: enter the address on one line.',
    )
  if (/[<>"]/.test(text))
    return wrong('must be the address alone, without a name, quotes or angle brackets.')
  if (/[,;]/.test(text)) return wrong('must be one address, not a list.')
  const at = text.lastIndexOf('@')
  if (at === -1) return wrong('has no @: enter a whole address such as alerts@contoso.com.')
  const local = text.slice(0, at).normalize('NFC')
  if (local === '')
    return wrong('has nothing before the @: enter a whole address such as alerts@contoso.com.')
  if (local.includes('@')) return wrong('has more than one @: enter one address.')
  if (SPACE_OR_INVISIBLE.test(local) || !local.split('.').every((atom) => ATOM.test(atom))) {
    return wrong('has a character or dot before the @ that an address cannot have: correct it.')
  }
  if (Buffer.byteLength(local) > LONGEST_LOCAL_PART) {
    return wrong(`is too long before the @: at most ${LONGEST_LOCAL_PART} bytes are possible.`)
  }
  const domain = readDomainName(text.slice(at + 1))
  if (domain === undefined || domain.includes('_')) {
    return wrong('has no valid domain after the @: correct it, as in alerts@contoso.com.')
  }
  const address = `${local}@${domain}`
  if (Buffer.byteLength(address) > LONGEST_ADDRESS) {
    return wrong(`is too long: at most ${LONGEST_ADDRESS} bytes are possible.`)
  }
  return address
}

export function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
