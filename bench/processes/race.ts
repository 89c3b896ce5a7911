// Loads two servers in turn as hard as the connections allow. Any answer but a success ends it.
import { performance } from 'node:perf_hooks'
import { Value } from 'typebox/value'
import { type LoadTarget, RaceOrder, type RaceResult } from '../load.ts'
import { type KeptConnection, openConnection, requestTo } from './kept-connection.ts'

const order = Value.Parse(RaceOrder, JSON.parse(process.argv[2] ?? ''))
const { connections, slices, sliceMs } = order

interface Side {
  readonly request: Buffer
  readonly connections: readonly KeptConnection[]
}

async function open(target: LoadTarget): Promise<Side> {
  const opening = Array.from({ length: connections }, () => openConnection(new URL(target.url)))
  return { request: requestTo(target), connections: await Promise.all(opening) }
}

/** Requests per second over one slice. */
async function slice(side: Side): Promise<number> {
  const begin = performance.now()
  const end = begin + sliceMs
  let answered = 0
  await Promise.all(
    side.connections.map(async (connection) => {
      while (performance.now() < end) {
        await connection.ask(side.request)
        answered++
      }
    }),
  )
  return (answered * 1_000) / (performance.now() - begin)
}

// Never asleep: a server that is slower than the load would otherwise pay for waking it with each answer. Posts leave the
// server its second core.
function stayAwake(): void {
  setImmediate(stayAwake)
}
if (order.one.body === undefined) stayAwake()

const [one, other] = await Promise.all([open(order.one), open(order.other)])
// Compiles both sides.
for (let i = 0; i < 3; i++) await slice(one).then(() => slice(other))

const result: RaceResult = { one: [], other: [] }
for (let i = 0; i < slices; i++) {
  result.one.push(await slice(one))
  result.other.push(await slice(other))
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
