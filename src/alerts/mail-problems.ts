import type { Diagnosis } from '../diagnosis/index.ts'
import type { Hold, Outbox, OutboxEvents } from '../outbox/index.ts'
import { HOUR_MS, toIso } from '../platform/clock.ts'
import type { Profile, Profiles } from '../profiles/index.ts'
import type { Alerts, Problem } from './alerts.ts'
import type { AlertKind } from './api.ts'

export const heldOf = (profileId: string) => `mailHeld:${profileId}`
export const delayedOf = (profileId: string) => `mailDelayed:${profileId}`
export const dailyLimitOf = (profileId: string) => `dailyLimit:${profileId}`
export const untoldOf = (profileId: string) => `failuresUntold:${profileId}`

/** These say that a profile cannot send; mail that waits for the same reason is told with them. */
export const TELLERS: readonly AlertKind[] = ['verification', 'credentialEnded', 'secretUnreadable']

/** Different words of Entra and of the calendar for the same end of a secret. */
const ENDED_CODES: readonly (string | undefined)[] = ['secret_expired', 'credential_ended']

export function sameReason(one: Diagnosis | null, other: Diagnosis | null): boolean {
  if (one === null || other === null) return false
  return one.code === other.code || [one, other].every(({ code }) => ENDED_CODES.includes(code))
}

type Queue = Pick<Outbox, 'queueOf'>

/** Alerts that tell with a problem of a profile how much of its mail waits. */
export function withWaiting(
  alerts: Alerts,
  deps: { readonly outbox: Queue; readonly profiles: Pick<Profiles, 'find'> },
): Alerts {
  return {
    ...alerts,
    open(problem) {
      const { profileId, kind } = problem
      const profile = profileId === null ? undefined : deps.profiles.find(profileId)
      if (profile === undefined || !TELLERS.includes(kind)) return alerts.open(problem)
      const details = [...problem.details, ...waitingLines(profile, deps.outbox)]
      return alerts.open({ ...problem, details })
    },
  }
}

/** How much waits, and how long it is kept; nothing when nothing waits. */
function waitingLines(profile: Profile, outbox: Queue): string[] {
  const { queued, held, oldestAcceptedAt } = outbox.queueOf(profile.id)
  const waiting = queued + held
  if (waiting === 0) return []
  const lines = [`${messages(waiting)} of the profile wait to be sent.`]
  if (oldestAcceptedAt !== null) {
    const { holdHours } = profile.delivery
    lines.push(
      `Mail that waits for a repair is kept for ${holdHours} hours: the oldest of it, of ${minute(oldestAcceptedAt)}, fails after ${minute(oldestAcceptedAt + holdHours * HOUR_MS)}.`,
    )
  }
  return lines
}

/** `holds`: of the profile, not empty. */
export function heldProblem(profile: Profile, holds: readonly Hold[], outbox: Queue): Problem {
  const whole = holds.find(({ sender }) => sender === '')
  const [hold = whole] = whole === undefined ? holds : [whole]
  const { queued, held } = outbox.queueOf(profile.id)
  const waiting = whole === undefined ? held : queued + held
  const senders = holds.map(({ sender }) => sender).filter((sender) => sender !== '')
  const from = whole === undefined ? ` from ${senders.slice(0, 3).join(', ')}` : ''
  const others = whole === undefined && senders.length > 3 ? ` and ${senders.length - 3} more` : ''
  const what = `${messages(waiting)}${from}${others} of profile “${profile.id}”`
  const since = Math.min(...holds.map((each) => each.since))
  const why = hold?.diagnosis.summary ?? ''
  return {
    problem: heldOf(profile.id),
    kind: 'mailHeld',
    profileId: profile.id,
    severity: 'critical',
    summary: `${what} ${waiting === 1 ? 'waits' : 'wait'} for a repair. ${why}`.trim(),
    diagnosis: hold?.diagnosis ?? null,
    details: [
      `Kept back since ${minute(since)}. Nothing is lost: Postern tries one message from time to time, and sends the others when it is taken or when the verification succeeds.`,
      ...waitingLines(profile, outbox),
    ],
  }
}

