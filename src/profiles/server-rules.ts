import type { AuthenticationInput, ServerDetails } from './api.ts'
import { cloudsOfHost } from './exchange-hosts.ts'
import type { Findings } from './findings.ts'
import { isLoopback, readHost } from './host-name.ts'
import { readText } from './text.ts'

const LONGEST_HOST = 255

export function readServerHost(
  value: unknown,
  field: string,
  findings: Findings,
): string | undefined {
  const text = readText(value, { field, label: 'Server host', maxLength: LONGEST_HOST }, findings)
  if (text === undefined) return undefined
  const wrong = (message: string) => {
    findings.problem(field, message)
    return undefined
  }
  if (text === '') return wrong('Server host is empty: enter a name such as smtp.office365.com.')
  if (text.includes('://')) {
    return wrong(
      'Server host must be the name alone, such as smtp.office365.com, without smtp:// or https://.',
    )
  }
  const host = readHost(text)
  if (host !== undefined) return host
  if (/^[^:]+:\d+$/.test(text)) {
    return wrong('Server host must be the name alone: enter the port in its own field.')
  }
  return wrong(
    'Server host must be a DNS name such as smtp.office365.com, or an IP address: correct it.',
  )
}

/** The rules that concern server and authentication together. */
export function checkConnection(
  server: ServerDetails,
  type: AuthenticationInput['type'],
  findings: Findings,
): void {
  const { host, port, security } = server
  const isExchangeOnline = cloudsOfHost(host) !== undefined
  // "How to set up a multifunction device or application to send email using Microsoft 365": STARTTLS on 587 or 25.
  if (port === 465 && (isExchangeOnline || type === 'exchangeOnline')) {
    findings.problem(
      'server.port',
      'Exchange Online does not offer port 465 (TLS from the first byte): use port 587 with security starttls.',
    )
  } else if (type === 'exchangeOnline' && security === 'tls') {
    findings.problem(
      'server.security',
      'Exchange Online does not offer TLS from the first byte: use security starttls with port 587.',
    )
  }
  if (type === 'exchangeOnline' && security === 'none') {
    findings.problem(
      'server.security',
      'Exchange Online takes a login only over TLS, and the access token would cross the network in clear: use security starttls.',
    )
  }
  if (type === 'basic' && security === 'none' && !isLoopback(host)) {
    findings.problem(
      'server.security',
      'Without TLS the password would cross the network in clear: use security starttls or tls.',
    )
  }
}
