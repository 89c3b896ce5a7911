import { expect, it } from 'vitest'
import { entraFailure, noToken, startBench } from './fakes.ts'

/** As a version stored it that did not know these members yet. */
function withoutNewMembers(body: string): string {
  return JSON.stringify(JSON.parse(body), (name, value) =>
    ['likelyCauses', 'waitingUntil', 'tokenFacts'].includes(name) ? undefined : value,
  )
}

it('reads reports and health that an older version has stored', async () => {
  await using bench = await startBench()
  bench.tokens.script = () => noToken(entraFailure(7000215, 'Invalid client secret provided.'))
  const report = await bench.verification.verify('default', { reason: 'schedule' })
  const { db } = bench.storage
  const { body } = await db.selectFrom('report').select('body').executeTakeFirstOrThrow()
  await db
    .updateTable('report')
    .set({ body: withoutNewMembers(body) })
    .execute()
  const { diagnosis } = bench.verification.healthOf('default')
  const old = withoutNewMembers(JSON.stringify(diagnosis))
  await db.updateTable('profile_health').set({ diagnosis: old }).execute()

  await using again = await bench.start()
  expect(await again.report(report.id)).toMatchObject({
    tokenFacts: null,
    diagnosis: { code: 'secret_wrong', likelyCauses: [], waitingUntil: null },
  })
  expect(await again.reports('default', { limit: 10 })).toHaveLength(1)
  expect(again.healthOf('default').diagnosis).toMatchObject({
    code: 'secret_wrong',
    likelyCauses: [],
  })
})
