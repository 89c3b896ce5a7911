import type { Socket } from 'node:net'
import type { SMTPServer, SMTPServerAuthentication } from 'smtp-server'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import type { SMTPStream } from 'smtp-server/lib/smtp-stream.js'
import type { EnvelopeRecipient } from '../outbox/index.ts'
import {
  readRecipientCommand,
  readSenderCommand,
  type SenderCommand,
  withPath,
} from './address-command.ts'
import { isLoopbackAddress, type RelayClient } from './clients/index.ts'
import type { Desk } from './desk.ts'
import { keepAnswering } from './half-closed.ts'
import { ownReply } from './library-replies.ts'
import { DRAINED_BYTES, LONGEST_COMMAND_BYTES } from './limits.ts'
import { logIn } from './log-in.ts'
import type { Flaw } from './message/index.ts'
import { createPatience, type Patience } from './patience.ts'
import { createReception, type Reception } from './reception.ts'
import { FAREWELLS, REFUSALS } from './refusals.ts'
import { RelayParser } from './relay-parser.ts'
import { type Reply, replyLines, replyOf } from './reply.ts'
import type { Submitter } from './submitter.ts'
import { findSubmitter, judgeRecipient, judgeSender, sizeLimitOf, tooFast } from './transaction.ts'

interface Transaction {
  readonly sender: SenderCommand
  readonly submitter: Submitter
  /** By address in lower case. */
  readonly recipients: Map<string, EnvelopeRecipient>
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/

/**
 * One connection. The library speaks the protocol; what it leaves open is decided here: who may log in and send, how
 * long a peer may take, what becomes of the content.
 */
export class RelayConnection extends SMTPConnection {
  readonly #desk: Desk
  readonly #isLoopback: boolean
  readonly #patience: Patience
  readonly #gone = Promise.withResolvers<void>()
  /** Known by its address, without a login. */
  #neighbour: RelayClient | undefined
  #user: Pick<RelayClient, 'id' | 'secretVersion'> | undefined
  #wanted: SenderCommand | EnvelopeRecipient | undefined
  #transaction: Transaction | undefined
  #reception: Reception | undefined
  #isOver = false

  constructor(server: SMTPServer, socket: Socket, options: SMTPConnectionOptions, desk: Desk) {
    super(server, socket, options)
    this.#desk = desk
    this.#isLoopback = isLoopbackAddress(this.remoteAddress)
    this.#patience = createPatience(desk.limits)
    keepAnswering(socket)
  }

  /** Finds the client that needs no login. The library calls it through the server before the greeting. */
  async meet(): Promise<void> {
    await this.#desk.book.refresh()
    this.#lookAround()
  }

  #lookAround(): void {
    this.#neighbour = this.#desk.book.forAddress(this.remoteAddress)
  }

