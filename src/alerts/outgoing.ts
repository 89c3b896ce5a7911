import type { Clock } from '../platform/clock.ts'
import { newId } from '../platform/ids.ts'
import type { AlertConfig } from './alerts.ts'
import type { Delivery } from './delivery.ts'
import type { AlertNews } from './events.ts'
import { type Attempt, attempted, readdressed, reminded } from './life.ts'
import type { LiveAlerts } from './live-alerts.ts'
import type { MailPath } from './mail-path.ts'
import { isDue } from './pacing.ts'
import type { AlertStore } from './store.ts'
import {
  isSilenced,
  type Notification,
  pendingOf,
  type StoredAlert,
  viewOf,
} from './stored-alert.ts'

/** One slow server must not hold up the others' mails. */
const MAILS_AT_ONCE = 4

export interface Outgoing {
  /** Sends everything that is due; a call during a run makes it look once more. */
  deliverDue(signal: AbortSignal): Promise<void>
  /** Resolves when no run is under way. */
  settled(): Promise<void>
}

interface Due {
  readonly alertId: string
  readonly notificationId: string
}

export function createOutgoing(deps: {
  live: LiveAlerts
  store: AlertStore
  path: MailPath
  delivery: Delivery
  news: AlertNews
  clock: Clock
  config: AlertConfig
}): Outgoing {
  const { live, store, path, delivery, news, clock, config } = deps
  /** Sent, but not recorded because the store failed: recorded later instead of sent again. */
  const unrecorded = new Map<string, Attempt>()
  let running: Promise<void> | undefined
  let again = false

  async function addWhatTimeMakesDue(): Promise<void> {
    for (const alert of live.all()) {
      const recipients = path.recipientsFor(alert.profileId)
      const moment = { now: clock.now(), recipients, newId }
      const next = reminded(alert, moment, config.reminderIntervalMs)
      if (next !== alert) await live.save(next, alert)
    }
  }

  function dueNow(): Due[] {
    const now = clock.now()
    return live
      .all()
      .filter((alert) => !isSilenced(alert, now))
      .flatMap((alert) =>
        pendingOf(alert)
          .filter(({ nextAttemptAt }) => isDue(nextAttemptAt, now))
          .map(({ id }) => ({ alertId: alert.id, notificationId: id })),
      )
  }

  async function deliver(due: Due, signal: AbortSignal): Promise<void> {
    let attempt = unrecorded.get(due.notificationId)
    if (attempt === undefined) {
      const ready = await live.inTurn(() => prepare(due))
      if (ready === undefined) return
      const facts = { now: clock.now(), signal }
      attempt = await delivery.send(ready.alert, ready.notification, facts)
      if (attempt.ok) unrecorded.set(due.notificationId, attempt)
    }
    const outcome = attempt
    await live.inTurn(() => record(due, outcome))
    unrecorded.delete(due.notificationId)
  }

  /** The mail as it is to leave now; undefined when it was overtaken meanwhile. */
  async function prepare(due: Due) {
    const alert = live.get(due.alertId)
    if (alert === undefined) return undefined
    const notification = waiting(alert, due.notificationId)
    if (notification === undefined || isSilenced(alert, clock.now())) return undefined
    const recipient = delivery.addressOf(alert, notification)
    if (recipient === undefined) {
      await record(due, { ok: false, abandon: 'Its reader is not the error address any more.' })
      return undefined
    }
    if (recipient === notification.recipient) return { alert, notification }
    const next = readdressed(alert, notification.id, recipient)
    if (!(await live.save(next, alert))) return undefined
    return { alert: next, notification: { ...notification, recipient } }
  }

  async function record(due: Due, attempt: Attempt): Promise<void> {
    const alert = live.get(due.alertId) ?? (await store.find(due.alertId))
    if (alert === undefined) return
    const next = attempted(alert, due.notificationId, attempt, { now: clock.now(), newId })
    if (next === alert || !(await live.save(next, alert))) return
    const notification = next.notifications.find(({ id }) => id === due.notificationId)
    if (notification === undefined) return
    const view = viewOf(next, clock.now())
    if (attempt.ok) news.notified(view, notification)
    else if ('error' in attempt) news.notNotified(view, notification)
  }

  async function deliverAll(signal: AbortSignal): Promise<void> {
    do {
      again = false
      await live.inTurn(addWhatTimeMakesDue)
      const queue = dueNow()
      const worker = async () => {
        for (let due = queue.shift(); due !== undefined; due = queue.shift()) {
          await deliver(due, signal)
        }
      }
      const workers = await Promise.allSettled(Array.from({ length: MAILS_AT_ONCE }, worker))
      const failed = workers.find((each) => each.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    } while (again && !signal.aborted)
  }

  return {
    // One run at a time: a mail that is being sent must not be sent twice.
    deliverDue(signal) {
      again = true
      running ??= deliverAll(signal).finally(() => {
        running = undefined
      })
      return running
    },
    async settled() {
      while (running !== undefined) await running.catch(() => {})
    },
  }
}

function waiting(alert: StoredAlert, notificationId: string): Notification | undefined {
  return pendingOf(alert).find(({ id }) => id === notificationId)
}
