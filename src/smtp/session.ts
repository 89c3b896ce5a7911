import type { Failure, Outcome } from '../diagnosis/index.ts'
import type { SmtpServer } from './failures.ts'
import type { SmtpAuthentication } from './mechanism.ts'

export interface OpenOptions {
  server: SmtpServer
  authentication: SmtpAuthentication
  signal?: AbortSignal | undefined
}

/** One logged-in connection, for many messages one after the other. */
export interface SmtpSession {
  /** `host:port`. */
  readonly server: string
  readonly openedAt: number
  /** When it was last used, epoch milliseconds. */
  readonly lastUsedAt: number
  /** Messages that the server has taken over. */
  readonly sent: number
  /** Of SIZE (RFC 1870); null: none announced. */
  readonly sizeLimit: number | null
  /** False once anything has gone wrong with the connection itself, or the server has closed it. */
  readonly usable: boolean
  /**
   * One at a time. Rejects only when the signal is aborted, when the caller's own values cannot be sent
   * (smtp_value_invalid, smtp_message_invalid), or with what `body` or `beforeEnd` rejects with. Where the server had
   * heard of the message by then, the session is not usable afterwards, and the server does not have the message,
   * unless the signal was aborted after the final dot. A recipient whose address cannot exist is no reason to reject:
   * it fails alone.
   */
  send(message: OutgoingMessage): Promise<SendResult>
  /** QUIT, as a courtesy, and close. */
  quit(): Promise<void>
  close(): void
}

export interface OutgoingMessage {
  /** Empty: the null reverse-path. */
  sender: string
  /** At least one. */
  recipients: readonly { address: string; notify: string | null; orcpt: string | null }[]
  /** Whether it needs RFC 6531: then a server without it gets nothing, which is the end of the message. */
  smtpUtf8: boolean
  eightBit: boolean
  ret: 'FULL' | 'HDRS' | null
  envid: string | null
  /** Length of the body; one of another length is not sent. */
  sizeBytes: number
  /** The bytes as accepted: not dot-stuffed, lines ended by CR LF. What was handed over must not change any more. */
  body: Uint8Array | AsyncIterable<Uint8Array>
  /** Awaited before the final dot goes out: what must be on disk before this message can be taken over. */
  beforeEnd?: Promise<unknown> | undefined
  signal?: AbortSignal | undefined
}

export interface SendResult {
  /**
   * In the order of the recipients. `failure`: the word about this one alone (RCPT); null: it shares the fate of the
   * message. `reply`: the server's to RCPT, verbatim.
   */
  readonly recipients: readonly {
    readonly failure: Failure | null
    readonly reply: string | null
  }[]
  /**
   * Null: the server has taken the message over for every recipient without a failure of its own. Else it has not, and
   * this is why; when every recipient has its own, it is the first one's.
   */
  readonly failure: Failure | null
  /** The server's reply to the final dot, verbatim; null: it said nothing. */
  readonly reply: string | null
  readonly serverMessageId: string | null
  /** The final dot may have reached the server without its answer coming back: it may have the message. */
  readonly uncertain: boolean
}

export interface SmtpSessions {
  /** Connects, secures and logs in. Rejects only when the signal is aborted, or the user name cannot be sent. */
  open(options: OpenOptions): Promise<Outcome<SmtpSession>>
}
