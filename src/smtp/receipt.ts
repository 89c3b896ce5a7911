/** The server took the message over. */
export interface SubmissionReceipt {
  /** The server's whole reply to the end of the message. */
  reply: string
  /** Ours, with its angle brackets. */
  messageId: string
  /** The <…> of the reply: Exchange Online may have given the message an id of its own. */
  serverMessageId: string | null
}

// 250 2.0.0 OK <id@host> [Hostname=…]
const SERVER_MESSAGE_ID = /<[^<>\s]+>/

export function toReceipt(facts: { reply: string; messageId: string }): SubmissionReceipt {
  return { ...facts, serverMessageId: serverMessageIdOf(facts.reply) }
}

export function serverMessageIdOf(reply: string): string | null {
  return SERVER_MESSAGE_ID.exec(reply)?.[0] ?? null
}

/** The first header of that name, unfolded (RFC 5322 §2.2.3). */
export function headerValue(data: Buffer, name: string): string | undefined {
  const end = data.indexOf('\r\n\r\n')
  const head = data.subarray(0, end === -1 ? data.length : end).toString('latin1')
  const line = head
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .find((header) => header.toLowerCase().startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}
