import type { Diagnosis } from '../diagnosis/index.ts'
import type {
  Accepted,
  Draft,
  Hold,
  MessageDetail,
  MessageState,
  QueueCounts,
  StoredMessage,
} from './message.ts'

/** Takes the bytes of one message, in order. Nothing is accepted before `commit` has resolved. */
export interface Intake {
  /** The id that the message will have. */
  readonly id: string
  /** Bytes written so far. */
  readonly sizeBytes: number
  /** Whether what was written has been copied, as of a large message: else its memory is still read. */
  readonly hasCopied: boolean
  /**
   * Keeps the bytes, which the caller must not change afterwards. A promise: more may come when it resolves. It rejects
   * with disk_full, database_locked, storage_failed; then only `abort` makes sense.
   */
  write(piece: Uint8Array): Promise<void> | undefined
  /** Resolves after the durable commit. Throws message_empty, idempotency_key_reused and what `write` throws. */
  commit(draft: Draft): Promise<Accepted>
  /** Forgets everything that was written. Does nothing after a commit. */
  abort(): Promise<void>
}

/** How a message ended, or that it still waits. */
export interface MessageOutcome {
  readonly id: string
  readonly state: MessageState
  readonly reply: string | null
  readonly serverMessageId: string | null
  readonly diagnosis: Diagnosis | null
}

export interface MessageFilter {
  readonly profileId?: string | undefined
  /** `held` finds those of a profile on hold, too. */
  readonly states?: readonly MessageState[] | undefined
  readonly source?: string | undefined
  readonly client?: string | undefined
  /** An address of the envelope, whole, in any case. */
  readonly recipient?: string | undefined
  readonly sender?: string | undefined
  readonly messageId?: string | undefined
  readonly acceptedFrom?: number | undefined
  readonly acceptedBefore?: number | undefined
}

export interface Outbox extends AsyncDisposable {
  intake(): Intake
  /** A whole message at once. */
  accept(draft: Draft, body: Uint8Array): Promise<Accepted>
  /**
   * Resolves when the message has ended, was held or deferred after an attempt, or when `timeoutMs` is over: then with
   * the state of that moment. Throws message_not_found.
   */
  outcome(
    id: string,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<MessageOutcome>
  /** Newest first. `cursor`: from the page before. Throws cursor_invalid. */
  list(
    filter: MessageFilter,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{ messages: readonly StoredMessage[]; nextCursor: string | null }>
  /** Throws message_not_found. */
  get(id: string): Promise<MessageDetail>
  /** The bytes as they were accepted, in pieces; undefined when they are not kept any more. Throws message_not_found. */
  body(id: string): Promise<AsyncIterable<Uint8Array> | undefined>
  /**
   * Tries it now: one that waits, or again one that failed or was cancelled, for the recipients without success.
   * Throws message_not_found, message_delivered, message_sending, message_body_gone.
   */
  retry(id: string): Promise<StoredMessage>
  /** Throws message_not_found, message_finished, message_sending. */
  cancel(id: string): Promise<StoredMessage>
  /** Ends every hold of the profile, or of every profile; the mail is tried again at the allowed pace. */
  release(profileId: string | undefined): Promise<{ released: number }>
  /** From memory. */
  queueOf(profileId: string): QueueCounts
  /** From memory: those of the profile and its senders. */
  holdsOf(profileId: string): readonly Hold[]
  /** From memory: ids of profiles that do not exist any more while mail for them waits. */
  orphaned(): readonly string[]
  start(): void
  /** Resolves when nothing is under way and nothing can be sent now. */
  idle(): Promise<void>
}

export interface OutboxEvents {
  'message.accepted': { readonly id: string; readonly profileId: string; readonly source: string }
  /** It failed for good for at least one recipient. */
  'message.failed': {
    readonly id: string
    readonly profileId: string
    readonly source: string
    readonly diagnosis: Diagnosis | null
  }
  'message.deferred': {
    readonly id: string
    readonly profileId: string
    readonly diagnosis: Diagnosis
  }
  /** A hold began; `waiting`: messages that it stops. */
  'outbox.held': { readonly hold: Hold; readonly waiting: number }
  'outbox.released': { readonly profileId: string; readonly sender: string; readonly at: number }
  /** The numbers of a profile are other ones now; at most once a second. */
  'outbox.changed': { readonly profileId: string }
  /** It has come to its end: what metrics count. */
  'message.finished': {
    readonly id: string
    readonly profileId: string
    readonly source: string
    readonly outcome: 'delivered' | 'failed' | 'cancelled'
    readonly acceptedAt: number
    readonly finishedAt: number
  }
  /** The mailbox has taken all the recipients that it may in 24 hours; before `until` nothing more is sent. */
  'outbox.day_used_up': {
    readonly profileId: string
    readonly recipientsPerDay: number
    readonly until: number
  }
}
