import { expect, it } from 'vitest'
import { draftOf } from './delivery/bench.ts'
import { startTenantBench } from './tenant-bench.ts'

/** Turned round, invisible, of two scripts that go in two directions: no domain that could ever be registered. */
const IMPOSSIBLE = ['u@a\u202eb.com', 'u@a\u200db.com', 'u@a\u05d0b.com']
const envelope = (to: string[]) => ({ ...draftOf({ to }).envelope, smtpUtf8: true })

it('Recipients whose domain cannot exist fail alone: the others get the message', async () => {
  await using bench = await startTenantBench()
  const to = [...IMPOSSIBLE, 'ann@fabrikam.com']
  const { id } = await bench.accept({ envelope: envelope(to) })
  bench.outbox.start()
  await bench.outbox.idle()
  expect(bench.tenant.inbox.list().map((mail) => mail.envelope.to)).toEqual([['ann@fabrikam.com']])
  expect(await bench.store.find(id)).toMatchObject({
    recipients: [
      ...IMPOSSIBLE.map((address) => ({
        address,
        state: 'failed',
        diagnosisCode: 'address_invalid',
      })),
      { address: 'ann@fabrikam.com', state: 'delivered' },
    ],
  })
})

it('A message for nobody else fails with that reason, at the first try', async () => {
  await using bench = await startTenantBench()
  const { id } = await bench.accept({ envelope: envelope(IMPOSSIBLE) })
  bench.outbox.start()
  await bench.outbox.idle()
  expect(bench.tenant.inbox.list()).toEqual([])
  expect(await bench.store.find(id)).toMatchObject({
    message: { state: 'failed', diagnosis: { code: 'address_invalid' } },
    recipients: IMPOSSIBLE.map(() => ({ state: 'failed', diagnosisCode: 'address_invalid' })),
    attempts: [{ outcome: 'failed' }],
  })
})
