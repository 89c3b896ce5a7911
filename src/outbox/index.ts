/**
 * The outbox: mail that Postern has accepted, until the server has taken it over.
 *
 * Promises. Accepted means on disk: `commit` and `accept` resolve after the durable commit, and from then on the message
 * leaves exactly when the server has answered. The envelope decides who gets it; its bytes go out as they came in, each
 * time the same, at least once. A broken credential or permission holds mail, and none fails before `holdHours` are over;
 * only the server's final word about the message or a recipient fails it, or the end of its time. An error that nobody
 * knows is temporary, and keeps only the message back that met it.
 *
 * The pace. All profiles of one mailbox (host, port, login) share a lane: never more messages in any 60 seconds,
 * recipients in 24 hours or connections than the strictest of them allows. Trouble of the server or of the way to it
 * shrinks the lane to one connection after a pause that doubles, 5 seconds to 5 minutes (a quarter more or less), or as
 * long as the answer asks for, up to an hour; after a used-up quota or a block it lasts 30 minutes at the least.
 * Successes bring the others back. A connection carries one message at a time, and the next one's final dot waits for
 * the commit of the last. It is given up when a verification waits for its place, after a minute without use and after
 * ten minutes, and with its settings. Lower priorities wait for higher ones; within one the clients take turns, and of
 * each the oldest goes first.
 *
 * The states of a message, what leads on, and what a crash does:
 * - being written: its bytes come in. Crash: they are removed, nothing was promised.
 * - queued: may be sent. To sending (claimed, few at a time), cancelled, or failed with a hold that lasts too long.
 *   Crash: stays.
 * - sending: in the hands of a connection. To delivered, failed, deferred, held; back to queued when recipients are left
 *   that were not tried yet, when a hold of the profile began, and when it was not tried after all. Crash: back to
 *   queued. What the server had taken just then goes out once more, with the same Message-ID: one message for each
 *   connection at most.
 * - deferred: waits for its next try, after 1, 2, 5, 10, 20, 30 minutes, then every hour, each give or take a tenth,
 *   or as long as the answer asks for, up to 6 hours; after `retryHours` it has failed. Time in which nobody tried it, and
 *   time on hold, does not count. To queued when it is due, when the server works again after a trouble, and when a person
 *   asks; cancelled; failed with a hold that lasts too long. Crash: stays.
 * - held: its sender may not send. To queued when the hold ends, for a probe, and when a person asks; cancelled; failed
 *   when the hold lasts too long. Crash: stays.
 * - delivered, failed, cancelled: ends. A person may have failed and cancelled ones tried again, for the recipients
 *   without success, as long as the bytes are kept. Crash: stays.
 * `once` messages (alerts, test emails) have one try: what it does not deliver has failed. No hold and no pause stops
 * them; the pace does.
 *
 * Holds. A hold of a profile is a row; its messages stay queued and are not claimed. A hold of a sender (SendAsDenied)
 * puts its messages aside one by one. While it lasts one real message is tried after 1, 5, 15, 30, then every 60 minutes
 * (of a sender: 15, 30, 60, and never so many that the mailbox gets blocked), and at once when a verification proves what was broken
 * or a person asks; the first success ends it. Mail of a profile that was removed is held until it exists again. After
 * `holdHours`, and 24 probes at the least (of a shorter hold as many as it has hours), held mail fails. Crash: the row
 * stays, its probes go on.
 *
 * What survives a crash besides: recipients counted in the last 24 hours, attempts, and what each recipient came to.
 * What does not, and need not: the pace of the last minute, the pause of a lane, which recipients of a large message were
 * tried in its present turn. Time that matters within a run never jumps, so a clock that is set neither stops the
 * delivery nor floods the server.
 */
export type { MessageInput, MessageReceipt } from './api.ts'
export { isSenderOf, type Mailbox, shownAddress } from './compose/addresses.ts'
export { chooseProfile } from './compose/choose-profile.ts'
export { addressesIn } from './compose/complete-header.ts'
export { encodePhrase, encodeText, readable } from './compose/encoded-words.ts'
export {
  type CompletedMessage,
  completeLocalMessage,
  headerRecipients,
  type LocalMessage,
  readLocalMessage,
} from './compose/local-message.ts'
export { readSenderField } from './compose/sender-field.ts'
export { prefixedSubject } from './compose/subject-prefix.ts'
export { type Submitted, type Submitter, submitComposed } from './compose/submission.ts'
export { takeIn } from './compose/take-in.ts'
export { createOutbox, type OutboxDeps } from './create-outbox.ts'
export { type LocalOutbox, openLocalOutbox } from './local-outbox.ts'
export type {
  Accepted,
  Attempt,
  Draft,
  Envelope,
  EnvelopeRecipient,
  Hold,
  MessageDetail,
  MessageState,
  Priority,
  QueueCounts,
  RecipientState,
  Source,
  StoredMessage,
  StoredRecipient,
} from './message.ts'
export { PRIORITY } from './message.ts'
export {
  createNotifier,
  type Notifier,
  type NotifierDeps,
  type NotifierEvents,
} from './notify/notifier.ts'
export { createOutboxMailer } from './notify/own-mail.ts'
export type { Intake, MessageFilter, MessageOutcome, Outbox, OutboxEvents } from './outbox.ts'
export { CHUNK_BYTES, type NewMessage, type OutboxStore } from './outbox-store.ts'
export {
  createOutboxRetention,
  type OutboxRetention,
  type OutboxRetentionConfig,
} from './retention.ts'
export { MESSAGES_TAG, type OutboxRoutesDeps, outboxRoutes } from './routes.ts'
export { openThreadedStore } from './store/threaded-store.ts'
