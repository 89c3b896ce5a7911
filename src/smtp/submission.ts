import type { Outcome } from '../diagnosis/index.ts'
import { needsSmtpUtf8 } from './command-line.ts'
import type { SmtpServer } from './failures.ts'
import type { SmtpAuthentication } from './mechanism.ts'
import { compose, type MailMessage, toMailContent } from './message.ts'
import { type SubmissionReceipt, toReceipt } from './receipt.ts'
import type { SmtpSessions } from './session.ts'

export interface SubmitOptions {
  server: SmtpServer
  authentication: SmtpAuthentication
  message: MailMessage
  signal?: AbortSignal | undefined
}

/** Sends one message over a connection of its own. */
export async function runSubmission(
  deps: { sessions: SmtpSessions },
  options: SubmitOptions,
): Promise<Outcome<SubmissionReceipt>> {
  const { server, authentication, message, signal } = options
  const content = toMailContent(message)
  const { messageId, envelope } = content
  const body = await compose(content)
  const opened = await deps.sessions.open({ server, authentication, signal })
  if (!opened.ok) return opened
  const session = opened.value
  try {
    const result = await session.send({
      sender: envelope.from,
      recipients: envelope.to.map((address) => ({ address, notify: null, orcpt: null })),
      smtpUtf8: [envelope.from, ...envelope.to].some(needsSmtpUtf8),
      eightBit: body.some((byte) => byte > 0x7f),
      ret: null,
      envid: null,
      sizeBytes: body.length,
      body,
      signal,
    })
    const { failure, reply } = result
    if (failure !== null) return { ok: false, failure }
    const recipients = envelope.to.filter((_, at) => result.recipients[at]?.failure === null)
    return { ok: true, value: toReceipt({ reply: reply ?? '', messageId, recipients }) }
  } finally {
    if (signal?.aborted) session.close()
    else await session.quit()
  }
}
