import { expect, it } from 'vitest'
import { heldTooLong } from '../../../../src/outbox/delivery/own-diagnosis.ts'
import { DIAGNOSIS } from '../store-harness.ts'

it.each([
  [1, '1 hour'],
  [47, '47 hours'],
  [48, '2 days'],
  [60, '60 hours'],
  [168, '7 days'],
])('mail that was held for %i hours was kept for %s', (holdHours, time) => {
  const { summary, cause } = heldTooLong(holdHours, DIAGNOSIS)
  expect(summary).toContain(`was kept for ${time} and`)
  expect(cause).toContain(`held mail for ${time}, then`)
})
