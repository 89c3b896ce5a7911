import type { Diagnosis } from '../diagnosis/index.ts'
import type { Report } from './api.ts'
import type { Health } from './verification.ts'

/** A problem that may pass by itself is believed when it came this often in a row. */
const TRANSIENT_FAILURES = 2

/** Health of a profile that was never verified. */
export function unknownHealth(profileId: string, since: number): Health {
  return {
    profileId,
    state: 'unknown',
    since,
    failuresInRow: 0,
    lastVerifiedAt: null,
    lastSucceededAt: null,
    lastDeliveredAt: null,
    lastReportId: null,
    diagnosis: null,
  }
}

/** What a finished run makes of the health before it. */
export function nextHealth(previous: Health, report: Report, finishedAt: number): Health {
  const { diagnosis, outcome } = report
  const failed = outcome === 'failed'
  const failuresInRow = failed ? previous.failuresInRow + 1 : 0
  const state = outcome === 'failed' ? failedState(diagnosis, previous, failuresInRow) : outcome
  return {
    profileId: previous.profileId,
    state,
    since: state === previous.state ? previous.since : finishedAt,
    failuresInRow,
    lastVerifiedAt: finishedAt,
    lastSucceededAt: failed ? previous.lastSucceededAt : finishedAt,
    lastDeliveredAt: previous.lastDeliveredAt,
    lastReportId: report.id,
    diagnosis: diagnosis ?? firstDoubt(report),
  }
}

/**
 * A definite refusal counts at once. A change that Microsoft is still spreading is no failure however often it shows:
 * the diagnosis itself becomes definite when the time for it is over.
 */
function failedState(
  diagnosis: Diagnosis | null,
  previous: Health,
  failuresInRow: number,
): 'warning' | 'failing' {
  if (diagnosis === null || diagnosis.retry === 'never') return 'failing'
  if (diagnosis.waitingUntil || previous.diagnosis?.waitingUntil) return 'warning'
  return failuresInRow < TRANSIENT_FAILURES ? 'warning' : 'failing'
}

function firstDoubt(report: Report): Diagnosis | null {
  return report.checks.find((check) => check.diagnosis !== null)?.diagnosis ?? null
}

export function healthDiffers(previous: Health, health: Health): boolean {
  return previous.state !== health.state || previous.diagnosis?.code !== health.diagnosis?.code
}
