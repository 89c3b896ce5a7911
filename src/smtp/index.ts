/**
 * The client side of SMTP submission.
 *
 * `probe` goes through a dialogue one step at a time, each with its duration and evidence; it opens one connection and
 * always closes it. A session is one logged-in connection for many messages: `open`, `send` one after the other,
 * `quit`. Both try once: when and whether to try again is the caller's decision. Mailbox slots bound how many
 * connections to one mailbox there are, by whomever. `composeMessage` makes the bytes of a mail of Postern's own.
 *
 * A session is usable until anything goes wrong with the connection itself, the server says 421 or speaks unasked, or
 * it closes; a refused message leaves it usable. A message's bytes go out as they are; what would let two servers
 * disagree on where it ends does not go out. The final dot is written after `beforeEnd`, and `uncertain` says that it
 * was written and not answered.
 *
 * Promised: certificates are always verified and TLS is 1.2 or later; nothing said before STARTTLS counts after it;
 * no CR, LF or NUL reaches a command; no credential appears in an evidence or failure; every wait ends. What the
 * server or the network did wrong is a Failure value; a PosternError means that the caller's own input cannot be
 * sent. Nothing is kept between calls, and nothing needs to survive a crash.
 */
export { createSmtpClient, type SmtpClient, type SmtpClientDeps } from './client.ts'
export { findPath, needsSmtpUtf8 } from './command-line.ts'
export type { SmtpServer } from './failures.ts'
export { type Block, linesOf, oneLine, shorten, toHtml, toText } from './mail-body.ts'
export {
  type AcquireOptions,
  createMailboxSlots,
  keyOf,
  type Mailbox,
  type MailboxSlots,
  type Slot,
} from './mailbox-slots.ts'
export type { SmtpAuthentication } from './mechanism.ts'
export { composeMessage, type MailMessage } from './message.ts'
export type { SmtpTimeouts } from './opening.ts'
export type { SmtpProbe, SmtpProbeOptions, SmtpProbeStep } from './probe.ts'
export type { SubmissionReceipt } from './receipt.ts'
export type {
  OpenOptions,
  OutgoingMessage,
  SendResult,
  SmtpSession,
  SmtpSessions,
} from './session.ts'
export { createSmtpSessions, type SmtpSessionsDeps } from './sessions.ts'
