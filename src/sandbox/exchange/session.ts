import type { SecureContext } from 'node:tls'
import type { Logger } from '../../platform/logger.ts'
import type { Tenant } from '../tenant.ts'
import { decideAuth, type Identity } from './auth-decision.ts'
import { exchangeCredentials } from './auth-dialogue.ts'
import type { Connection } from './connection.ts'
import { ehloReply, heloReply } from './ehlo.ts'
import type { Limits } from './limits.ts'
import { type Line, readLine } from './line-reader.ts'
import { errorSuffix, greetingOf, type HostNames } from './names.ts'
import { REPLY } from './replies.ts'
import { type Answer, createTransactions } from './transaction.ts'

export interface SessionDeps {
  tenant: Tenant
  connection: Connection
  limits: Limits
  names: HostNames
  /** 16 hexadecimal digits. */
  sessionId: string
  /** The certificate that the tenant's state asks for now. */
  secureContext: () => SecureContext
  log: Logger | undefined
}

/** One client from greeting to close. */
export interface Session {
  /** Resolves when there is nothing more to say to this client. */
  run(): Promise<void>
  /** 421 to a client that says nothing. */
  timeOut(): void
}

/** Exchange answers this many protocol errors on a connection; the next one ends it. */
const MAX_PROTOCOL_ERRORS = 5
const MAX_COMMAND_BYTES = 2048
/** Access tokens make AUTH lines long: nothing of RFC 5321's 512 octets holds for them. */
const MAX_LINE_BYTES = 256 * 1024

/** 'said': the handler has replied itself. */
type Outcome = Answer | 'said'
type Handler = (argument: string) => Outcome | Promise<Outcome>

