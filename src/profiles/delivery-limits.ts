import type { DeliveryLimits, Warning } from './api.ts'
import { cloudsOfHost } from './exchange-hosts.ts'
import type { Settings } from './settings.ts'

const PATIENCE = { retryHours: 72, holdHours: 168 } as const

/**
 * What Exchange Online takes of one mailbox ("How to set up a multifunction device or application to send email using
 * Microsoft 365", "Exchange Online limits"). 500 recipients a message is its default; up to 1000 can be configured.
 */
export const EXCHANGE_ONLINE_LIMITS: DeliveryLimits = {
  connections: 3,
  messagesPerMinute: 30,
  recipientsPerDay: 10_000,
  recipientsPerMessage: 500,
  ...PATIENCE,
}

/** RFC 5321 §4.5.3.1.8: every server takes 100 recipients. */
const OTHERS: DeliveryLimits = {
  connections: 3,
  messagesPerMinute: null,
  recipientsPerDay: null,
  recipientsPerMessage: 100,
  ...PATIENCE,
}

/** High Volume Email has no limit of rate, but 50 recipients a message. */
const HIGH_VOLUME: DeliveryLimits = { ...OTHERS, recipientsPerMessage: 50 }
const HIGH_VOLUME_HOSTS = ['smtp-hve.office365.com', 'smtp.hve.mx.microsoft']

/** What counts: what is set, and the defaults for the rest. */
export function deliveryLimits(
  settings: Pick<Settings, 'server' | 'authentication' | 'delivery'>,
): DeliveryLimits {
  return { ...defaultsFor(settings), ...settings.delivery }
}

function defaultsFor(settings: Pick<Settings, 'server' | 'authentication'>): DeliveryLimits {
  if (isHighVolume(settings)) return HIGH_VOLUME
  return hasMailboxLimits(settings) ? EXCHANGE_ONLINE_LIMITS : OTHERS
}

function isHighVolume({ server }: Pick<Settings, 'server'>): boolean {
  return HIGH_VOLUME_HOSTS.includes(server.host)
}

/** The limits are those of a mailbox that logs in, in whatever way; mail without a login has none. */
function hasMailboxLimits(settings: Pick<Settings, 'server' | 'authentication'>): boolean {
  const { authentication, server } = settings
  if (isHighVolume(settings)) return false
  if (authentication.type === 'exchangeOnline') return true
  return authentication.type === 'basic' && cloudsOfHost(server.host) !== undefined
}

/** Where more was set than Exchange Online takes. */
export function deliveryWarnings(settings: Settings): readonly Warning[] {
  if (!hasMailboxLimits(settings)) return []
  const { connections, messagesPerMinute, recipientsPerDay, recipientsPerMessage } =
    deliveryLimits(settings)
  const warnings: Warning[] = []
  const warn = (name: keyof DeliveryLimits, message: string) =>
    warnings.push({ field: `delivery.${name}`, message })
  if (connections > EXCHANGE_ONLINE_LIMITS.connections) {
    warn(
      'connections',
      'Exchange Online takes 3 connections of a mailbox at a time and refuses more: set 3 or fewer.',
    )
  }
  if (messagesPerMinute === null || messagesPerMinute > 30) {
    warn(
      'messagesPerMinute',
      'Exchange Online takes 30 messages a minute of a mailbox and slows down who sends more: set 30 or fewer.',
    )
  }
  if (recipientsPerDay === null || recipientsPerDay > 10_000) {
    warn(
      'recipientsPerDay',
      'Exchange Online takes 10,000 recipients a day of a mailbox and then refuses all its mail: set 10000 or fewer.',
    )
  }
  if (recipientsPerMessage > EXCHANGE_ONLINE_LIMITS.recipientsPerMessage) {
    warn(
      'recipientsPerMessage',
      'Exchange Online takes 500 recipients a message unless the mailbox was configured for more (RecipientLimits, at most 1000): set 500 or fewer, or check the mailbox.',
    )
  }
  return warnings
}
