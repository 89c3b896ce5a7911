import type { Diagnosis } from '../diagnosis/index.ts'
import { toIso } from '../platform/clock.ts'
import type { Advice, Alert, AlertKind } from './api.ts'

/** One mail to one person about an alert. */
export interface Notification {
  readonly id: string
  readonly reason: 'opened' | 'escalated' | 'reminder' | 'resolved'
  readonly recipient: string
  /** abandoned: overtaken before it could be delivered; `lastError` says by what. */
  readonly state: 'pending' | 'delivered' | 'abandoned'
  readonly attempts: number
  readonly createdAt: number
  readonly nextAttemptAt: number
  readonly deliveredAt: number | null
  /** The profile that carried it. */
  readonly deliveredBy: string | null
  readonly lastError: string | null
}

/** An alert with every mail about it. Never changed in place: life.ts makes the next one. */
export interface StoredAlert {
  readonly id: string
  readonly problem: string
  readonly profileId: string | null
  readonly kind: AlertKind
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly diagnosis: Diagnosis | null
  readonly advice: Advice | null
  readonly details: readonly string[]
  readonly state: 'open' | 'resolved'
  readonly openedAt: number
  readonly updatedAt: number
  readonly resolvedAt: number | null
  readonly lastNotifiedAt: number | null
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  readonly silencedUntil: number | null
  readonly silenceReason: string | null
  readonly notifications: readonly Notification[]
}

/**
 * What people believe, or one of them: the newest delivered mail decides; `unknown` when none was delivered.
 */
export function beliefOf(alert: StoredAlert, recipient?: string): 'unknown' | 'open' | 'resolved' {
  let newest: Notification | undefined
  for (const each of alert.notifications) {
    if (each.state !== 'delivered') continue
    if (recipient !== undefined && !sameAddress(each.recipient, recipient)) continue
    if (newest === undefined || (each.deliveredAt ?? 0) >= (newest.deliveredAt ?? 0)) newest = each
  }
  if (newest === undefined) return 'unknown'
  return newest.reason === 'resolved' ? 'resolved' : 'open'
}

export function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

export function pendingOf(alert: StoredAlert): readonly Notification[] {
  return alert.notifications.filter(({ state }) => state === 'pending')
}

export function isSilenced(alert: StoredAlert, now: number): boolean {
  return alert.silencedUntil !== null && alert.silencedUntil > now
}

/** As the API shows it. */
export function viewOf(alert: StoredAlert, now: number): Alert {
  return {
    id: alert.id,
    kind: alert.kind,
    profileId: alert.profileId,
    severity: alert.severity,
    summary: alert.summary,
    details: [...alert.details],
    state: stateOf(alert, now),
    openedAt: toIso(alert.openedAt),
    updatedAt: toIso(alert.updatedAt),
    resolvedAt: isoOrNull(alert.resolvedAt),
    lastNotifiedAt: isoOrNull(alert.lastNotifiedAt),
    acknowledgedAt: isoOrNull(alert.acknowledgedAt),
    acknowledgedBy: alert.acknowledgedBy,
    silencedUntil: isoOrNull(alert.silencedUntil),
    silenceReason: alert.silenceReason,
    diagnosis: alert.diagnosis,
    notification: notificationOf(alert),
  }
}

function stateOf(alert: StoredAlert, now: number): Alert['state'] {
  if (alert.state === 'resolved') return 'resolved'
  if (isSilenced(alert, now)) return 'silenced'
  return alert.acknowledgedAt === null ? 'open' : 'acknowledged'
}

function notificationOf(alert: StoredAlert): Alert['notification'] {
  for (const state of ['pending', 'delivered', 'abandoned'] as const) {
    const mails = alert.notifications.filter((each) => each.state === state)
    if (mails.length === 0) continue
    const recipients = new Set(mails.map(({ recipient }) => recipient))
    const failed = mails.find(({ lastError }) => lastError !== null)
    return { state, recipient: [...recipients].join(', '), lastError: failed?.lastError ?? null }
  }
  return { state: 'none', recipient: null, lastError: null }
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : toIso(at)
}
