// Sends so many requests a second, whether the answers come or not. Any answer but a success ends it.
import { performance } from 'node:perf_hooks'
import { Value } from 'typebox/value'
import { PaceOrder, type PaceResult } from '../load.ts'
import { percentile } from '../statistics.ts'
import { type KeptConnection, openConnection, requestTo } from './kept-connection.ts'

const order = Value.Parse(PaceOrder, JSON.parse(process.argv[2] ?? ''))
const { requestsPerSecond } = order
const url = new URL(order.target.url)
const request = requestTo(order.target)
const free: KeptConnection[] = []

/** On a free connection, or on a new one when all wait for an answer. */
async function ask(): Promise<number> {
  const connection = free.pop() ?? (await openConnection(url))
  const sentAt = performance.now()
  await connection.ask(request)
  const latency = performance.now() - sentAt
  free.push(connection)
  return latency
}

async function keepPace(seconds: number): Promise<readonly number[]> {
  const begin = performance.now()
  const asked: Promise<number>[] = []
  for (let turn = 0; turn < seconds * requestsPerSecond; turn++) {
    const waitMs = begin + (turn * 1_000) / requestsPerSecond - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    asked.push(ask())
  }
  return Promise.all(asked)
}

// Opens the connections and compiles both sides.
await keepPace(1)
const latencies = await keepPace(order.seconds)
const result: PaceResult = {
  p50Ms: percentile(latencies, 0.5),
  p99Ms: percentile(latencies, 0.99),
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
