import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { readStoredDiagnosis } from '../diagnosis/index.ts'
import type { Storage, Tables } from '../storage/index.ts'
import { Advice, AlertKind } from './api.ts'
import type { Notification, StoredAlert } from './stored-alert.ts'

type AlertRow = Tables['alert']
type NotificationRow = Tables['alert_notification']

export interface AlertStore {
  /** Every open alert, and every resolved one with a mail still waiting. */
  live(): Promise<readonly StoredAlert[]>
  find(id: string): Promise<StoredAlert | undefined>
  /** The newest alert of the problem, open or resolved. */
  latest(problem: string): Promise<StoredAlert | undefined>
  list(options: {
    state?: 'open' | 'resolved'
    profileId?: string
    limit: number
  }): Promise<readonly StoredAlert[]>
  /** The alert and its mails in one transaction, with whatever `also` adds to it. */
  save(
    alert: StoredAlert,
    previous: StoredAlert | undefined,
    also?: (executor: Kysely<Tables>) => Promise<void>,
  ): Promise<void>
  /** Removes what was resolved before `instant`; returns how many. */
  prune(instant: number): Promise<number>
}

export function createAlertStore(deps: { storage: Pick<Storage, 'db'> }): AlertStore {
  const { db } = deps.storage

  async function withMails(rows: readonly AlertRow[]): Promise<readonly StoredAlert[]> {
    const found = new Map(rows.map((row) => [row.id, [] as Notification[]]))
    const ids = rows.map((row) => row.id)
    for (let from = 0; from < ids.length; from += MOST_PARAMETERS) {
      const mails = await db
        .selectFrom('alert_notification')
        .selectAll()
        .where('alert_id', 'in', ids.slice(from, from + MOST_PARAMETERS))
        .orderBy('created_at')
        .execute()
      for (const mail of mails) found.get(mail.alert_id)?.push(toNotification(mail))
    }
    return rows.map((row) => toAlert(row, found.get(row.id) ?? []))
  }

  return {
    async live() {
      const waiting = db
        .selectFrom('alert_notification')
        .select('alert_id')
        .where('state', '=', 'pending')
      const rows = await db
        .selectFrom('alert')
        .selectAll()
        .where((where) => where.or([where('state', '=', 'open'), where('id', 'in', waiting)]))
        .execute()
      return withMails(rows)
    },
    async find(id) {
      const rows = await db.selectFrom('alert').selectAll().where('id', '=', id).execute()
      return (await withMails(rows))[0]
    },
    async latest(problem) {
      const rows = await db
        .selectFrom('alert')
        .selectAll()
        .where('problem', '=', problem)
        .orderBy('opened_at', 'desc')
        .orderBy('updated_at', 'desc')
        .limit(1)
        .execute()
      return (await withMails(rows))[0]
    },
    async list({ state, profileId, limit }) {
      let query = db.selectFrom('alert').selectAll()
      if (state !== undefined) query = query.where('state', '=', state)
      if (profileId !== undefined) query = query.where('profile_id', '=', profileId)
      const rows = await query.orderBy('opened_at', 'desc').orderBy('id').limit(limit).execute()
      return withMails(rows)
    },
    async save(alert, previous, also) {
      await db.transaction().execute(async (trx) => {
        const row = toRow(alert)
        await trx
          .insertInto('alert')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
          .execute()
        for (const notification of alert.notifications) {
          if (previous?.notifications.includes(notification) === true) continue
          const mail = toNotificationRow(notification, alert.id)
          await trx
            .insertInto('alert_notification')
            .values(mail)
            .onConflict((conflict) => conflict.column('id').doUpdateSet(mail))
            .execute()
        }
        await also?.(trx)
      })
    },
    async prune(instant) {
      const result = await db
        .deleteFrom('alert')
        .where('state', '=', 'resolved')
        .where('resolved_at', '<', instant)
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

const MOST_PARAMETERS = 500

function toAlert(row: AlertRow, notifications: readonly Notification[]): StoredAlert {
  const { kind } = row
  return {
    id: row.id,
    problem: row.problem,
    profileId: row.profile_id,
    kind: Value.Check(AlertKind, kind) ? kind : 'verification',
    severity: row.severity,
    summary: row.summary,
    diagnosis: readStoredDiagnosis(row.diagnosis),
    ...readDetails(row.details),
    state: row.state,
    openedAt: row.opened_at,
    updatedAt: row.updated_at,
    resolvedAt: row.resolved_at,
    lastNotifiedAt: row.last_notified_at,
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
    silencedUntil: row.silenced_until,
    silenceReason: row.silence_reason,
    notifications,
  }
}

function toRow(alert: StoredAlert): AlertRow {
  return {
    id: alert.id,
    problem: alert.problem,
    profile_id: alert.profileId,
    kind: alert.kind,
    severity: alert.severity,
    summary: alert.summary,
    diagnosis: alert.diagnosis === null ? null : JSON.stringify(alert.diagnosis),
    details: JSON.stringify({ lines: alert.details, advice: alert.advice }),
    state: alert.state,
    opened_at: alert.openedAt,
    updated_at: alert.updatedAt,
    resolved_at: alert.resolvedAt,
    last_notified_at: alert.lastNotifiedAt,
    acknowledged_at: alert.acknowledgedAt,
    acknowledged_by: alert.acknowledgedBy,
    silenced_until: alert.silencedUntil,
    silence_reason: alert.silenceReason,
  }
}

function toNotification(row: NotificationRow): Notification {
  return {
    id: row.id,
    reason: row.reason,
    recipient: row.recipient,
    state: row.state,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextAttemptAt: row.next_attempt_at,
    deliveredAt: row.delivered_at,
    deliveredBy: row.delivered_by,
    lastError: row.last_error,
  }
}

function toNotificationRow(notification: Notification, alertId: string): NotificationRow {
  return {
    id: notification.id,
    alert_id: alertId,
    reason: notification.reason,
    recipient: notification.recipient,
    state: notification.state,
    attempts: notification.attempts,
    created_at: notification.createdAt,
    next_attempt_at: notification.nextAttemptAt,
    delivered_at: notification.deliveredAt,
    delivered_by: notification.deliveredBy,
    last_error: notification.lastError,
  }
}

const StoredDetails = Type.Object({
  lines: Type.Array(Type.String()),
  advice: Type.Union([Advice, Type.Null()]),
})

/** Of another version, perhaps: an alert is worth showing without them. */
function readDetails(text: string): Pick<StoredAlert, 'details' | 'advice'> {
  const stored = parse(text)
  if (!Value.Check(StoredDetails, stored)) return { details: [], advice: null }
  return { details: stored.lines, advice: stored.advice }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
