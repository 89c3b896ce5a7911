import { describe, expect, it } from 'vitest'
import { judge, renderDoctor } from '../../../src/cli/doctor/findings.ts'
import type { Diagnosis } from '../../../src/diagnosis/index.ts'
import type { Report } from '../../../src/verification/index.ts'
import { diagnosisOf, profileOf, START } from '../alerts/alerts-bench.ts'

function reportOf(diagnosis: Diagnosis): Report {
  return {
    id: 'r1',
    profileId: 'default',
    reason: 'requested',
    outcome: 'failed',
    startedAt: '2026-11-23T10:00:00.000Z',
    finishedAt: '2026-11-23T10:00:00.000Z',
    durationMs: 0,
    withMessage: false,
    checks: [],
    diagnosis,
    unproven: [],
    message: null,
    tokenFacts: null,
  }
}

function told(diagnosis: Diagnosis) {
  const findings = judge([{ profile: profileOf('default'), report: reportOf(diagnosis) }], START)
  return { findings, text: renderDoctor(findings, false) }
}

describe('the doctor', () => {
  it('lists the likely causes in their order, a line each', () => {
    const { findings, text } = told(
      diagnosisOf('x', {
        cause: '(1) It was removed. (2) It was made again. It takes 2 hours.',
        likelyCauses: ['It was removed.', 'It was made again.'],
      }),
    )
    expect(findings).toMatchObject({ status: 'critical', exitCode: 2 })
    const indent = ' '.repeat(17)
    expect(text).toContain(
      `  Why:           (1) It was removed.\n${indent}(2) It was made again.\n${indent}It takes 2 hours.\n`,
    )
    expect(text).not.toContain('No failure yet')
  })

  it('warns, and does not fail, while Microsoft is still spreading a change', () => {
    const { findings, text } = told(
      diagnosisOf('x', { retry: 'propagation', waitingUntil: '2026-11-23T11:41:20.000Z' }),
    )
    expect(findings).toMatchObject({ status: 'warning', exitCode: 1 })
    const waiting = 'Waiting for Microsoft, usually done by 2026-11-23 11:42 UTC.'
    expect(text.split('\n')[0]).toBe(
      `WARNING: default: Summary of x. ${waiting} 1 profile verified.`,
    )
    expect(text).toContain(`  No failure yet: ${waiting}`)
  })
})
