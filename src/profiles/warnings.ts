import { DAY_MS, toIsoDay } from '../platform/clock.ts'
import type { Warning } from './api.ts'
import { deliveryWarnings } from './delivery-limits.ts'
import { sameAddress } from './email-address.ts'
import { cloudsOfHost } from './exchange-hosts.ts'
import { isLoopback } from './host-name.ts'
import type { CredentialFacts } from './profile.ts'
import type { Settings } from './settings.ts'

/** The longest life that the portal offers for a new client secret: 24 months with a leap day, and the last day whole. */
const LONGEST_SECRET_LIFE_MS = 732 * DAY_MS

export interface WarningFacts {
  readonly settings: Settings
  readonly credential: CredentialFacts | null
  readonly damaged: boolean
  readonly managed: boolean
  readonly allowCustomCloud: boolean
  readonly now: number
}

/** What is accepted but worth knowing. */
export function warningsOf(facts: WarningFacts): readonly Warning[] {
  if (facts.damaged) {
    return [
      {
        field: '',
        message:
          'The stored settings of this profile are damaged, so it cannot send: enter server and authentication again.',
      },
    ]
  }
  return [
    ...senderWarnings(facts.settings),
    ...serverWarnings(facts.settings),
    ...deliveryWarnings(facts.settings),
    ...applicationWarnings(facts),
    ...credentialWarnings(facts),
    ...renewalWarnings(facts),
  ]
}

function senderWarnings(settings: Settings): readonly Warning[] {
  const { senderEmailAddress, errorEmailAddress } = settings
  const warnings: Warning[] = []
  if (!(senderEmailAddress.split('@')[1] ?? '').includes('.')) {
    warnings.push({
      field: 'senderEmailAddress',
      message: 'The sender’s domain has no dot: check that it is complete, as in contoso.com.',
    })
  }
  if (errorEmailAddress !== null && sameAddress(errorEmailAddress, senderEmailAddress)) {
    warnings.push({
      field: 'errorEmailAddress',
      message:
        'Error emails go to the sender’s own mailbox: when that mailbox has a problem nobody is told. Enter the address of a person or team.',
    })
  }
  return warnings
}

function serverWarnings({ server, authentication }: Settings): readonly Warning[] {
  const { host, port, security } = server
  const warnings: Warning[] = []
  const clouds = cloudsOfHost(host)
  if (authentication.type === 'basic' && clouds !== undefined) {
    // Exchange Team Blog, 27 January 2026.
    warnings.push({
      field: 'authentication.type',
      message:
        'Exchange Online switches basic authentication off by default at the end of December 2026, and for good at a date that Microsoft announces in the second half of 2027: change to Microsoft Exchange Online (OAuth) before.',
    })
  }
  if (authentication.type === 'exchangeOnline' && authentication.cloud !== 'custom') {
    const { cloud } = authentication
    if (clouds === undefined) {
      warnings.push({
        field: 'server.host',
        message:
          'This host does not look like Exchange Online: the access token is sent to it. Check the name.',
      })
    } else if (!clouds.includes(cloud)) {
      warnings.push({
        field: 'server.host',
        message: `This host belongs to another Microsoft cloud than “${cloud}”: tokens of one cloud are refused in another. Change host or cloud.`,
      })
    }
  }
  if (port === 465 && security === 'starttls') {
    warnings.push({
      field: 'server.security',
      message: 'Port 465 usually expects security tls; starttls belongs to port 587.',
    })
  }
  if (port === 587 && security === 'tls') {
    warnings.push({
      field: 'server.security',
      message: 'Port 587 usually expects security starttls; tls belongs to port 465.',
    })
  }
  if (security === 'none' && !isLoopback(host)) {
    warnings.push({
      field: 'server.security',
      message: 'Without TLS, mail crosses the network in clear and the server is not identified.',
    })
  }
  return warnings
}

function applicationWarnings({ settings, allowCustomCloud }: WarningFacts): readonly Warning[] {
  const { authentication } = settings
  if (authentication.type !== 'exchangeOnline') return []
  const warnings: Warning[] = []
  if (authentication.clientId === authentication.tenantId) {
    warnings.push({
      field: 'authentication.clientId',
      message:
        'Client ID and tenant ID are the same: one of them was pasted twice. Copy both from the app registration’s Overview page.',
    })
  }
  if (authentication.cloud === 'custom' && !allowCustomCloud) {
    warnings.push({
      field: 'authentication.cloud',
      message:
        'A custom cloud is no longer allowed, so this profile cannot log in: choose one of Microsoft’s clouds, or start Postern with POSTERN_ALLOW_CUSTOM_CLOUD=true.',
    })
  }
  return warnings
}

function credentialWarnings({ settings, credential, now }: WarningFacts): readonly Warning[] {
  const { type } = settings.authentication
  if (type === 'none') return []
  const { name, field } = wordsFor(type, credential)
  if (credential === null) {
    return [
      { field, message: `No ${name} is stored yet, so this profile cannot log in: enter it.` },
    ]
  }
  if (!credential.readable) {
    return [
      {
        field,
        message: `The stored ${name} was sealed with another master key and cannot be opened: enter it again, or start Postern with that key.`,
      },
    ]
  }
  if (credential.type === 'password') return []
  return credential.type === 'certificate'
    ? certificateWarnings(credential.expiresAt, now)
    : expiryWarnings(credential.expiresAt, now)
}

function renewalWarnings({ settings, managed }: WarningFacts): readonly Warning[] {
  const { authentication } = settings
  if (authentication.type !== 'exchangeOnline' || authentication.renewal?.enabled !== true)
    return []
  if (!managed) return []
  const message =
    'The credential is not renewed, because it comes from the settings file, which Postern does not write: renew it there, or keep the profile in Postern alone.'
  return [{ field: 'authentication.renewal.enabled', message }]
}

function wordsFor(
  type: 'basic' | 'exchangeOnline',
  credential: CredentialFacts | null,
): { name: string; field: string } {
  if (type === 'basic') return { name: 'password', field: 'authentication.password' }
  return credential?.type === 'certificate'
    ? { name: 'private key', field: 'authentication.credential.certificate' }
    : { name: 'client secret', field: 'authentication.credential.value' }
}

function certificateWarnings(expiresAt: number | null, now: number): readonly Warning[] {
  if (expiresAt === null || expiresAt > now) return []
  return [
    {
      field: 'authentication.credential.certificate',
      message: `The certificate ended on ${toIsoDay(expiresAt)}: make a new one, upload it to the app registration and enter it here.`,
    },
  ]
}

function expiryWarnings(expiresAt: number | null, now: number): readonly Warning[] {
  const field = 'authentication.credential.expiresAt'
  if (expiresAt === null) {
    return [
      {
        field,
        message:
          'Postern does not know when the client secret ends and cannot remind anybody: enter the day that the portal shows under Certificates & secrets.',
      },
    ]
  }
  if (expiresAt <= now) {
    return [
      {
        field,
        message: `By its date the client secret ended on ${toIsoDay(expiresAt)}: make a new one and enter its Value, or correct the date.`,
      },
    ]
  }
  if (expiresAt > now + LONGEST_SECRET_LIFE_MS) {
    return [
      {
        field,
        message: `${toIsoDay(expiresAt)} is more than 24 months away, longer than the portal lets a client secret live: check the year.`,
      },
    ]
  }
  return []
}
