import { toRfc5322 } from '../../platform/clock.ts'
import type { Mailbox } from './addresses.ts'
import type { ReadMessage } from './read-message.ts'
import { renderMime } from './render-mime.ts'

export interface ComposedMime {
  /** With its angle brackets. */
  readonly messageId: string
  /** RFC 5322, every line ended by CR LF; Bcc is nowhere in it. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Where the parts of a message are so small that it is made in one piece. */
const SMALL_BYTES = 256 * 1024

/** `id`: of the outbox; it becomes the Message-ID, so that every try of the message has the same. */
export async function composeMime(
  message: ReadMessage,
  facts: { id: string; now: number },
): Promise<ComposedMime> {
  const { from, to, cc, replyTo, subject, text, html, attachments, extra } = message
  const messageId = extra.messageId ?? messageIdOf(facts.id, from.address)
  // Loaded with the first message: an agent that only relays never needs it.
  const [{ default: MailComposer }, base64, qp] = await loadComposer()
  const mail = new MailComposer({
    from: { ...from },
    to: copies(to),
    cc: copies(cc),
    replyTo: copies(replyTo),
    subject,
    ...(text !== undefined && { text: withLineFeeds(text) }),
    ...(html !== undefined && { html: withLineFeeds(html) }),
    attachments: attachments.map((attachment) => ({ ...attachment })),
    headers: extra.fields.map((field) => ({ ...field })),
    messageId,
    date: toRfc5322(facts.now),
    newline: 'win',
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile()
  const isSmall = sizeOf(message) <= SMALL_BYTES
  const bytes = isSmall
    ? inOnePiece(() => renderMime(mail, { base64, qp }))
    : mail.createReadStream()
  return { messageId, bytes }
}

/** Of a message that has none of its own. */
export function messageIdOf(id: string, senderAddress: string): string {
  return `<${id}@${senderAddress.slice(senderAddress.lastIndexOf('@') + 1)}>`
}

let composer: ReturnType<typeof importComposer> | undefined

function loadComposer() {
  composer ??= importComposer()
  return composer
}

function importComposer() {
  return Promise.all([
    import('nodemailer/lib/mail-composer'),
    import('nodemailer/lib/base64'),
    import('nodemailer/lib/qp'),
  ])
}

async function* inOnePiece(build: () => Uint8Array): AsyncGenerator<Uint8Array> {
  yield build()
}

function sizeOf({ text, html, attachments }: ReadMessage): number {
  const files = attachments.reduce((sum, { content }) => sum + content.length, 0)
  return (text?.length ?? 0) + (html?.length ?? 0) + files
}

/** A carriage return alone would become a line of its own on the way. */
function withLineFeeds(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n')
}

/** nodemailer writes into what it is given. */
function copies(mailboxes: readonly Mailbox[]): Mailbox[] {
  return mailboxes.map((mailbox) => ({ ...mailbox }))
}
