import type { Socket } from 'node:net'
import { DialError } from '../platform/dial.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import { toWire } from './command-line.ts'
import { createReplyParser, type Reply } from './reply.ts'

/** Commands and replies over one open socket, plain or TLS. One wait at a time. */
export interface SmtpConnection {
  /** The next reply; throws DialError when none can come any more, or the signal's reason. */
  read(signal: AbortSignal): Promise<Reply>
  /** The next reply when it is here already. */
  next(): Reply | undefined
  /** Writes a command and reads its reply. */
  command(line: string, signal: AbortSignal): Promise<Reply>
  /** Writes commands together (RFC 2920); each will be answered. */
  send(lines: readonly string[]): void
  /** Writes bytes together; `replies`: how many will answer them. */
  write(parts: readonly Uint8Array[], replies: number): void
  /** Resolves when little enough waits in the socket, or nothing can leave it any more; throws the signal's reason. */
  room(signal: AbortSignal): Promise<void>
  /** Whether `room` would not have to wait. */
  readonly hasRoom: boolean
  /** Why no more can be read or written. The peer's close is noticed also while nobody waits. */
  readonly ended: DialError | undefined
  /** The server has said something that answers nothing. */
  readonly unasked: boolean
  /**
   * Gives the bare socket back for a TLS handshake. Throws when the server sent anything that was not asked for:
   * it would be taken for an answer given under TLS (CVE-2011-0411, RFC 3207 §5).
   */
  detach(): Socket
  close(): void
}

/** Waiting in the socket, at most, before more is written; what is written then is at most as much again. */
const MOST_QUEUED_BYTES = 128 * 1024

export function createSmtpConnection(socket: Socket): SmtpConnection {
  let outstanding = 0
  const parser = createReplyParser({ expected: () => outstanding })
  let ended: DialError | undefined
  let waiting: (() => void) | undefined

  const wake = () => waiting?.()

  function end(error: DialError): void {
    ended ??= error
    wake()
  }

  const onData = (chunk: Buffer) => {
    try {
      parser.push(chunk)
    } catch (error) {
      socket.destroy()
      end(error instanceof DialError ? error : closed(error))
    }
    wake()
  }
  const onError = (error: Error) => end(closed(error))
  const onClose = () => end(closed(undefined))

  socket.on('data', onData).on('error', onError).on('end', onClose).on('close', onClose)

  function somethingHappens(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        waiting = undefined
        resolve()
      }
      waiting = done
      signal.addEventListener('abort', done, { once: true })
    })
  }

  function next(): Reply | undefined {
    const reply = parser.next()
    if (reply !== undefined) outstanding = Math.max(0, outstanding - 1)
    return reply
  }

  async function read(signal: AbortSignal): Promise<Reply> {
    for (;;) {
      signal.throwIfAborted()
      const reply = next()
      if (reply !== undefined) return reply
      if (ended !== undefined) throw ended
      await somethingHappens(signal)
    }
  }

  function send(lines: readonly string[]): void {
    const text = lines.map(toWire).join('')
    outstanding += lines.length
    socket.write(text)
  }

  const hasRoom = () => socket.writableLength <= MOST_QUEUED_BYTES
  const isUnasked = () => outstanding === 0 && parser.pendingBytes > 0

  return {
    read,
    next,
    command(line, signal) {
      send([line])
      return read(signal)
    },
    send,
    write(parts, replies) {
      outstanding += replies
      socket.cork()
      for (const part of parts) socket.write(part, wake)
      socket.uncork()
    },
    async room(signal) {
      while (!hasRoom() && ended === undefined && !isUnasked()) {
        signal.throwIfAborted()
        await somethingHappens(signal)
      }
    },
    get hasRoom() {
      return hasRoom()
    },
    get ended() {
      return ended
    },
    get unasked() {
      return isUnasked()
    },
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
    close() {
      end(new DialError('The connection was closed.', { phase: 'closed', code: null }))
      socket.destroy()
    },
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
