import type { Problem } from './alerts.ts'
import { ALL_CLEAR_LIFE_MS, FLAP_MS, PACE_MS, pacedAt, retryDelayMs } from './pacing.ts'
import {
  beliefOf,
  isSilenced,
  type Notification,
  pendingOf,
  type StoredAlert,
  sameAddress,
} from './stored-alert.ts'

/** The life of an alert as pure steps: each takes the alert and gives the next one. */

export interface Moment {
  readonly now: number
  /** Who is to be told; empty when no address is set. */
  readonly recipients: readonly string[]
  readonly newId: () => string
}

/** Why a mail was abandoned. */
const CAME_BACK = 'The problem came back first.'
const ENDED_FIRST = 'The problem ended before this mail could leave.'

/** Opens a problem that is not open; `previous` is its latest resolved alert, when there is one. */
export function opened(
  problem: Problem,
  previous: StoredAlert | undefined,
  moment: Moment,
): StoredAlert {
  const { now } = moment
  if (previous !== undefined && isFlapping(previous, now))
    return reopened(previous, problem, moment)
  const silence = previous !== undefined && isSilenced(previous, now)
  return tell(
    {
      id: moment.newId(),
      problem: problem.problem,
      profileId: problem.profileId,
      ...contentOf(problem),
      state: 'open',
      openedAt: now,
      updatedAt: now,
      resolvedAt: null,
      lastNotifiedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      // Whoever silenced the problem meant this one too.
      silencedUntil: silence ? previous.silencedUntil : null,
      silenceReason: silence ? previous.silenceReason : null,
      notifications: [],
    },
    'opened',
    moment,
    previous === undefined ? null : lastMailAt(previous),
  )
}

/** The same alert again; whoever was never told that it ended is not told that it began. */
function reopened(previous: StoredAlert, problem: Problem, moment: Moment): StoredAlert {
  const { now } = moment
  const told = beliefOf(previous) === 'open'
  const alert = abandon(
    {
      ...previous,
      ...contentOf(problem),
      ...(codeChanged(previous, problem) && { acknowledgedAt: null, acknowledgedBy: null }),
      state: 'open',
      updatedAt: now,
      resolvedAt: null,
    },
    CAME_BACK,
  )
  return told ? alert : tell(alert, 'opened', moment, lastMailAt(alert))
}

/** Brings an open alert up to date. Returns the same object when nothing is new. */
export function updated(alert: StoredAlert, problem: Problem, moment: Moment): StoredAlert {
  const changedCode = codeChanged(alert, problem)
  const escalates = problem.escalate === true || changedCode
  if (!escalates && !differs(alert, problem)) return alert
  const raised = alert.severity === 'warning' && problem.severity === 'critical'
  const unacknowledge = changedCode || raised || alert.kind !== problem.kind
  const next: StoredAlert = {
    ...alert,
    ...contentOf(problem),
    updatedAt: moment.now,
    ...(unacknowledge && { acknowledgedAt: null, acknowledgedBy: null }),
  }
  // A mail that still waits is written when it leaves, so it tells the news as well.
  if (!escalates || pendingOf(alert).length > 0 || beliefOf(alert) !== 'open') return next
  return tell(next, 'escalated', moment, lastMailAt(alert))
}

/**
 * The all-clear goes to those who believe that the problem is open. Those whom a try did not reach get one mail that
 * tells all of it, or nothing when the end is quiet; what nobody tried to send is dropped. A silence holds it back.
 */
export function resolved(
  alert: StoredAlert,
  note: string,
  moment: Pick<Moment, 'now' | 'newId'>,
  options: { readonly quietly?: boolean } = {},
): StoredAlert {
  const { now } = moment
  const missed = pendingOf(alert).filter(({ attempts }) => attempts > 0)
  const ended = abandon(
    { ...alert, state: 'resolved', resolvedAt: now, updatedAt: now, details: [note] },
    options.quietly === true ? 'Another alert tells of the problem.' : ENDED_FIRST,
  )
  return tellEnd(ended, options.quietly === true ? [] : missed, moment)
}

