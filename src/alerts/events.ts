import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { AlertEvents } from './alerts.ts'
import type { Alert } from './api.ts'
import type { Notification } from './stored-alert.ts'

/** What happened to an alert: one log line and one event each, after it is stored. */
export interface AlertNews {
  opened(alert: Alert): void
  changed(alert: Alert): void
  resolved(alert: Alert): void
  notified(alert: Alert, notification: Notification): void
  notNotified(alert: Alert, notification: Notification): void
}

export function createAlertNews(deps: { log: Logger; events: EventBus<AlertEvents> }): AlertNews {
  const { log, events } = deps
  const factsOf = (alert: Alert) => ({
    alertId: alert.id,
    kind: alert.kind,
    profileId: alert.profileId,
    severity: alert.severity,
    diagnosis: alert.diagnosis?.code ?? null,
  })
  return {
    opened(alert) {
      log.warn({ ...factsOf(alert), summary: alert.summary }, 'alert opened')
      events.emit('alert.opened', { alert })
    },
    changed(alert) {
      log.debug({ ...factsOf(alert), state: alert.state }, 'alert changed')
      events.emit('alert.changed', { alert })
    },
    resolved(alert) {
      log.info(factsOf(alert), 'alert resolved')
      events.emit('alert.resolved', { alert })
    },
    notified(alert, { id, reason, deliveredBy }) {
      const facts = { ...factsOf(alert), notificationId: id, reason, deliveredBy }
      log.info(facts, 'alert mail delivered')
      events.emit('alert.notified', { alert, delivered: true })
    },
    notNotified(alert, { id, reason, attempts, lastError }) {
      const facts = { ...factsOf(alert), notificationId: id, reason, attempts, lastError }
      // Every retry would say the same again.
      if (attempts === 1) log.warn(facts, 'alert mail waits')
      else log.debug(facts, 'alert mail waits')
      events.emit('alert.notified', { alert, delivered: false })
    },
  }
}
