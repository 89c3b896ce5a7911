import MailComposer from 'nodemailer/lib/mail-composer'
import { toRfc5322 } from '../platform/clock.ts'
import { newId } from '../platform/ids.ts'
import { assertHeaderValue, toPath } from './command-line.ts'

/** A message of Postern's own: a test email or an alert. */
export interface MailMessage {
  from: { name: string; address: string }
  to: string[]
  subject: string
  text: string
  html: string
  /** With its angle brackets; one is made when absent. */
  messageId?: string | undefined
  headers?: Record<string, string> | undefined
  replyTo?: string | undefined
  /** Epoch milliseconds. */
  date: number
}

/**
 * The whole message (RFC 5322), every line ended by CR LF. Rejects with smtp_value_invalid when a value would add a
 * header or a recipient.
 */
export async function composeMessage(message: MailMessage): Promise<Buffer> {
  const { from, to, subject, text, html, replyTo, date } = message
  const headers = message.headers ?? {}
  const sender = bare(from.address)
  for (const address of to) toPath(address)
  const messageId = message.messageId ?? `<${newId()}@${sender.slice(sender.lastIndexOf('@') + 1)}>`
  assertHeaderValue('From', from.name)
  assertHeaderValue('Subject', subject)
  assertHeaderValue('Message-ID', messageId)
  for (const [name, value] of Object.entries(headers)) assertHeaderValue(name, `${name}${value}`)
  // Addresses stay single addresses: nothing in them is parsed as a list.
  const composer = new MailComposer({
    from: { name: from.name, address: from.address },
    to: to.map(nameless),
    ...(replyTo !== undefined && { replyTo: nameless(bare(replyTo)) }),
    subject,
    text,
    html,
    messageId,
    headers,
    date: toRfc5322(date),
    newline: 'win',
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return composer.compile().build()
}

function nameless(address: string): { name: string; address: string } {
  return { name: '', address }
}

function bare(address: string): string {
  return toPath(address).slice(1, -1)
}
