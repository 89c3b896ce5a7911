import type { Diagnosis } from '../../diagnosis/index.ts'
import type { Verdict } from './verdict.ts'

/** A message that is not tried: kept while its sender is on hold, or put off until its sender may be tried. */
export function notTried(next: 'heldSender' | 'defer', diagnosis: Diagnosis): Verdict {
  return {
    recipients: [],
    delivered: 0,
    putOff: [],
    next,
    diagnosis,
    reply: null,
    outcome: next === 'defer' ? 'deferred' : 'held',
    slowDownMs: undefined,
    isServing: false,
  }
}
