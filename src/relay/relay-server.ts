import type { Socket } from 'node:net'
import {
  SMTPServer,
  type SMTPServerAddress,
  type SMTPServerAuthentication,
  type SMTPServerAuthenticationResponse,
  type SMTPServerSession,
} from 'smtp-server'
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import { codeOf, messageOf } from '../platform/errors.ts'
import { hostKeyOf, isLoopbackAddress, plainAddress } from './clients/index.ts'
import type { Desk } from './desk.ts'
import { FAREWELLS } from './refusals.ts'
import { RelayConnection } from './relay-connection.ts'
import { type Reply, replyOf } from './reply.ts'
import { LOWEST_TLS_VERSION, type ServerCertificate } from './tls/index.ts'

type Done = (error?: Error | null) => void
type Answer = Reply | undefined

/** Commands of the library that a relay has no use for. */
const DISABLED = ['XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL', 'LHLO', 'HELP']

/** An answer that the library sends for a handler. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly responseCode: number

  constructor({ code, enhanced, text }: Reply) {
    super(`${enhanced} ${text}`)
    this.responseCode = code
  }
}

/** The library's server with connections of our own. */
export class RelayServer extends SMTPServer {
  readonly #desk: Desk
  readonly #open = new Set<RelayConnection>()
  readonly #bySession = new WeakMap<SMTPServerSession, RelayConnection>()
  readonly #perAddress = new Map<string, number>()
  readonly #onFirst: () => void

  /** `onFirst`: called when a connection comes while there was none. */
  constructor(desk: Desk, certificate: ServerCertificate, onFirst: () => void) {
    super({
      name: desk.hostname,
      banner: 'Postern',
      heloResponse: '%s',
      size: desk.maxMessageBytes,
      // Each client has a limit of its own.
      hideSize: true,
      key: certificate.key.reveal(),
      cert: certificate.certificate,
      minVersion: LOWEST_TLS_VERSION,
      authMethods: ['PLAIN', 'LOGIN'],
      // Both are decided for each connection.
      authOptional: true,
      allowInsecureAuth: true,
      disabledCommands: DISABLED,
      disableReverseLookup: true,
      hideENHANCEDSTATUSCODES: false,
      hideDSN: false,
      socketTimeout: desk.limits.idleMs,
      logger: false,
      // A client may close its side behind QUIT and still wants its answers.
      allowHalfOpen: true,
      keepAlive: true,
    })
    this.#desk = desk
    this.#onFirst = onFirst
    // The library looks after a socket one turn of the event loop later.
    this.server.on('connection', (socket) => socket.on('error', () => socket.destroy()))
    this.on('error', (error) => {
      desk.log.debug({ code: codeOf(error), reason: messageOf(error) }, 'relay connection broken')
    })
  }

  get open(): ReadonlySet<RelayConnection> {
    return this.#open
  }

  use(certificate: ServerCertificate): void {
    this.updateSecureContext({ key: certificate.key.reveal(), cert: certificate.certificate })
  }

  override connect(socket: Socket, options: SMTPConnectionOptions): void {
    if (socket.destroyed) return
    const address = socket.remoteAddress ?? ''
    const isKnown = isLoopbackAddress(address) || this.#desk.book.forAddress(address) !== undefined
    // Strangers may share a network with a host that is known.
    const key = isKnown ? plainAddress(address) : hostKeyOf(address)
    const refusal = this.#judge(key, isKnown)
    if (refusal !== undefined) {
      socket.write(`${refusal.code} ${refusal.enhanced} ${refusal.text}\r\n`)
      socket.destroySoon()
      return
    }
    if (this.#open.size === 0) this.#onFirst()
    const connection = new RelayConnection(this, socket, options, this.#desk)
    this.#open.add(connection)
    this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1)
    void connection.gone.then(() => {
      this.#open.delete(connection)
      const left = (this.#perAddress.get(key) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(key)
      else this.#perAddress.set(key, left)
    })
    this.connections.add(connection)
    this.#bySession.set(connection.session, connection)
    connection.on('error', (error) => this._onError(error))
    connection.init()
  }

  #judge(key: string, isKnown: boolean): Reply | undefined {
    const { limits, isStopping } = this.#desk
    const { connections, reservedConnections, connectionsPerAddress } = limits
    if (isStopping()) return FAREWELLS.stopping
    if (this.#open.size >= connections - (isKnown ? 0 : reservedConnections)) {
      return FAREWELLS.crowded
    }
    return (this.#perAddress.get(key) ?? 0) >= connectionsPerAddress
      ? FAREWELLS.crowdedAddress
      : undefined
  }

  /**
   * The answer goes out after everything that has arrived by now was read: clients that are served together cost less
   * than those served one by one.
   */
  #answer(
    session: SMTPServerSession,
    done: Done,
    ask: (connection: RelayConnection) => Answer | Promise<Answer>,
  ): void {
    const connection = this.#bySession.get(session)
    const answered = (reply: Answer) => {
      setImmediate(done, reply === undefined ? null : new Refusal(reply))
    }
    const failed = (error: unknown) => {
      this.#desk.log.error({ err: error }, 'relay command failed')
      answered(replyOf(error))
    }
    try {
      const reply = connection === undefined ? replyOf(undefined) : ask(connection)
      if (reply instanceof Promise) reply.then(answered, failed)
      else answered(reply)
    } catch (error) {
      failed(error)
    }
  }

  override onConnect(session: SMTPServerSession, done: Done): void {
    this.#answer(session, done, async (connection) => {
      await connection.meet()
      return undefined
    })
  }

  override onSecure(socket: Socket, session: SMTPServerSession, done: Done): void {
    this.#bySession.get(session)?.startAnew(socket)
    done()
  }

  override onAuth(
    auth: SMTPServerAuthentication,
    session: SMTPServerSession,
    done: (error: Error | null | undefined, response?: SMTPServerAuthenticationResponse) => void,
  ): void {
    let user: string | undefined
    const answer: Done = (error) => done(error, user === undefined ? undefined : { user })
    this.#answer(session, answer, async (connection) => {
      const result = await connection.authenticate(auth)
      if (typeof result !== 'string') return result
      user = result
      return undefined
    })
  }

  override onMailFrom(_address: SMTPServerAddress, session: SMTPServerSession, done: Done): void {
    this.#answer(session, done, (connection) => connection.acceptSender())
  }

  override onRcptTo(_address: SMTPServerAddress, session: SMTPServerSession, done: Done): void {
    this.#answer(session, done, (connection) => connection.acceptRecipient())
  }
}