export function createSession(deps: SessionDeps): Session {
  const { tenant, connection, names, sessionId, log } = deps
  let hello: 'none' | 'HELO' | 'EHLO' = 'none'
  let isEncrypted = false
  let identity: Identity | undefined
  /** The text of the last refused AUTH, which MAIL repeats. */
  let authError: string | undefined
  let protocolErrors = 0
  const transactions = createTransactions({ ...deps, send })
  const smtp = () => tenant.state().smtp

  function signed(text: string): string {
    return /^[45]/.test(text) ? text + errorSuffix(names, tenant.now(), sessionId) : text
  }

  /** False when the dialogue is over. */
  async function send(answer: Answer): Promise<boolean> {
    const { delayMs } = smtp()
    if (delayMs > 0) await tenant.clock.sleep(delayMs, connection.signal)
    if (answer === 'drop') {
      connection.drop()
      return false
    }
    const text = answer.exact ? answer.text.replace(/(?:\r?\n)+$/, '') : signed(answer.text)
    connection.write(`${text}\r\n`)
    if (!answer.close && !text.startsWith('421')) return true
    connection.end()
    return false
  }

  function greeting(): Answer {
    const { fault, forcedReplies } = smtp()
    const forced = forcedReplies['greeting']
    if (forced !== undefined) {
      return { text: forced, exact: true, close: !forced.startsWith('220') }
    }
    if (fault === 'busy') return { text: REPLY.busy }
    return { text: greetingOf(names, tenant.now(), sessionId) }
  }

  function helo(argument: string, command: 'HELO' | 'EHLO'): Answer {
    if (smtp().fault === 'dropAtEhlo') return 'drop'
    if (!/^\S+$/.test(argument)) return { text: REPLY.invalidDomain }
    // RFC 5321 §4.1.4: a new greeting clears everything like RSET.
    transactions.abandon()
    hello = command
    const forced = smtp().forcedReplies['ehlo']
    if (forced !== undefined) return { text: forced, exact: true }
    const { remoteAddress } = connection
    const text =
      command === 'HELO'
        ? heloReply(names, remoteAddress)
        : ehloReply({ names, remoteAddress, isEncrypted, smtp: smtp() })
    return { text }
  }

  async function startTls(argument: string): Promise<Outcome> {
    if (smtp().fault === 'dropAtStarttls') return 'drop'
    const refusal = refuseStartTls(argument)
    if (refusal !== undefined) return { text: refusal }
    const forced = smtp().forcedReplies['starttls']
    if (forced !== undefined && !forced.startsWith('220')) return { text: forced, exact: true }
    const ready = forced === undefined ? { text: REPLY.readyForTls } : { text: forced, exact: true }
    if (!(await send(ready))) return 'drop'
    if (!(await connection.startTls(deps.secureContext()))) return 'drop'
    // RFC 3207 §4.2: the server forgets what it learned in the clear.
    isEncrypted = true
    hello = 'none'
    protocolErrors = 0
    return 'said'
  }

  function refuseStartTls(argument: string): string | undefined {
    if (isEncrypted) return REPLY.oneStarttls
    if (!smtp().offerStarttls) return REPLY.unknownCommand
    if (argument !== '') return REPLY.invalidArguments
    return hello === 'EHLO' ? undefined : needHello('EHLO')
  }

  function needHello(wanted: 'HELO' | 'EHLO'): string | undefined {
    if (hello === 'none') return REPLY.sendHello
    return wanted === 'EHLO' && hello === 'HELO' ? REPLY.sendEhlo : undefined
  }

  function refuseAuth(mechanism: string): string | undefined {
    const early = needHello('EHLO')
    if (early !== undefined) return early
    if (!isEncrypted || transactions.isOpen()) return REPLY.authUnrecognized
    if (identity !== undefined) return REPLY.authAlready
    if (mechanism === '') return REPLY.invalidArguments
    const offered = smtp().authMechanisms.map((name) => name.toUpperCase())
    return offered.includes(mechanism) ? undefined : REPLY.authUnrecognized
  }

  async function auth(argument: string): Promise<Answer> {
    if (smtp().fault === 'dropAtAuth') return 'drop'
    const [name = '', ...rest] = argument.split(/ +/)
    const mechanism = name.toUpperCase()
    const refusal = refuseAuth(mechanism)
    if (refusal !== undefined) return { text: refusal }
    tenant.counters.authAttempts += 1
    if (smtp().fault === 'tls10') return { text: REPLY.authTls10 }
    if (smtp().fault === 'silentAtAuth') {
      await connection.closed
      return 'drop'
    }
    const initial = rest.length > 0 ? rest.join(' ') : undefined
    const given = await exchangeCredentials(mechanism, initial, async (challenge) =>
      (await send({ text: challenge })) ? nextLine() : undefined,
    )
    if (given === undefined) return 'drop'
    if ('reply' in given) return refusedAuth(given.reply)
    if (smtp().fault === 'proxy') return { text: REPLY.proxyError }
    const decision = await decideAuth(tenant, given)
    const forced = smtp().forcedReplies['auth']
    if (forced !== undefined && !forced.startsWith('2')) {
      refusedAuth(forced.replace(/ \[[^\]]*\]\s*$/, ''))
      return { text: forced, exact: true }
    }
    if ('refusal' in decision) {
      log?.debug({ sessionId, mailbox: given.user }, 'smtp authentication refused')
      return refusedAuth(decision.refusal)
    }
    identity = decision.identity
    authError = undefined
    log?.debug({ sessionId, mailbox: identity.mailbox }, 'smtp authentication accepted')
    return forced === undefined ? { text: REPLY.authOk } : { text: forced, exact: true }
  }

  function refusedAuth(text: string): Answer {
    authError = /^5[35]/.test(text) ? text : authError
    return { text }
  }

  function mail(argument: string): Answer {
    const early = needHello('HELO')
    if (early !== undefined) return { text: early }
    if (!isEncrypted && smtp().offerStarttls) return { text: REPLY.startTlsFirst }
    if (identity === undefined) {
      const reason = authError === undefined ? '' : ` Error: ${authError}`
      return { text: `${REPLY.notAuthenticated}${reason}` }
    }
    return transactions.mail(argument, identity)
  }

  /** Commands of a transaction, which only a greeted client has. */
  const greeted =
    (handler: Handler): Handler =>
    (argument) => {
      const early = needHello('HELO')
      return early === undefined ? handler(argument) : { text: early }
    }

  const handlers = new Map<string, Handler>([
    ['EHLO', (argument) => helo(argument, 'EHLO')],
    ['HELO', (argument) => helo(argument, 'HELO')],
    ['STARTTLS', startTls],
    ['AUTH', auth],
    ['MAIL', mail],
    ['RCPT', greeted(transactions.rcpt)],
    ['DATA', greeted(transactions.data)],
    // Its octets follow in any case, so that it looks at the order of commands itself.
    ['BDAT', transactions.bdat],
    [
      'RSET',
      () => {
        transactions.abandon()
        return { text: REPLY.reset }
      },
    ],
    ['NOOP', () => ({ text: REPLY.noop })],
    ['VRFY', () => ({ text: REPLY.vrfy })],
    ['HELP', () => ({ text: REPLY.help })],
    ['QUIT', () => ({ text: REPLY.bye, close: true })],
    ...['EXPN', 'TURN', 'ETRN', 'SEND', 'SOML', 'SAML'].map((name): [string, Handler] => [
      name,
      () => ({ text: REPLY.notImplemented }),
    ]),
  ])

  function nextLine(): Promise<Line | undefined> {
    return readLine(connection, MAX_LINE_BYTES)
  }

  async function perform(line: Line): Promise<Outcome> {
    const [, verb = '', argument = ''] = /^(\S*)(?:\s+(.*))?$/s.exec(line.text) ?? []
    const name = verb.toUpperCase()
    const isTooLong = line.text.length > MAX_COMMAND_BYTES && name !== 'AUTH'
    if (line.tooLong || isTooLong) return { text: REPLY.commandTooLong }
    const handler = handlers.get(name)
    return handler === undefined ? { text: REPLY.unknownCommand } : handler(argument.trim())
  }

  /** Replaces the reply to one protocol error too many. */
  function limited(outcome: Outcome): Outcome {
    if (typeof outcome === 'string' || outcome.exact || !isProtocolError(outcome.text)) {
      return outcome
    }
    protocolErrors += 1
    return protocolErrors > MAX_PROTOCOL_ERRORS ? { text: REPLY.tooManyErrors } : outcome
  }

  async function dialogue(): Promise<void> {
    const { fault } = smtp()
    if (fault === 'silent') {
      await connection.closed
      return
    }
    let goesOn = await send(fault === 'dropAtConnect' ? 'drop' : greeting())
    while (goesOn) {
      const line = await nextLine()
      if (line === undefined) return
      const outcome = limited(await perform(line))
      goesOn = outcome === 'said' || (await send(outcome))
    }
  }

  return {
    async run() {
      try {
        await dialogue()
      } finally {
        transactions.abandon()
      }
    },
    timeOut() {
      connection.write(`${signed(REPLY.timedOut)}\r\n`)
      connection.end()
    },
  }
}

/** Errors of syntax and order, and failed logons; not those about a single address. */
function isProtocolError(text: string): boolean {
  return /^(?:50[0-4] 5\.[357]|535 )/.test(text)
}
