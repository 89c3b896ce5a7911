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

export interface MailContent {
  messageId: string
  envelope: { from: string; to: string[] }
  /** What nodemailer composes from. Addresses stay single addresses: nothing in them is parsed as a list. */
  options: MailComposer['mail']
}

/** The message as nodemailer takes it, after a check of everything that could add a header or a command. */
export function toMailContent(message: MailMessage): MailContent {
  const { from, to, subject, text, html, replyTo, date } = message
  const headers = message.headers ?? {}
  const envelope = { from: bare(from.address), to: to.map(bare) }
  const messageId =
    message.messageId ?? `<${newId()}@${envelope.from.slice(envelope.from.lastIndexOf('@') + 1)}>`
  assertHeaderValue('From', from.name)
  assertHeaderValue('Subject', subject)
  assertHeaderValue('Message-ID', messageId)
  for (const [name, value] of Object.entries(headers)) assertHeaderValue(name, `${name}${value}`)
  return {
    messageId,
    envelope,
    options: {
      from: { name: from.name, address: from.address },
      to: to.map(nameless),
      ...(replyTo !== undefined && { replyTo: nameless(bare(replyTo)) }),
      subject,
      text,
      html,
      messageId,
      headers,
      date: toRfc5322(date),
      envelope,
      newline: 'win',
      xMailer: false,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
  }
}

/** The whole message (RFC 5322), every line ended by CR LF. */
export function composeMessage(message: MailMessage): Promise<Buffer> {
  return compose(toMailContent(message))
}

export function compose(content: MailContent): Promise<Buffer> {
  return new MailComposer(content.options).compile().build()
}

function nameless(address: string): { name: string; address: string } {
  return { name: '', address }
}

function bare(address: string): string {
  return toPath(address).slice(1, -1)
}
