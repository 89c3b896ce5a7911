import {
  createMailboxSlots,
  type MailboxSlots,
  type SmtpAuthentication,
  type SmtpClient,
  type SmtpServer,
} from '../smtp/index.ts'

/** Exchange Online refuses more of one mailbox with 432 4.3.2 (aka.ms/concurrent_sending). */
const MOST_CONNECTIONS = 3
/** One place stays for verifications: a burst of messages must not let them run out of time. */
const MOST_SUBMISSIONS = 2

/**
 * The same client, with at most three connections at once to one mailbox. Whoever comes later waits in turn, as long
 * as its signal lets it, and goes before connections that are only kept for the next message. Made once, and given to
 * everybody who opens connections; `slots` is what it shares with those who do not pass here.
 */
export function limitPerMailbox(
  smtp: SmtpClient,
  { slots = createMailboxSlots() }: { slots?: MailboxSlots } = {},
): SmtpClient {
  async function within<Result>(
    options: {
      server: SmtpServer
      authentication: SmtpAuthentication
      signal?: AbortSignal | undefined
    },
    most: number,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const { server, authentication, signal } = options
    const login = authentication.type === 'none' ? '' : authentication.username
    const slot = await slots.acquire({ server, login }, { most, urgent: true, signal })
    try {
      return await run()
    } finally {
      slot.release()
    }
  }

  return {
    probe: (options) => within(options, MOST_CONNECTIONS, () => smtp.probe(options)),
    submit: (options) => within(options, MOST_SUBMISSIONS, () => smtp.submit(options)),
  }
}
