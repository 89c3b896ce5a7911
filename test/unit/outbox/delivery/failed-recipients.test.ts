import { expect, it } from 'vitest'
import { draftOf, OK, startBench } from './bench.ts'

const MINUTE = 60_000
const ANN = 'ann@fabrikam.com'
const GONE = 'gone@fabrikam.com'
const UNKNOWN = '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'
const DENIED =
  '554 5.2.252 SendAsDenied; alerts@contoso.com not allowed to send as boss@contoso.com'

type Bench = Awaited<ReturnType<typeof startBench>>

async function recipientsOf({ outbox }: Bench, id: string) {
  const { recipients } = await outbox.get(id)
  return recipients.map(({ address, state }) => [address, state])
}

const asked = ({ server }: Bench) => server.seen.map(({ recipients }) => recipients)

it('a probe of a sender leaves the recipients alone that the server has refused for good', async () => {
  await using bench = await startBench()
  const { server, outbox } = bench
  server.answers = [{ rcpt: { [GONE]: UNKNOWN }, reply: DENIED }, DENIED]
  outbox.start()
  const draft = draftOf({ to: [ANN, GONE], headerFrom: 'boss@contoso.com' })
  const { id } = await bench.accept(draft)
  await outbox.idle()
  expect(await bench.state(id)).toBe('held')
  const waiting = [
    [ANN, 'waiting'],
    [GONE, 'failed'],
  ]
  expect(await recipientsOf(bench, id)).toEqual(waiting)
  await bench.pass(16 * MINUTE, MINUTE)
  expect(await recipientsOf(bench, id)).toEqual(waiting)
  server.otherwise = OK
  await bench.pass(31 * MINUTE, MINUTE)
  expect(asked(bench)).toEqual([[ANN, GONE], [ANN], [ANN]])
  expect(await recipientsOf(bench, id)).toEqual([
    [ANN, 'delivered'],
    [GONE, 'failed'],
  ])
})

it('a person who has a deferred message tried now asks for those who wait, and for the failed ones when it has ended', async () => {
  await using bench = await startBench()
  const { server, outbox } = bench
  server.answers = [{ rcpt: { [GONE]: UNKNOWN, [ANN]: '450 4.2.1 later' } }]
  outbox.start()
  const { id } = await bench.accept(draftOf({ to: [ANN, GONE] }))
  await outbox.idle()
  expect(await bench.state(id)).toBe('deferred')
  await outbox.retry(id)
  await outbox.idle()
  expect(asked(bench)).toEqual([[ANN, GONE], [ANN]])
  expect(await bench.state(id)).toBe('failed')
  await outbox.retry(id)
  await outbox.idle()
  expect(asked(bench).slice(2)).toEqual([[GONE]])
  expect(await bench.state(id)).toBe('delivered')
})
