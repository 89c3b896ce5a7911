import type { SmtpAuthentication, SmtpClient, SmtpServer } from '../smtp/index.ts'
import { createGate, type Gate } from './gate.ts'

/** Exchange Online refuses more of one mailbox with 432 4.3.2 (aka.ms/concurrent_sending). */
const MOST_CONNECTIONS = 3
/** One place stays for verifications: a burst of messages must not let them run out of time. */
const MOST_SUBMISSIONS = 2

interface Entrance {
  readonly connections: Gate
  readonly submissions: Gate
  /** Inside or waiting; with the last one the entrance goes. */
  users: number
}

/**
 * The same client, with at most three connections at once to one mailbox. Whoever comes later waits in turn, as long
 * as its signal lets it. Made once, and given to everybody who opens connections.
 */
export function limitPerMailbox(smtp: SmtpClient): SmtpClient {
  const entrances = new Map<string, Entrance>()

  async function within<Result>(
    key: string,
    gatesOf: (entrance: Entrance) => readonly Gate[],
    signal: AbortSignal | undefined,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const entrance = entrances.get(key) ?? {
      connections: createGate(MOST_CONNECTIONS),
      submissions: createGate(MOST_SUBMISSIONS),
      users: 0,
    }
    entrances.set(key, entrance)
    entrance.users++
    const entered: (() => void)[] = []
    try {
      for (const gate of gatesOf(entrance)) {
        entered.push(await gate.enter({ urgent: false, signal }))
      }
      return await run()
    } finally {
      for (const leave of entered) leave()
      entrance.users--
      if (entrance.users === 0) entrances.delete(key)
    }
  }

  return {
    probe(options) {
      const { signal } = options
      const gates = ({ connections }: Entrance) => [connections]
      return within(keyOf(options), gates, signal, () => smtp.probe(options))
    },
    submit(options) {
      const { signal } = options
      const gates = ({ submissions, connections }: Entrance) => [submissions, connections]
      return within(keyOf(options), gates, signal, () => smtp.submit(options))
    },
  }
}

/** Without a login, the server sees one and the same client whatever the profile is. */
function keyOf(to: { server: SmtpServer; authentication: SmtpAuthentication }): string {
  const { server, authentication } = to
  const mailbox = authentication.type === 'none' ? '' : authentication.username
  return JSON.stringify([server.host, server.port, mailbox]).toLowerCase()
}
