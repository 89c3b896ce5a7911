/**
 * The client side of SMTP submission.
 *
 * `probe` is Postern's own dialogue, one step at a time, each with its duration and evidence; it opens one
 * connection and always closes it. `submit` hands one message to the server through nodemailer, over a connection
 * of its own. Both try once: when and whether to try again is the caller's decision.
 *
 * Promised: certificates are always verified and TLS is 1.2 or later; nothing said before STARTTLS counts after it;
 * no CR, LF or NUL reaches a command; no credential appears in an evidence or failure; every wait ends. What the
 * server or the network did wrong is a Failure value; a PosternError means that the caller's own input cannot be
 * sent. Nothing is kept between calls.
 */
export { createSmtpClient, type SmtpClient, type SmtpClientDeps } from './client.ts'
export type { SmtpServer } from './failures.ts'
export type { SmtpAuthentication } from './mechanism.ts'
export { composeMessage, type MailMessage } from './message.ts'
export type { SmtpProbe, SmtpProbeOptions, SmtpProbeStep, SmtpTimeouts } from './probe.ts'
export type { SubmissionReceipt } from './receipt.ts'
export type { SubmitOptions } from './submission.ts'
