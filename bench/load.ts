import { fileURLToPath } from 'node:url'
import { type Static, type TSchema, Type } from 'typebox'
import { startChild } from './child.ts'

export const LoadTarget = Type.Object({
  url: Type.String(),
  authorization: Type.Union([Type.String(), Type.Null()]),
  /** JSON to POST; absent: it is a GET. */
  body: Type.Optional(Type.String()),
})
export type LoadTarget = Static<typeof LoadTarget>

/** Loads two servers in turn, slice by slice, with a request under way on each connection at all times. */
export const RaceOrder = Type.Object({
  one: LoadTarget,
  other: LoadTarget,
  connections: Type.Integer({ minimum: 1 }),
  slices: Type.Integer({ minimum: 1 }),
  sliceMs: Type.Number(),
})
export type RaceOrder = Static<typeof RaceOrder>

/** Requests per second of each slice. */
export const RaceResult = Type.Object({
  one: Type.Array(Type.Number()),
  other: Type.Array(Type.Number()),
})
export type RaceResult = Static<typeof RaceResult>

/** So many requests a second, whatever the answers do. */
export const PaceOrder = Type.Object({
  target: LoadTarget,
  requestsPerSecond: Type.Integer({ minimum: 1 }),
  seconds: Type.Number(),
})
export type PaceOrder = Static<typeof PaceOrder>

export const PaceResult = Type.Object({ p50Ms: Type.Number(), p99Ms: Type.Number() })
export type PaceResult = Static<typeof PaceResult>

export function race(order: RaceOrder): Promise<RaceResult> {
  return run('race.ts', order, RaceResult)
}

export function keepPace(order: PaceOrder): Promise<PaceResult> {
  return run('pace.ts', order, PaceResult)
}

/** Load comes from a process of its own, so that it shares nothing with the server but the machine. */
async function run<Schema extends TSchema>(
  file: string,
  order: object,
  schema: Schema,
): Promise<Static<Schema>> {
  const script = fileURLToPath(new URL(`./processes/${file}`, import.meta.url))
  const child = startChild([script, JSON.stringify(order)], { NODE_OPTIONS: '' })
  try {
    return await child.line(schema)
  } finally {
    await child.stop('SIGKILL')
  }
}