function tellEnd(
  alert: StoredAlert,
  missed: readonly Notification[],
  { now, newId }: Pick<Moment, 'now' | 'newId'>,
): StoredAlert {
  const told = alert.notifications.filter(
    ({ state, recipient }) => state === 'delivered' && beliefOf(alert, recipient) === 'open',
  )
  const recipients: string[] = []
  for (const { recipient } of [...told, ...missed]) {
    const isSame = (other: string) => sameAddress(other, recipient)
    const isUnderWay = pendingOf(alert).some((each) => isSame(each.recipient))
    if (!isUnderWay && !recipients.some(isSame)) recipients.push(recipient)
  }
  const flapped = alert.notifications.some(
    ({ state, reason }) => state === 'delivered' && reason === 'resolved',
  )
  return tell(alert, 'resolved', { now, recipients, newId }, flapped ? lastMailAt(alert) : null)
}

/** Drops the all-clear that still waits: the problem is back as a new alert. */
export function overtaken(alert: StoredAlert): StoredAlert {
  return pendingOf(alert).length === 0 ? alert : abandon(alert, CAME_BACK)
}

export function acknowledged(alert: StoredAlert, by: string, now: number): StoredAlert {
  const reminders = alert.notifications.map((each) =>
    each.state === 'pending' && each.reason === 'reminder'
      ? { ...each, state: 'abandoned' as const, lastError: 'The alert was acknowledged first.' }
      : each,
  )
  return { ...alert, acknowledgedAt: now, acknowledgedBy: by, notifications: reminders }
}

export function silenced(alert: StoredAlert, until: number, reason: string): StoredAlert {
  return { ...alert, silencedUntil: until, silenceReason: reason }
}

export function unsilenced(alert: StoredAlert): StoredAlert {
  return { ...alert, silencedUntil: null, silenceReason: null }
}

/** Adds what time itself makes due: a first mail that could not be addressed before, or a reminder. */
export function reminded(alert: StoredAlert, moment: Moment, intervalMs: number): StoredAlert {
  const { now } = moment
  if (alert.state !== 'open' || isSilenced(alert, now) || pendingOf(alert).length > 0) return alert
  if (beliefOf(alert) !== 'open') return tell(alert, 'opened', moment, lastMailAt(alert))
  // Its reminders are the thresholds of the expiry watch.
  if (alert.kind === 'credentialExpiring' || alert.acknowledgedAt !== null) return alert
  const last = Math.min(alert.lastNotifiedAt ?? alert.openedAt, now)
  if (last !== alert.lastNotifiedAt) return { ...alert, lastNotifiedAt: last }
  if (now - last < Math.max(intervalMs, PACE_MS)) return alert
  return tell(alert, 'reminder', moment, null)
}

export type Attempt =
  | { readonly ok: true; readonly by: string }
  | { readonly ok: false; readonly error: string }
  | { readonly ok: false; readonly abandon: string }

/** Notes what became of one try to send one mail. */
export function attempted(
  alert: StoredAlert,
  notificationId: string,
  attempt: Attempt,
  moment: Pick<Moment, 'now' | 'newId'>,
): StoredAlert {
  const { now } = moment
  const notification = alert.notifications.find(({ id }) => id === notificationId)
  if (notification === undefined) return alert
  const attempts = notification.attempts + 1
  if (!attempt.ok) {
    if (notification.state !== 'pending') return attemptedLate(alert, notification, moment)
    if ('abandon' in attempt) {
      return replace(alert, { ...notification, state: 'abandoned', lastError: attempt.abandon })
    }
    // A silence holds it back, which does not make it old.
    const since = Math.max(notification.createdAt, Math.min(alert.silencedUntil ?? 0, now))
    const tooOld = notification.reason === 'resolved' && now - since > ALL_CLEAR_LIFE_MS
    return replace(alert, {
      ...notification,
      state: tooOld ? 'abandoned' : 'pending',
      attempts,
      nextAttemptAt: now + retryDelayMs(attempts),
      lastError: attempt.error,
    })
  }
  const next = replace(alert, {
    ...notification,
    state: 'delivered',
    attempts,
    deliveredAt: now,
    deliveredBy: attempt.by,
    lastError: null,
  })
  if (notification.reason === 'resolved') return next
  // It left although the problem had ended meanwhile: those who read it need the all-clear.
  if (next.state === 'resolved') return tellEnd(next, [], moment)
  return { ...next, lastNotifiedAt: now }
}

