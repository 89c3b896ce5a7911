import { createMailboxSlots, type MailboxSlots, type SmtpClient } from '../smtp/index.ts'

/** Exchange Online refuses more of one mailbox with 432 4.3.2 (aka.ms/concurrent_sending). */
const MOST_CONNECTIONS = 3

/**
 * The same client, with at most three connections at once to one mailbox. Whoever comes later waits in turn, as long
 * as its signal lets it, and goes before connections that carry messages. Made once, and given to everybody who probes;
 * `slots` is what it shares with those who do not pass here.
 */
export function limitPerMailbox(
  smtp: SmtpClient,
  { slots = createMailboxSlots() }: { slots?: MailboxSlots } = {},
): SmtpClient {
  return {
    async probe(options) {
      const { server, authentication, signal } = options
      const login = authentication.type === 'none' ? '' : authentication.username
      const slot = await slots.acquire(
        { server, login },
        { most: MOST_CONNECTIONS, urgent: true, signal },
      )
      try {
        return await smtp.probe(options)
      } finally {
        slot.release()
      }
    },
  }
}
