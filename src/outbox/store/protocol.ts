import type { ErrorKind, FieldProblem } from '../../platform/errors.ts'
import { messageOf, PosternError } from '../../platform/errors.ts'
import type { StorageLocation } from '../../storage/index.ts'
import type { QueueCounts } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'

/** What crosses between the main thread and the store's. Calls and answers of one tick travel together. */

export type Method = {
  [Name in keyof OutboxStore]: OutboxStore[Name] extends (...args: never[]) => Promise<unknown>
    ? Name
    : never
}[Exclude<keyof OutboxStore, symbol>]

type ArgsOf = { [Name in Method]: Parameters<OutboxStore[Name]> }
type ResultOf = { [Name in Method]: Awaited<ReturnType<OutboxStore[Name]>> }
export type Args<Name extends Method = Method> = ArgsOf[Name]
export type Result<Name extends Method> = ResultOf[Name]

/** The part of the store that can be called from another thread. */
export type Calls = { [Name in Method]: (...args: ArgsOf[Name]) => Promise<ResultOf[Name]> }

export interface ThreadData {
  readonly location: StorageLocation
  /**
   * Messages that the process has claimed and not settled. Null: this is its first thread, which puts right what an agent
   * that has died left behind.
   */
  readonly inHand: readonly string[] | null
}

export interface Call<Name extends Method = Method> {
  readonly id: number
  readonly method: Name
  readonly args: Args<Name>
}

export type ToThread =
  | { readonly type: 'calls'; readonly calls: readonly Call[] }
  | { readonly type: 'close' }

export type Answer<Value = unknown> =
  | { readonly id: number; readonly isError: false; readonly value: Value }
  | { readonly id: number; readonly isError: true; readonly error: SentError }

/** The numbers of a profile; null: nothing of it waits any more. */
export type SentCounts = readonly [profileId: string, counts: QueueCounts | null]

export type FromThread =
  | { readonly type: 'ready'; readonly counts: readonly SentCounts[] }
  | { readonly type: 'failed'; readonly error: SentError }
  | {
      readonly type: 'answers'
      readonly answers: readonly Answer[]
      readonly counts: readonly SentCounts[]
    }

/** Classes do not survive the way between threads. */
export interface SentError {
  readonly message: string
  readonly cause: string | null
  readonly postern: {
    readonly kind: ErrorKind
    readonly code: string
    readonly problems: readonly FieldProblem[]
    readonly details: Readonly<Record<string, unknown>>
    readonly fields: Readonly<Record<string, unknown>>
    readonly retryAfterMs: number | undefined
  } | null
}

export function sendError(error: unknown): SentError {
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : null
  if (!(error instanceof PosternError)) return { message: messageOf(error), cause, postern: null }
  const { kind, code, problems, details, fields, retryAfterMs } = error
  return {
    message: error.message,
    cause,
    postern: { kind, code, problems, details, fields, retryAfterMs },
  }
}

export function receiveError({ message, cause, postern }: SentError): Error {
  const origin = cause === null ? {} : { cause: new Error(cause) }
  if (postern === null) return new Error(message, origin)
  const { retryAfterMs, ...rest } = postern
  return new PosternError(message, {
    ...rest,
    ...origin,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

/** Memory that can be handed over: the bytes fill it, so nobody else has a part of it. */
export function ownMemory(bytes: Uint8Array): ArrayBuffer[] {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength ? [buffer] : []
}
