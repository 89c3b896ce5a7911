import type { Actor } from '../access/index.ts'
import type { Diagnosis } from '../diagnosis/index.ts'
import type { Advice, Alert, AlertKind, SilenceInput } from './api.ts'

/** What a feature knows about a problem; `problem` names it, so that it opens once. */
export interface Problem {
  /** Such as `verification:default`. */
  readonly problem: string
  readonly kind: AlertKind
  readonly profileId: string | null
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly diagnosis: Diagnosis | null
  /** Instead of a diagnosis, where there is none. */
  readonly advice?: Advice | null
  /** Lines for the mail beyond the diagnosis. */
  readonly details: readonly string[]
  /** true: tell again although it is open (a further expiry threshold). */
  readonly escalate?: boolean
}

export interface AlertSummary {
  readonly open: number
  /** Open alerts whose mail is still waiting. */
  readonly undelivered: number
}

export interface Alerts extends AsyncDisposable {
  open(problem: Problem): Promise<void>
  /**
   * All-clear; nothing happens when no such problem is open. Whoever was told gets it; whoever could not be told gets
   * one mail about what happened. `quietly`: another alert tells it, so what could not be told is dropped.
   */
  resolve(problem: string, note: string, options?: { readonly quietly?: boolean }): Promise<void>
  list(options: {
    state?: 'open' | 'resolved'
    profileId?: string
    limit: number
  }): Promise<readonly Alert[]>
  /** Throws alert_not_found. */
  get(id: string): Promise<Alert>
  acknowledge(id: string, actor: Actor): Promise<Alert>
  silence(id: string, input: SilenceInput, actor: Actor): Promise<Alert>
  /** Ends a silence early; changes nothing when it is not silenced. */
  unsilence(id: string, actor: Actor): Promise<Alert>
  /** From memory. `null`: alerts of the agent itself. */
  summaryOf(profileId: string | null): AlertSummary
  /**
   * Whether alerts about this profile have a way that does not depend on it: a further profile with the same error
   * address and neither its application (or server and user) nor its mailbox.
   */
  hasIndependentPath(profileId: string): boolean
  /** Sends what is due: notifications, retries, reminders. Runs by itself after start(). */
  deliverDue(signal?: AbortSignal): Promise<void>
  start(): void
  /** Mail can travel through this profile again: what waits for its address is sent now instead of later. */
  pathWorks(profileId: string): Promise<void>
  /** The profile is gone, and its alerts with it. */
  forgetProfile(profileId: string): Promise<void>
  /** Resolves when no change is under way and nothing that is due waits to be sent. */
  idle(): Promise<void>
}

/** What alerts need of whoever can send a mail through a profile. */
export interface AlertMailer {
  send(
    profileId: string,
    message: AlertMail,
    signal?: AbortSignal,
  ): Promise<{ readonly ok: true } | { readonly ok: false; readonly diagnosis: Diagnosis }>
}

export interface AlertMail {
  readonly from: { readonly name: string; readonly address: string }
  readonly to: string[]
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly messageId: string
  /** The same key is the same try: asked for again after a crash, it is not sent a second time. */
  readonly idempotencyKey: string
  readonly headers: Record<string, string>
  readonly date: number
}

export interface AlertConfig {
  /** How often an open alert is told again; never taken as less than an hour. */
  readonly reminderIntervalMs: number
}

export interface AlertEvents {
  'alert.opened': { readonly alert: Alert }
  'alert.changed': { readonly alert: Alert }
  'alert.resolved': { readonly alert: Alert }
  'alert.notified': { readonly alert: Alert; readonly delivered: boolean }
}
