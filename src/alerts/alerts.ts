import type { Actor } from '../access/index.ts'
import type { Diagnosis } from '../diagnosis/index.ts'
import type { Alert, AlertKind, SilenceInput } from './api.ts'

/** What a feature knows about a problem; `problem` names it, so that it opens once. */
export interface Problem {
  /** Such as `verification:default`. */
  readonly problem: string
  readonly kind: AlertKind
  readonly profileId: string | null
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly diagnosis: Diagnosis | null
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
  /** All-clear; nothing happens when no such problem is open. */
  resolve(problem: string, note: string): Promise<void>
  list(options: {
    state?: 'open' | 'resolved'
    profileId?: string
    limit: number
  }): Promise<readonly Alert[]>
  /** Throws alert_not_found. */
  get(id: string): Promise<Alert>
  acknowledge(id: string, actor: Actor): Promise<Alert>
  silence(id: string, input: SilenceInput, actor: Actor): Promise<Alert>
  /** From memory. `null`: alerts of the agent itself. */
  summaryOf(profileId: string | null): AlertSummary
  /** Sends what is due: notifications, retries, reminders. Runs by itself after start(). */
  deliverDue(signal?: AbortSignal): Promise<void>
  start(): void
  idle(): Promise<void>
}

export interface AlertEvents {
  'alert.opened': { readonly alert: Alert }
  'alert.changed': { readonly alert: Alert }
  'alert.resolved': { readonly alert: Alert }
  'alert.notified': { readonly alert: Alert; readonly delivered: boolean }
}
