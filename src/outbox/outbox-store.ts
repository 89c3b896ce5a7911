import type { Diagnosis } from '../diagnosis/index.ts'
import type {
  Accepted,
  Attempt,
  Draft,
  Hold,
  MessageDetail,
  MessageState,
  QueueCounts,
  StoredMessage,
  StoredRecipient,
} from './message.ts'
import type { MessageFilter } from './outbox.ts'

/** A draft with all that is decided when it is accepted. */
export interface NewMessage {
  readonly id: string
  readonly draft: Draft
  readonly sizeBytes: number
  readonly acceptedAt: number
}

export interface ClaimRequest {
  /** The profiles of one mailbox, those without a hold. */
  readonly profileIds: readonly string[]
  readonly limit: number
  /** Only Postern's own mail: priorities up to this one. Absent: all. */
  readonly upToPriority?: number | undefined
}

export interface ClaimedMessage {
  readonly message: StoredMessage
  /** Those that still wait, at most `mostRecipients` of the profile are tried at once by the caller. */
  readonly recipients: readonly StoredRecipient[]
  /** The whole body when it is at most INLINE_BYTES long; else null: read it piece by piece. */
  readonly body: Uint8Array | null
}

/** What one attempt came to, committed as a whole. */
export interface Settlement {
  readonly messageId: string
  /** Numbered by who made it: one more than the claimed message had. */
  readonly attempt: Attempt
  /** Recipients whose state has changed. */
  readonly recipients: readonly Pick<
    StoredRecipient,
    'index' | 'state' | 'reply' | 'diagnosisCode'
  >[]
  readonly next:
    | { readonly state: 'delivered' | 'failed' | 'queued' | 'held' }
    | { readonly state: 'deferred'; readonly nextAttemptAt: number }
  readonly serverMessageId: string | null
  /** Recipients that the server has accepted for the mailbox, for its day's count. */
  readonly accounted: { readonly mailbox: string; readonly recipients: number } | null
}

/**
 * The outbox on disk. Every change resolves after its durable commit, and several that wait share one. One is in use at
 * a time for a data folder, and it is the only one that writes these tables, but for a command beside the agent, which
 * only accepts. After a crash: `open` puts what was being sent, and what is held without a hold, back to `queued`, and
 * removes the bytes of messages that were never accepted.
 */
export interface OutboxStore extends AsyncDisposable {
  /** Bytes of a message on its way in, from 0, each CHUNK_BYTES long but the last. The first call makes the intake known. */
  appendChunk(intakeId: string, index: number, data: Uint8Array): Promise<void>
  abortIntake(intakeId: string): Promise<void>
  /** `body`: whole, or null when it was appended under the same id. Throws idempotency_key_reused. */
  accept(message: NewMessage, body: Uint8Array | null): Promise<Accepted>

  /**
   * The next messages by priority; within one the clients take turns, and the oldest of each goes first. They are
   * `sending` now.
   */
  claim(request: ClaimRequest): Promise<readonly ClaimedMessage[]>
  /** Claimed, but not tried: back to `queued` as if nothing had been. */
  unclaim(messageIds: readonly string[]): Promise<void>
  /** Undefined: no such piece. */
  readChunk(messageId: string, index: number): Promise<Uint8Array | undefined>
  /** Throws attempt_settled when the message is not being sent in this attempt: what it came to is stored already. */
  settle(settlement: Settlement): Promise<void>
  /** Deferred ones that are due become `queued`; profiles concerned, and when the next one is due. */
  wakeDue(
    now: number,
  ): Promise<{ readonly profileIds: readonly string[]; readonly nextDueAt: number | null }>
  /** All deferred ones of the profiles become due: the server works again. */
  wakeAll(profileIds: readonly string[]): Promise<void>
  /** Those of these messages that are deferred become `queued`. */
  wake(messageIds: readonly string[]): Promise<void>
  /** Held ones of the sender become `queued`; how many. */
  unhold(profileId: string, sender: string): Promise<number>
  /** The oldest held message of the sender: its hold is probed with it. */
  oldestHeld(profileId: string, sender: string): Promise<string | undefined>
  /**
   * Waiting messages of the profile (and sender, when not empty) that were accepted before `acceptedBefore` fail with
   * `diagnosis`; at most `limit` at once.
   */
  failHeld(request: {
    profileId: string
    sender: string
    acceptedBefore: number
    now: number
    diagnosis: Diagnosis
    limit: number
  }): Promise<readonly { readonly id: string; readonly source: string }[]>

