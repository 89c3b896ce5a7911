import type { SmtpReplyFailure, SmtpStep } from '../diagnosis/index.ts'
import { findPath, needsSmtpUtf8, toParameter, toReversePath } from './command-line.ts'
import type { Extensions } from './extensions.ts'
import type { SmtpServer } from './failures.ts'
import type { OutgoingMessage } from './session.ts'

/** A recipient's command, or why it has none. */
export type PlannedRecipient =
  | { readonly line: string; readonly failure: null }
  | { readonly line: null; readonly failure: SmtpReplyFailure }

export type EnvelopePlan =
  | { readonly mail: string; readonly recipients: readonly PlannedRecipient[] }
  | { readonly refusal: SmtpReplyFailure }

/**
 * The commands for a message's envelope, with the parameters that the server understands. Throws smtp_value_invalid
 * when the sender or a parameter would end a command or add a parameter; a recipient whose address cannot exist fails
 * alone.
 *
 * A message with 8-bit characters goes also to a server without 8BITMIME. RFC 6152 §3 says that it must not, and
 * leaves to convert or to return it; but a conversion breaks signatures and the promise that bodies arrive byte for
 * byte, a return loses mail, and servers have been 8-bit clean for decades whatever they announce.
 */
export function planEnvelope(
  message: OutgoingMessage,
  { server, extensions }: { server: SmtpServer; extensions: Extensions },
): EnvelopePlan {
  const { sender, recipients, smtpUtf8, eightBit, ret, envid, sizeBytes } = message
  if (recipients.length === 0) throw new TypeError('a message needs a recipient')
  const utf8 = smtpUtf8 && extensions.smtpUtf8
  const { dsn } = extensions
  const why = extensions.smtpUtf8
    ? 'the message was handed in without it'
    : 'the server does not offer it'
  const refused = (step: SmtpStep, what: string) =>
    // RFC 6531 §3.5, RFC 6533: what a server with SMTPUTF8 says of an address that it cannot pass on.
    notSent(server, step, '550 5.6.7', `${what} needs SMTPUTF8 (RFC 6531), and ${why}`)

  if (smtpUtf8 && !utf8) return { refusal: refused('mail', 'this message') }
  if (!utf8 && needsSmtpUtf8(sender)) return { refusal: refused('mail', 'the sender’s address') }
  const parameters = [
    extensions.size ? toParameter('SIZE', String(sizeBytes), { utf8 }) : '',
    eightBit && extensions.eightBitMime ? toParameter('BODY', '8BITMIME', { utf8 }) : '',
    utf8 ? ' SMTPUTF8' : '',
    dsn && ret !== null ? toParameter('RET', ret, { utf8 }) : '',
    dsn && envid !== null ? toParameter('ENVID', envid, { utf8: false }) : '',
  ]
  return {
    mail: `MAIL FROM:${toReversePath(sender, { utf8 })}${parameters.join('')}`,
    recipients: recipients.map(({ address, notify, orcpt }) => {
      if (!utf8 && needsSmtpUtf8(address)) {
        return { line: null, failure: refused('rcpt', 'the recipient’s address') }
      }
      const path = findPath(address, { utf8 })
      if (path === undefined) {
        const reason = 'the recipient’s address cannot exist, by a character in it or by its domain'
        return { line: null, failure: notSent(server, 'rcpt', '553 5.1.3', reason) }
      }
      const wishes = [
        dsn && notify !== null ? toParameter('NOTIFY', notify, { utf8: false }) : '',
        // RFC 6533 §3: under SMTPUTF8 it may be UTF-8 itself.
        dsn && orcpt !== null ? toParameter('ORCPT', orcpt, { utf8 }) : '',
      ]
      return { line: `RCPT TO:${path}${wishes.join('')}`, failure: null }
    }),
  }
}

/** The end of the message or recipient, not of the connection: said here in the server's place. */
function notSent(
  server: SmtpServer,
  step: SmtpStep,
  codes: '550 5.6.7' | '553 5.1.3',
  reason: string,
): SmtpReplyFailure {
  return {
    source: 'smtp',
    step,
    host: server.host,
    code: Number(codes.slice(0, 3)),
    enhancedCode: codes.slice(4),
    text: `${codes} Not sent: ${reason}. (Postern’s own words; the server was not asked.)`,
  }
}
