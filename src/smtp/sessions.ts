import type { Clock } from '../platform/clock.ts'
import { DialError } from '../platform/dial.ts'
import type { Logger } from '../platform/logger.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import { assertUsername, toWire } from './command-line.ts'
import type { SmtpConnection } from './connection.ts'
import { readExtensions } from './extensions.ts'
import { dialFailure, replyFailure, type SmtpServer, StepFailed, timedOut } from './failures.ts'
import { createDialogue, type DialogueDeps, QUIT_MS, type SmtpTimeouts } from './opening.ts'
import type { OutgoingMessage, SendResult, SmtpSession, SmtpSessions } from './session.ts'
import { runTransaction } from './transaction.ts'

export interface SmtpSessionsDeps extends DialogueDeps {
  log: Logger
}

export function createSmtpSessions(deps: SmtpSessionsDeps): SmtpSessions {
  const { clock, log, timeouts, hostname } = deps
  toWire(`EHLO ${hostname}`)

  return {
    async open({ server, authentication, signal }) {
      if (authentication.type !== 'none') assertUsername(authentication.username)
      signal?.throwIfAborted()
      const startedAt = clock.now()
      const logEnd = (ok: boolean) => {
        const durationMs = clock.now() - startedAt
        log.debug({ host: server.host, ok, durationMs }, 'smtp session opened')
      }
      const dialogue = createDialogue(deps, { server, authentication, signal })
      try {
        await dialogue.open()
      } catch (error) {
        await dialogue.leave()
        if (!(error instanceof StepFailed)) throw error
        logEnd(false)
        return { ok: false, failure: error.failure }
      }
      logEnd(true)
      const { connection, facts } = dialogue
      const { capabilities } = facts
      return {
        ok: true,
        value: createSmtpSession({ connection, server, capabilities, clock, timeouts }),
      }
    },
  }
}

function createSmtpSession(deps: {
  connection: SmtpConnection
  server: SmtpServer
  capabilities: readonly string[]
  clock: Clock
  timeouts: SmtpTimeouts
}): SmtpSession {
  const { connection, server, capabilities, clock, timeouts } = deps
  const extensions = readExtensions(capabilities)
  const openedAt = clock.now()
  let lastUsedAt = openedAt
  let sent = 0
  let busy = false

  const isUsable = () => connection.ended === undefined && !connection.unasked

  /** Nothing can be sent any more: by what the server has said last, or by how the connection ended. */
  function notSent(message: OutgoingMessage): SendResult {
    message.beforeEnd?.catch(() => {})
    const reply = connection.next()
    connection.close()
    const ended =
      connection.ended ??
      new DialError('The connection is not open any more.', { phase: 'closed', code: null })
    return {
      recipients: message.recipients.map(() => ({ failure: null, reply: null })),
      failure:
        reply !== undefined && reply.code >= 400
          ? replyFailure(server, 'mail', reply)
          : dialFailure(server, 'mail', ended),
      reply: null,
      serverMessageId: null,
      uncertain: false,
    }
  }

  return {
    server: `${server.host}:${server.port}`,
    openedAt,
    get lastUsedAt() {
      return lastUsedAt
    },
    get sent() {
      return sent
    },
    sizeLimit: extensions.sizeLimit,
    get usable() {
      return isUsable()
    },
    async send(message) {
      if (busy) throw new TypeError('a session sends one message at a time')
      message.signal?.throwIfAborted()
      if (!isUsable()) return notSent(message)
      busy = true
      try {
        const transaction = { connection, server, extensions, clock, timeouts }
        const result = await runTransaction(transaction, message)
        if (result.failure === null) sent++
        return result
      } finally {
        busy = false
        lastUsedAt = clock.now()
      }
    },
    async quit() {
      if (isUsable() && !busy) {
        const ms = Math.min(QUIT_MS, timeouts.commandMs)
        using limit = createTimeLimit({ clock, ms, reason: () => timedOut(server, 'quit', ms) })
        await connection.command('QUIT', limit.signal).catch(() => {})
      }
      connection.close()
    },
    close: () => connection.close(),
  }
}