  holds(): Promise<readonly Hold[]>
  putHold(hold: Hold): Promise<void>
  /** Ends the hold; the last held messages of a sender become `queued` in the same commit. */
  endHold(profileId: string, sender: string): Promise<void>
  /** Messages that a hold stops. */
  countWaiting(profileId: string, sender: string): Promise<number>

  /** Recipients that the mailbox was charged for since `since`, in whole hours. */
  accountedSince(mailbox: string, since: number): Promise<number>

  /** Waiting messages by profile, as of the last commit; from memory. `held` counts state `held` alone. */
  counts(): ReadonlyMap<string, QueueCounts>
  /**
   * Called after a commit that changed the counts of these profiles. `isAnew`: all of them are counted anew, and answers
   * of the store before that may have been lost. Returns the end of the subscription.
   */
  onChange(listener: (profileIds: readonly string[], isAnew: boolean) => void): () => void
  /** Another process has accepted messages: read the counts anew. */
  refreshCounts(): Promise<void>

  list(
    filter: MessageFilter & { readonly heldProfileIds?: readonly string[] | undefined },
    page: { limit: number; before: { acceptedAt: number; id: string } | undefined },
  ): Promise<readonly StoredMessage[]>
  find(id: string): Promise<MessageDetail | undefined>
  state(
    id: string,
  ): Promise<
    | Pick<StoredMessage, 'state' | 'reply' | 'serverMessageId' | 'diagnosis' | 'attempts'>
    | undefined
  >
  /**
   * From one of `from` to `queued` now. Of a message that had ended the recipients without success wait again; one that
   * still waits leaves those alone who have failed for good. False: it is in another state.
   */
  requeue(id: string, from: readonly MessageState[], now: number): Promise<boolean>
  /** False: it is not waiting. */
  cancel(id: string, now: number): Promise<boolean>

  /**
   * The ids of failed ones that nobody was told about, oldest first; not those accepted with `once`, nor reports and
   * bounces.
   */
  unreported(profileId: string, limit: number): Promise<readonly string[]>
  /** As much of them as a report tells, in their order. */
  failures(messageIds: readonly string[]): Promise<readonly FailedMessage[]>
  unreportedProfiles(): Promise<readonly string[]>
  /** When a report of the profile last went out; null: never. */
  lastReportAt(profileId: string): Promise<number | null>
  /** Accepts the report (null: there is nobody to tell) and marks the messages, in one commit. */
  report(request: {
    profileId: string
    messageIds: readonly string[]
    now: number
    report: { readonly message: NewMessage; readonly body: Uint8Array } | null
  }): Promise<void>
  /** The same for the delivery status notification of one message; of its attempts the last ATTEMPTS_TOLD. */
  unbounced(limit: number): Promise<readonly MessageDetail[]>
  bounce(request: {
    messageId: string
    now: number
    bounce: { readonly message: NewMessage; readonly body: Uint8Array } | null
  }): Promise<void>

  /** Removes a bounded part of what is too old or too much; true: there is more. */
  purge(request: {
    now: number
    bodiesBefore: number
    recordsBefore: number
    idempotencyBefore: number
    /** Of stored bytes of finished messages; the oldest go first. */
    mostBodyBytes: number
  }): Promise<boolean>
}

/** A failed message with a part of its recipients. */
export interface FailedMessage extends MessageDetail {
  /** The first RECIPIENTS_TOLD of those that failed. */
  readonly recipients: readonly StoredRecipient[]
  /** The last one. */
  readonly attempts: readonly Attempt[]
  readonly failedCount: number
  readonly deliveredCount: number
}

export const RECIPIENTS_TOLD = 20
export const ATTEMPTS_TOLD = 20
/** A body of at most this many bytes comes with its claim. */
export const INLINE_BYTES = 64 * 1024
/** Bytes of a body stored together. */
export const CHUNK_BYTES = 256 * 1024
