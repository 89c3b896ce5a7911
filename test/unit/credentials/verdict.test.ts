import { describe, expect, it } from 'vitest'
import { verdictOf } from '../../../src/credentials/verdict.ts'
import type { Diagnosis } from '../../../src/diagnosis/index.ts'
import { MINUTE_MS } from '../../../src/platform/clock.ts'
import { NO_CONSENT, reportOf, WRONG } from './staging-bench.ts'

function verdict(
  answer: typeof WRONG,
  at: { source: Diagnosis['answer']['source']; step: string; decidesLogin?: boolean },
) {
  const { source, step, decidesLogin = false } = at
  const report = reportOf('default', answer)
  const diagnosis = report.diagnosis && {
    ...report.diagnosis,
    answer: { ...report.diagnosis.answer, source, step },
  }
  const times = { stagedAt: 0, now: 30 * MINUTE_MS, decidesLogin }
  return verdictOf({ ...report, diagnosis }, times).kind
}

const REFUSED = { code: 'refused', retry: 'never', answerCode: null } as const

describe('A definite refusal of a new credential', () => {
  it('discards it when there is no token, or not the right one', () => {
    expect(verdict(WRONG, { source: 'entra', step: 'token' })).toBe('refused')
    expect(verdict(NO_CONSENT, { source: 'claims', step: 'token' })).toBe('refused')
  })

  it('of the login discards it only when the login by the active one is accepted', () => {
    const login = { source: 'smtp', step: 'auth' } as const
    expect(verdict(REFUSED, { ...login, decidesLogin: true })).toBe('refused')
    expect(verdict(REFUSED, login)).toBe('open')
  })

  it.each(['mail', 'rcpt', 'message', 'ehlo'])('at %s is waited for', (step) => {
    expect(verdict(REFUSED, { source: 'smtp', step, decidesLogin: true })).toBe('open')
  })

  it('of a certificate of the server is waited for', () => {
    expect(verdict(REFUSED, { source: 'transport', step: 'tls' })).toBe('open')
  })
})
