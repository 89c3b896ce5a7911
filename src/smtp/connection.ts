import type { Socket } from 'node:net'
import { DialError } from '../platform/dial.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import { toWire } from './command-line.ts'
import { createReplyParser, type Reply } from './reply.ts'

/** Commands and replies over one open socket, plain or TLS. */
export interface SmtpConnection {
  /** The next reply; throws DialError when none can come any more, or the signal's reason. */
  read(signal: AbortSignal): Promise<Reply>
  /** Writes a command and reads its reply. */
  command(line: string, signal: AbortSignal): Promise<Reply>
  write(data: Buffer): void
  /**
   * Gives the bare socket back for a TLS handshake. Throws when the server sent anything that was not asked for:
   * it would be taken for an answer given under TLS (CVE-2011-0411, RFC 3207 §5).
   */
  detach(): Socket
  close(): void
}

export function createSmtpConnection(socket: Socket): SmtpConnection {
  const parser = createReplyParser()
  let ended: DialError | undefined
  let waiting: (() => void) | undefined

  function end(error: DialError): void {
    ended ??= error
    waiting?.()
  }

  const onData = (chunk: Buffer) => {
    try {
      parser.push(chunk)
    } catch (error) {
      socket.destroy()
      end(error instanceof DialError ? error : closed(error))
    }
    waiting?.()
  }
  const onError = (error: Error) => end(closed(error))
  const onClose = () => end(closed(undefined))

  socket.on('data', onData).on('error', onError).on('end', onClose).on('close', onClose)

  async function read(signal: AbortSignal): Promise<Reply> {
    for (;;) {
      signal.throwIfAborted()
      const reply = parser.next()
      if (reply !== undefined) return reply
      if (ended !== undefined) throw ended
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake)
          waiting = undefined
          resolve()
        }
        waiting = wake
        signal.addEventListener('abort', wake, { once: true })
      })
    }
  }

  return {
    read,
    command(line, signal) {
      socket.write(toWire(line))
      return read(signal)
    },
    write: (data) => void socket.write(data),
    detach() {
      socket.off('data', onData).off('error', onError).off('end', onClose).off('close', onClose)
      socket.pause()
      if (parser.pendingBytes > 0) {
        socket.destroy()
        throw new DialError(
          'The server sent more than its answer to STARTTLS before encryption began; somebody on the way may have inserted it.',
          { phase: 'protocol', code: 'STARTTLS_INJECTION' },
        )
      }
      return socket
    },
    close: () => void socket.destroy(),
  }
}

function closed(error: unknown): DialError {
  const code = error === undefined ? null : (codeOf(error) ?? null)
  const detail = error === undefined ? '' : ` (${code ?? messageOf(error)})`
  return new DialError(`The server closed the connection${detail}.`, {
    phase: 'closed',
    code,
    cause: error,
  })
}
