import { domainToASCII } from 'node:url'
import type { RelayClient } from '../clients/index.ts'

/** Whose mail a client may hand in: the addresses and domains of its list, else the profile's sender alone. */
export interface SenderRules {
  allows(address: string): boolean
  /** For a sentence. */
  readonly shown: string
}

export function senderRules(
  client: Pick<RelayClient, 'allowedFrom'>,
  profileSender: string,
): SenderRules {
  const entries = client.allowedFrom.length === 0 ? [profileSender] : client.allowedFrom
  const allowed = new Set(entries.map(comparable))
  return {
    allows(address) {
      if (!address.includes('@')) return false
      if (allowed.has(address)) return true
      const key = comparable(address)
      return allowed.has(key) || allowed.has(key.slice(key.lastIndexOf('@')))
    },
    shown: entries.length > 3 ? `${entries.slice(0, 3).join(', ')} and others` : entries.join(', '),
  }
}

/** Lower case, the domain as it travels: `Ä@Bücher.example` and `ä@xn--bcher-kva.example` are the same. */
function comparable(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1).toLowerCase()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  const ascii = /^[\x00-\x7f]*$/.test(domain) ? domain : domainToASCII(domain) || domain
  return `${address.slice(0, at).toLowerCase()}@${ascii}`
}
