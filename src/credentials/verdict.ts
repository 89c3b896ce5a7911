import type { Diagnosis } from '../diagnosis/index.ts'
import { MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import { type Report, SPREADING_MS } from '../verification/index.ts'

export type Verdict =
  | { readonly kind: 'proven' }
  | { readonly kind: 'refused'; readonly diagnosis: Diagnosis }
  /** Nothing is decided yet: try again after `waitMs`. */
  | { readonly kind: 'open'; readonly diagnosis: Diagnosis; readonly waitMs: number }

/** Entra does not know a new secret or certificate at once on all its servers. */
const SPREADING = ['AADSTS7000215', 'AADSTS700027']
/** As often as a refused application may ask. */
const RETRY_MS = 30 * SECOND_MS
/** For what takes longer, such as a server that is down. */
const SLOW_RETRY_MS = 15 * MINUTE_MS

/** Where an answer is about the credential; the others would refuse the active one just as well. */
const ITS_OWN: readonly Diagnosis['answer']['source'][] = ['settings', 'entra', 'claims']

/**
 * What a run of the checks says about a credential that was stored at `stagedAt`. What is not its own fault does not
 * discard it: it waits until that is repaired. `decidesLogin`: a refused login is its own fault.
 */
export function verdictOf(
  report: Report,
  at: { stagedAt: number; now: number; decidesLogin: boolean },
): Verdict {
  const { diagnosis, outcome } = report
  if (outcome !== 'failed' || diagnosis === null) return { kind: 'proven' }
  const isYoung = at.now - at.stagedAt < SPREADING_MS
  const isSpreading = isYoung && SPREADING.includes(diagnosis.answer.code ?? '')
  const { source, step } = diagnosis.answer
  const isOwn = ITS_OWN.includes(source) || (step === 'auth' && at.decidesLogin)
  if (diagnosis.retry === 'never' && isOwn && !isSpreading) return { kind: 'refused', diagnosis }
  const usual = isYoung ? RETRY_MS : SLOW_RETRY_MS
  return { kind: 'open', diagnosis, waitMs: Math.max(usual, diagnosis.retryAfterMs ?? 0) }
}
