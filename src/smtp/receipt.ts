/** The server took the message over. */
export interface SubmissionReceipt {
  /** The server's whole reply to the end of the message. */
  reply: string
  /** Ours, with its angle brackets. */
  messageId: string
  /** The <…> of the reply: Exchange Online may have given the message an id of its own. */
  serverMessageId: string | null
  recipients: string[]
}

// 250 2.0.0 OK <id@host> [Hostname=…]
const SERVER_MESSAGE_ID = /<[^<>\s]+>/

export function toReceipt(facts: {
  reply: string
  messageId: string
  recipients: readonly string[]
}): SubmissionReceipt {
  const { reply, messageId, recipients } = facts
  const serverMessageId = SERVER_MESSAGE_ID.exec(reply)?.[0] ?? null
  return { reply, messageId, serverMessageId, recipients: [...recipients] }
}
