/**
 * The simulated client submission of Exchange Online: what smtp.office365.com:587 says, when it says it, and what it counts.
 *
 * Promises: every reply is the real service's, word for word where a trace of it is known, with the front door's, the time's and the
 * session's suffix; checks happen in the service's order; content arrives byte for byte, but for From when it names an alias.
 * A message stands in the tenant's inbox before its 250 leaves. The tenant's state is read at the moment of use, so that a
 * fault can be switched on in the middle of a dialogue.
 *
 * A session goes from greeting over EHLO, STARTTLS, EHLO and AUTH to MAIL, RCPT and DATA or BDAT. Counts (rate, recipients of
 * the day, refused senders) live in memory and start anew with the tenant.
 */
export { REPLY, STORE } from './replies.ts'
export { type ExchangeDeps, type ExchangeServer, startExchange } from './server.ts'