/** The first try failed after the problem had ended: only now is it known that nobody was told. */
function attemptedLate(
  alert: StoredAlert,
  notification: Notification,
  moment: Pick<Moment, 'now' | 'newId'>,
): StoredAlert {
  const { attempts, lastError } = notification
  if (alert.state !== 'resolved' || attempts > 0 || lastError !== ENDED_FIRST) return alert
  const tried = { ...notification, attempts: 1 }
  return tellEnd(replace(alert, tried), [tried], moment)
}

/** Tries again at once what failed for want of a path. */
export function hurried(alert: StoredAlert, recipient: string | null, now: number): StoredAlert {
  let next = alert
  for (const each of pendingOf(alert)) {
    if (each.attempts === 0 || each.nextAttemptAt <= now) continue
    if (recipient !== null && !sameAddress(each.recipient, recipient)) continue
    next = replace(next, { ...each, nextAttemptAt: now })
  }
  return next
}

/** Follows the error address of the profile to its new reader. */
export function readdressed(
  alert: StoredAlert,
  notificationId: string,
  recipient: string,
): StoredAlert {
  const notification = alert.notifications.find(({ id }) => id === notificationId)
  if (notification === undefined) return alert
  return replace(alert, { ...notification, recipient })
}

function tell(
  alert: StoredAlert,
  reason: Notification['reason'],
  moment: Moment,
  lastMail: number | null,
): StoredAlert {
  const { now, recipients, newId } = moment
  if (recipients.length === 0) return alert
  const told = recipients.map(
    (recipient): Notification => ({
      id: newId(),
      reason,
      recipient,
      state: 'pending',
      attempts: 0,
      createdAt: now,
      nextAttemptAt: pacedAt(now, lastMail),
      deliveredAt: null,
      deliveredBy: null,
      lastError: null,
    }),
  )
  return { ...alert, notifications: [...alert.notifications, ...told] }
}

function abandon(alert: StoredAlert, why: string): StoredAlert {
  return {
    ...alert,
    notifications: alert.notifications.map((each) =>
      each.state === 'pending' ? { ...each, state: 'abandoned', lastError: why } : each,
    ),
  }
}

function replace(alert: StoredAlert, notification: Notification): StoredAlert {
  return {
    ...alert,
    notifications: alert.notifications.map((each) =>
      each.id === notification.id ? notification : each,
    ),
  }
}

function contentOf(problem: Problem) {
  const { kind, severity, summary, diagnosis, advice = null, details } = problem
  return { kind, severity, summary, diagnosis, advice, details }
}

function differs(alert: StoredAlert, problem: Problem): boolean {
  return JSON.stringify(contentOf({ ...alert })) !== JSON.stringify(contentOf(problem))
}

function codeChanged(alert: StoredAlert, problem: Problem): boolean {
  if (alert.diagnosis === null || problem.diagnosis === null) return false
  return alert.diagnosis.code !== problem.diagnosis.code
}

function isFlapping(previous: StoredAlert, now: number): boolean {
  return previous.resolvedAt !== null && Math.abs(now - previous.resolvedAt) < FLAP_MS
}

function lastMailAt(alert: StoredAlert): number | null {
  const times = alert.notifications.flatMap((each) => each.deliveredAt ?? [])
  return times.length === 0 ? null : Math.max(...times)
}