  get #clientId(): string | undefined {
    return this.#user?.id ?? this.#neighbour?.id
  }

  /**
   * The library waits 100 ms to catch those who speak before the greeting. Programs of this machine and addresses that
   * are trusted anyway are greeted at once.
   */
  override init(): void {
    if (!this.#isLoopback && this.#desk.book.forAddress(this.remoteAddress) === undefined) {
      super.init()
      return
    }
    this._setListeners(() => this.connectionReady())
  }

  override _createParser(): SMTPStream {
    const parser = new RelayParser({ maxCommandLength: LONGEST_COMMAND_BYTES })
    parser.oncommand = (command, callback) => this._onCommand(command, callback)
    parser.on('error', (error) => this.send(421, error.message))
    // The client has closed its side: whatever came before has been answered by now.
    parser.on('finish', () => {
      if (!this.#isOver) this.close()
    })
    return parser
  }

  /**
   * Own replies carry their enhanced code in front of the text; those of the library are put into other words. Long ones
   * become several lines.
   */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (typeof data !== 'string') {
      const isEhlo = Array.isArray(data) && code === 250
      super.send(code, isEhlo ? this.#announced(data) : data, context)
      return
    }
    const reply = ownReply(code, data)
    if (reply === undefined) super.send(code, data, context)
    else {
      const start = reply.enhanced === null ? '' : `${reply.enhanced} `
      const lines = replyLines(reply.text).map((line) => start + line)
      super.send(reply.code, lines, false)
    }
    const end = code >= 500 ? this.#patience.error() : undefined
    if (end !== undefined && !this._closing) this.#reply(end)
  }

  #reply({ code, enhanced, text }: Reply): void {
    this.send(code, `${enhanced} ${text}`)
  }

  #refuse(reply: Reply): void {
    this.#reply(this.#noted(reply))
  }

  /** What EHLO offers to this client: its own size limit, and AUTH only where a password is safe. */
  #announced(lines: readonly string[]): string[] {
    return lines
      .filter((line) => !line.startsWith('AUTH ') || this.secure || this.#isLoopback)
      .map((line) => (line === 'SIZE' ? `SIZE ${sizeLimitOf(this.#desk, this.#neighbour)}` : line))
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    if (this._upgrading || !this._ready) {
      super._onCommand(command, callback)
      return
    }
    if (this.#desk.isStopping()) {
      this.#reply(FAREWELLS.stopping)
      return
    }
    const line = command.toString('latin1')
    if (CONTROL.test(line)) {
      this._nextHandler = false
      this.#reply(REFUSALS.controlCharacters)
      if (callback !== undefined) setImmediate(callback)
      return
    }
    const end = this.#patience.command({
      isRecipient: this.#transaction !== undefined && /^RCPT /i.test(line),
      isKnown: this.#clientId !== undefined,
    })
    if (end === undefined) super._onCommand(command, callback)
    else this.#reply(end)
  }

  override handler_AUTH(command: Buffer, callback: () => void): void {
    // RFC 4954 §4 and §6.
    const isClear = !this.secure && !this.#isLoopback
    if (!isClear && this.#transaction === undefined) {
      super.handler_AUTH(command, callback)
      return
    }
    this.#reply(isClear ? REFUSALS.tlsNeeded : REFUSALS.inTransaction)
    callback()
  }

  /** The id of the client, or the answer. */
  async authenticate(auth: SMTPServerAuthentication): Promise<string | Reply> {
    const reply = await logIn(this.#desk, auth, this.remoteAddress)
    if ('id' in reply) {
      this.#user = reply
      this.#patience.loggedIn()
      return reply.id
    }
    this.#desk.news.loginFailed({ address: this.remoteAddress, reply })
    return this.#patience.loginFailed() ?? reply
  }

  /** STARTTLS starts anew: what was said in clear text counts no more (RFC 3207 §4.2). */
  startAnew(secured: Socket): void {
    this.#user = undefined
    keepAnswering(secured)
  }

  override _resetSession(): void {
    super._resetSession()
    this.#transaction = undefined
  }

  override handler_MAIL(command: Buffer, callback: () => void): void {
    const sender = readSenderCommand(command)
    if (sender !== undefined && 'code' in sender) {
      this.#reply(sender)
      callback()
      return
    }
    this.#wanted = sender
    // The library knows fewer addresses than there are; which ones may come is decided in acceptSender().
    super.handler_MAIL(sender === undefined ? command : withPath(command, '<>'), callback)
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    const smtpUtf8 = this.#transaction?.sender.smtpUtf8 ?? false
    const recipient = readRecipientCommand(command, smtpUtf8)
    if (recipient !== undefined && 'code' in recipient) {
      this.#reply(recipient)
      callback()
      return
    }
    this.#wanted = recipient
    const isNamed = recipient !== undefined && recipient.address !== ''
    super.handler_RCPT(isNamed ? withPath(command, '<name@domain.invalid>') : command, callback)
  }

  /** Undefined: the sender of the MAIL command is accepted. */
  acceptSender(): Reply | undefined | Promise<Reply | undefined> {
    const sender = this.#wanted
    if (sender === undefined || !('envid' in sender)) return replyOf(undefined)
    if (this.#user === undefined) this.#lookAround()
    const found = findSubmitter(this.#desk, this.#clientId)
    return found instanceof Promise
      ? found.then((submitter) => this.#judge(submitter, sender))
      : this.#judge(found, sender)
  }

  #judge(submitter: Submitter | Reply, sender: SenderCommand): Reply | undefined {
    if ('code' in submitter) return this.#noted(submitter)
    const version = this.#user?.secretVersion ?? submitter.client.secretVersion
    if (version !== submitter.client.secretVersion) return this.#noted(FAREWELLS.renewed)
    const refusal = judgeSender(this.#desk, submitter, sender)
    if (refusal !== undefined) return this.#noted(refusal)
    this.#transaction = { sender, submitter, recipients: new Map() }
    return undefined
  }

  acceptRecipient(): Reply | undefined {
    const [recipient, transaction] = [this.#wanted, this.#transaction]
    if (transaction === undefined || recipient === undefined || !('orcpt' in recipient)) {
      return replyOf(undefined)
    }
    const { submitter, recipients } = transaction
    const refusal = judgeRecipient(submitter.client, recipients, recipient.address)
    if (refusal === undefined) recipients.set(recipient.address.toLowerCase(), recipient)
    return refusal
  }

  #noted(reply: Reply): Reply {
    const address = this.remoteAddress
    this.#desk.news.refused({ clientId: this.#clientId, address, reply })
    return reply
  }

  override handler_DATA(_command: Buffer, callback: () => void): void {
    const begun = this.#begin()
    if (begun === undefined) this.send(354, 'End data with <CR><LF>.<CR><LF>')
    else this.#refuse(begun)
    callback()
  }

  /** Undefined: the content may come. */
  #begin(): Reply | undefined {
    const [transaction, parser, desk] = [this.#transaction, this._parser, this.#desk]
    if (!(parser instanceof RelayParser)) return replyOf(undefined)
    if (transaction === undefined || transaction.recipients.size === 0) return REFUSALS.noRecipients
    const submitter = desk.findSubmitter(transaction.submitter.client.id)
    if ('code' in submitter) return submitter
    const { id, messagesPerMinute } = submitter.client
    if (!desk.rates.allows(id, messagesPerMinute)) return tooFast(submitter.client)
    desk.rates.count(id, messagesPerMinute)
    const reception = this.#receive(transaction, submitter)
    this.#reception = reception
    this.#patience.contentBegins()
    parser.receive({
      write: (content) => this.#take(reception, content),
      get hasCopied() {
        return reception.hasCopied
      },
      end: (flaw) => void this.#finish(parser, reception, flaw),
    })
    return undefined
  }

  #receive({ sender, recipients }: Transaction, submitter: Submitter): Reception {
    const { outbox, dateText, log, hostname } = this.#desk
    return createReception({
      outbox,
      dateText,
      log,
      submitter,
      envelope: { ...sender, recipients: [...recipients.values()] },
      trace: {
        helo: this.hostNameAppearsAs || '',
        address: this.remoteAddress,
        hostname,
        isExtended: this.openingCommand === 'EHLO',
        isSecure: this.secure,
        isAuthenticated: this.#user !== undefined,
      },
      limitBytes: sizeLimitOf(this.#desk, submitter.client),
    })
  }

  #take(reception: Reception, content: Buffer): Promise<void> | undefined {
    if (reception.sizeBytes > this.#desk.maxMessageBytes + DRAINED_BYTES) {
      if (reception.refusal !== undefined) this.#refuse(reception.refusal)
      this.#reply(FAREWELLS.endless)
      return undefined
    }
    return reception.write(content)
  }

  async #finish(parser: RelayParser, reception: Reception, flaw: Flaw | null): Promise<void> {
    // The library's idle timeout rests while the client waits for an answer.
    this._handlerPending = true
    const reply = await reception.finish(flaw)
    this._handlerPending = false
    this.#reception = undefined
    if (reply.code === 250) {
      this.#patience.messageAccepted()
      const clientId = this.#transaction?.submitter.client.id
      if (clientId !== undefined) this.#desk.book.noteUse(clientId)
      this.#reply(reply)
    } else this.#refuse(reply)
    if (this.#isOver) return
    this._transactionCounter++
    this._unrecognizedCommands = 0
    this._resetSession()
    if (this.#desk.isStopping()) this.#reply(FAREWELLS.stopping)
    else parser.resume()
  }

  override _onClose(): void {
    this.#isOver = true
    this.#reception?.abandon()
    super._onClose()
    this.#gone.resolve()
  }

  /** Resolves when the socket is closed. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** Whether a message is under way. */
  get isBusy(): boolean {
    return this.#reception !== undefined
  }

  /** A second has passed. */
  tick(): void {
    if (this._closing || this.#isOver) return
    const message = this._handlerPending ? 'answering' : 'arriving'
    const end = this.#patience.second({
      isKnown: this.#clientId !== undefined,
      message: this.#reception === undefined ? 'none' : message,
    })
    if (end !== undefined) this.#reply(end)
  }

  /** Says why the relay closes; what is under way is finished first. */
  bow(reply: Reply): void {
    if (!this.isBusy) this.#reply(reply)
  }

  destroy(): void {
    this._socket.destroy()
  }
}