export function delayedProblem(
  profile: Profile,
  facts: { readonly waiting: number; readonly oldestAt: number; readonly reason: Diagnosis | null },
): Problem {
  const { waiting, oldestAt, reason } = facts
  const { messagesPerMinute, recipientsPerDay } = profile.delivery
  const limits = [
    ...(messagesPerMinute === null ? [] : [`${messagesPerMinute} messages a minute`]),
    ...(recipientsPerDay === null ? [] : [`${recipientsPerDay} recipients a day`]),
  ]
  const pace =
    limits.length === 0
      ? 'More mail was handed in than the server takes.'
      : `More mail was handed in than the mailbox may send at once: ${limits.join(' and ')}.`
  return {
    problem: delayedOf(profile.id),
    kind: 'mailDelayed',
    profileId: profile.id,
    severity: 'warning',
    summary: `Mail of profile “${profile.id}” has been waiting since ${minute(oldestAt)}; ${messages(waiting)} in all.`,
    diagnosis: reason,
    advice: {
      cause: pace,
      responsible: 'nobody',
      remedy:
        'Nobody must act: it leaves at the allowed pace. Whoever hands in so much, and must not wait, needs a mailbox of its own.',
      commands: [],
    },
    details: [],
  }
}

export function dailyLimitProblem(
  profile: Profile,
  news: Pick<OutboxEvents['outbox.day_used_up'], 'recipientsPerDay' | 'until'>,
): Problem {
  return {
    problem: dailyLimitOf(profile.id),
    kind: 'dailyLimitReached',
    profileId: profile.id,
    severity: 'warning',
    summary: `The mailbox of profile “${profile.id}” has sent to ${news.recipientsPerDay} recipients in 24 hours, which is all that it may.`,
    diagnosis: null,
    advice: {
      cause:
        'A mailbox may send to so many recipients in any 24 hours, alerts and test emails among them; a server that gets more refuses all its mail for a time.',
      responsible: 'operator',
      remedy:
        'The operator of Postern finds out who sends so much (GET /api/v1/messages), and gives that sender a mailbox and a profile of its own.',
      commands: [],
    },
    details: [`The mail waits; it is sent from ${minute(news.until)} on.`],
  }
}

/** `failed`: why a report could not be delivered; null: nobody is named to get one. */
export function untoldProblem(
  profile: Profile,
  facts: { readonly count: number; readonly at: number; readonly failed: Diagnosis | null },
): Problem {
  const { count, at, failed } = facts
  const base = {
    problem: untoldOf(profile.id),
    kind: 'failuresUntold',
    profileId: profile.id,
    severity: 'warning',
  } as const
  if (failed !== null) {
    return {
      ...base,
      summary: `A report about failed messages of profile “${profile.id}” could not be delivered to its error address. ${failed.summary}`,
      diagnosis: failed,
      details: [`It failed at ${minute(at)}.`, WHERE_TO_READ],
    }
  }
  return {
    ...base,
    summary: `${messages(count)} of profile “${profile.id}” failed, and nobody was told.`,
    diagnosis: null,
    advice: {
      cause: 'The profile has no error address.',
      responsible: 'operator',
      remedy: `The operator of Postern sets errorEmailAddress of the profile. ${WHERE_TO_READ}`,
      commands: [],
    },
    details: [`The last of them failed at ${minute(at)}.`],
  }
}

const WHERE_TO_READ = 'GET /api/v1/messages lists what failed, with the answers of the server.'

export function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

/** `2026-11-23 10:42 UTC` */
export function minute(at: number): string {
  return `${toIso(at).slice(0, 16).replace('T', ' ')} UTC`
}
