import type { CertificateFacts, TransportFailure } from './failure.ts'
import { isMicrosoftHost } from './microsoft-hosts.ts'

/** Node.js TLS error codes for a chain that ends at an authority this machine does not trust. */
export const UNTRUSTED_CODES = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]

/** Products that open TLS on its way and close it again with a certificate of their own. */
const INSPECTING_PRODUCTS =
  /zscaler|netskope|fortinet|fortigate|palo alto|blue ?coat|symantec web|forcepoint|websense|sophos|check ?point|cisco umbrella|barracuda|mcafee|skyhigh|watchguard|sonicwall|untangle|cato networks|iboss|menlo|squid|mitmproxy|kaspersky|eset ssl|bitdefender|avast/i

function covers(name: string, host: string): boolean {
  const pattern = name.replace(/^DNS:/i, '').toLowerCase()
  if (!pattern.startsWith('*.')) return pattern === host
  const dot = host.indexOf('.')
  return dot > 0 && host.slice(dot) === pattern.slice(1)
}

/**
 * A certificate that carries the name of a Microsoft server but comes from an untrusted authority was
 * made on the way. A private authority on a server of one's own is no such sign.
 */
export function looksInspected(failure: TransportFailure): boolean {
  const { certificate } = failure
  if (certificate === undefined) return false
  if (INSPECTING_PRODUCTS.test(certificate.issuer)) return true
  const host = failure.host.toLowerCase()
  return (
    isMicrosoftHost(host) &&
    UNTRUSTED_CODES.includes(failure.code ?? '') &&
    certificate.names.some((name) => covers(name, host))
  )
}

/** `The certificate that came is for … (names …), issued by …, valid from … to … .` */
export function describeCertificate(certificate: CertificateFacts | undefined): string {
  if (certificate === undefined) return 'The certificate could not be read.'
  const names = certificate.names.slice(0, 10).map((name) => name.replace(/^DNS:/i, ''))
  const more = certificate.names.length > 10 ? ' and more' : ''
  const named = names.length === 0 ? 'no DNS names' : `DNS names ${names.join(', ')}${more}`
  return `The certificate that came is for “${certificate.subject}” (${named}), issued by “${certificate.issuer}”, valid from ${certificate.validFrom} to ${certificate.validTo}.`
}
