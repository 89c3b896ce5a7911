import type { Diagnosis } from '../diagnosis/index.ts'
import type { HealthState, Report, ReportSummary, VerifyReason } from './api.ts'
import type { LastTestEmail } from './test-email-outcomes.ts'

export interface Health {
  readonly profileId: string
  readonly state: HealthState
  /** Since when the state holds. */
  readonly since: number
  readonly failuresInRow: number
  readonly lastVerifiedAt: number | null
  readonly lastSucceededAt: number | null
  /** Last message that the server accepted through this profile. */
  readonly lastDeliveredAt: number | null
  readonly lastReportId: string | null
  /** Why it is not ok; null when ok or unknown. */
  readonly diagnosis: Diagnosis | null
}

export interface Verification extends AsyncDisposable {
  /** Runs every check now; a run of the same profile that is under way is shared (unless a message is wanted). */
  verify(
    profileId: string,
    options: {
      reason: VerifyReason
      sendTo?: string | undefined
      signal?: AbortSignal | undefined
    },
  ): Promise<Report>
  reports(
    profileId: string,
    page: { limit: number; before?: number | undefined },
  ): Promise<readonly ReportSummary[]>
  /** Throws report_not_found. */
  report(id: string): Promise<Report>
  /** From memory; `unknown` when it was never verified. */
  healthOf(profileId: string): Health
  /** Set while every profile fails at the network step: one problem of the agent, not of the credentials. */
  networkProblem(): NetworkProblem | null
  /** Verifies every profile, spread over `spreadMs`, at most `concurrency` at once; returns when all are done. */
  sweep(options: { reason: VerifyReason; spreadMs: number; signal?: AbortSignal }): Promise<void>
  /** Starts the schedule; nothing runs before. */
  start(): void
  /** Resolves when no verification is under way or waiting because of a saved profile. */
  idle(): Promise<void>
}

export interface NetworkProblem {
  readonly since: number
  readonly profiles: number
  readonly diagnosis: Diagnosis
}

export interface VerificationEvents {
  'verification.completed': { readonly report: Report; readonly health: Health }
  /** Published after verification.completed when the state or the diagnosis' code differs from before. */
  'health.changed': { readonly previous: Health; readonly health: Health }
  'network.failing': NetworkProblem
  /** The server has accepted a message of this profile: test email, alert, verification with a message. */
  'message.delivered': { readonly profileId: string; readonly at: number }
  'network.recovered': { readonly at: number }
  /** After its outcome is known to lastOf(). */
  'test_email.ended': LastTestEmail & { readonly profileId: string }
}
