import { fileURLToPath } from 'node:url'
import { type Static, type TSchema, Type } from 'typebox'
import { startChild } from './child.ts'

export const MailTarget = Type.Object({
  host: Type.String(),
  port: Type.Integer(),
  security: Type.Enum(['none', 'starttls']),
  login: Type.Union([
    Type.Object({ username: Type.String(), password: Type.String() }),
    Type.Null(),
  ]),
  sender: Type.String(),
  recipient: Type.String(),
})
export type MailTarget = Static<typeof MailTarget>

/**
 * Loads the targets in turn, slice by slice. Each connection waits for the answer to one message before it sends the next,
 * and sends at least one in a slice. `keep`: a connection sends message after message; otherwise each message has a
 * connection of its own.
 */
export const MailOrder = Type.Object({
  targets: Type.Array(MailTarget, { minItems: 1 }),
  connections: Type.Integer({ minimum: 1 }),
  keep: Type.Boolean(),
  messageBytes: Type.Integer({ minimum: 200 }),
  slices: Type.Integer({ minimum: 1 }),
  sliceMs: Type.Number(),
  /** A first slice of each target that does not count; 0: none. */
  warmUpMs: Type.Number(),
  /** Of all connections together; null: as fast as the answers come. */
  messagesPerSecond: Type.Union([Type.Number(), Type.Null()]),
})
export type MailOrder = Static<typeof MailOrder>

export const MailSlice = Type.Object({
  messagesPerSecond: Type.Number(),
  /** From the sender's name to the answer to the final dot; with a connection of its own from its opening to its end. */
  p50Ms: Type.Number(),
  p99Ms: Type.Number(),
})
export type MailSlice = Static<typeof MailSlice>

export const MailResult = Type.Object({
  /** For each target its slices. */
  targets: Type.Array(Type.Array(MailSlice)),
  /** For each target all messages, those of the warm-up too. */
  sent: Type.Array(Type.Integer()),
  /** When the first slice of all began: milliseconds since 1970. */
  beganAt: Type.Number(),
})
export type MailResult = Static<typeof MailResult>

export function loadMail(order: MailOrder): Promise<MailResult> {
  return run('mail-load.ts', order, MailResult)
}

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
