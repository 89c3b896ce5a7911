import { describe, expect, it } from 'vitest'
import { createBench, diagnosisOf, problemOf, profileOf } from './alerts-bench.ts'

/** As a version stored it that knew neither the list of causes nor the end of a wait. */
function asStoredBefore(): string {
  const { likelyCauses: _, waitingUntil: __, ...old } = diagnosisOf('auth_refused')
  return JSON.stringify(old)
}

async function benchWithAlert(change: { diagnosis?: string; details?: string }) {
  const bench = await createBench()
  await bench.put(profileOf('default'))
  await bench.alerts.open(problemOf({ details: ['A further line.'] }))
  await bench.storage.db.updateTable('alert').set(change).execute()
  await bench.restart()
  return bench
}

describe('an alert that another version has stored', () => {
  it('keeps its diagnosis', async () => {
    await using bench = await benchWithAlert({ diagnosis: asStoredBefore() })
    const [alert] = await bench.alerts.list({ limit: 10 })
    expect(alert?.diagnosis).toEqual(
      diagnosisOf('auth_refused', { likelyCauses: [], waitingUntil: null }),
    )
    await bench.deliver()
    expect(bench.mails()[0]?.text).toContain('Cause of auth_refused.')
  })

  it('keeps what is known here of a diagnosis that says more', async () => {
    const diagnosis = JSON.stringify({ ...diagnosisOf('auth_refused'), confidence: 0.9 })
    await using bench = await benchWithAlert({ diagnosis })
    const [alert] = await bench.alerts.list({ limit: 10 })
    expect(alert?.diagnosis).toEqual(diagnosisOf('auth_refused'))
  })

  it.each([
    { diagnosis: '{"code":' },
    { diagnosis: '[]' },
    { diagnosis: '{"code":"auth_refused"}' },
    { details: 'no json' },
    { details: 'null' },
  ])('is shown without what cannot be read: %j', async (change) => {
    await using bench = await benchWithAlert(change)
    const [alert] = await bench.alerts.list({ limit: 10 })
    expect(alert?.summary).toBe('Profile “default” cannot send mail.')
    if (change.diagnosis !== undefined) expect(alert?.diagnosis).toBeNull()
    expect(await bench.alerts.get(alert?.id ?? '')).toEqual(alert)
    await bench.deliver()
    expect(bench.subjects()).toEqual(['[default] Profile “default” cannot send mail.'])
  })
})
