import type { SmtpReplyFailure, SmtpStep } from '../diagnosis/index.ts'
import { needsSmtpUtf8, toParameter, toPath, toReversePath } from './command-line.ts'
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
 * when a value would end a command or add a parameter.
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
    utf8Refusal(server, step, `${what} needs SMTPUTF8 (RFC 6531), and ${why}`)

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
      const wishes = [
        dsn && notify !== null ? toParameter('NOTIFY', notify, { utf8: false }) : '',
        // RFC 6533 §3: under SMTPUTF8 it may be UTF-8 itself.
        dsn && orcpt !== null ? toParameter('ORCPT', orcpt, { utf8 }) : '',
      ]
      return { line: `RCPT TO:${toPath(address, { utf8 })}${wishes.join('')}`, failure: null }
    }),
  }
}

/**
 * The end of the message, not of the connection: what a server with SMTPUTF8 says of an address that it cannot pass on
 * (RFC 6531 §3.5, RFC 6533: X.6.7), said here in its place.
 */
function utf8Refusal(server: SmtpServer, step: SmtpStep, reason: string): SmtpReplyFailure {
  return {
    source: 'smtp',
    step,
    host: server.host,
    code: 550,
    enhancedCode: '5.6.7',
    text: `550 5.6.7 Not sent: ${reason}. (Postern’s own words; the server was not asked.)`,
  }
}
