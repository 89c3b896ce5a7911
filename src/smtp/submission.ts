import { createTransport, type NodemailerError } from 'nodemailer'
import type { Failure, Outcome, SmtpStep } from '../diagnosis/index.ts'
import { DialError, type DialPhase, openTcp, openTls } from '../platform/dial.ts'
import { messageOf } from '../platform/errors.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import { assertUsername } from './command-line.ts'
import { dialFailure, replyFailure, type SmtpServer, StepFailed, timedOut } from './failures.ts'
import {
  authenticate,
  chooseMechanism,
  type SmtpAuthentication,
  wantedMechanism,
} from './mechanism.ts'
import { type MailMessage, toMailContent } from './message.ts'
import { type ProbeDeps, runProbe } from './probe.ts'
import { type SubmissionReceipt, toReceipt } from './receipt.ts'
import { createReplyParser, type Reply } from './reply.ts'

export interface SubmitOptions {
  server: SmtpServer
  authentication: SmtpAuthentication
  message: MailMessage
  signal?: AbortSignal | undefined
}

/** Name of the handler that nodemailer hands the AUTH dialogue to. */
const OWN_METHOD = 'POSTERN'
/** EHLO twice, STARTTLS, AUTH in three lines, MAIL, RCPT, DATA: more waits than this are no dialogue. */
const MOST_COMMANDS = 10

/** Sends one message over a connection of its own. */
export async function runSubmission(
  deps: ProbeDeps,
  options: SubmitOptions,
): Promise<Outcome<SubmissionReceipt>> {
  const { clock, timeouts, trust } = deps
  const { server, authentication, signal } = options
  if (authentication.type !== 'none') assertUsername(authentication.username)
  const content = toMailContent(options.message)
  signal?.throwIfAborted()

  const progress = createProgress()
  const totalMs =
    timeouts.connectMs + timeouts.greetingMs + MOST_COMMANDS * timeouts.commandMs + timeouts.dataMs
  const reason = () => timedOut(server, progress.step(), totalMs)
  using limit = createTimeLimit({ clock, ms: totalMs, reason, signal })
  const stop = limit.signal
  let refused: Failure | undefined
  try {
    const connection = await open(deps, server, stop)
    const transport = createTransport({
      host: server.host,
      port: server.port,
      connection,
      secure: server.security === 'tls',
      secured: server.security === 'tls',
      requireTLS: server.security === 'starttls',
      ignoreTLS: server.security === 'none',
      // Said outright: Node's own default can be switched off by the environment.
      tls: { secureContext: trust.secureContext, rejectUnauthorized: true },
      name: deps.hostname,
      connectionTimeout: timeouts.connectMs + timeouts.greetingMs,
      greetingTimeout: timeouts.greetingMs,
      socketTimeout: Math.max(timeouts.commandMs, timeouts.dataMs),
      // A line for each command, AUTH arguments masked; only its verb is looked at.
      transactionLog: true,
      logger: progress.logger,
      forceAuth: true,
      ...(authentication.type !== 'none' && {
        auth: { type: 'custom', method: OWN_METHOD, user: authentication.username },
        customAuth: {
          [OWN_METHOD]: async (context: AuthContext) => {
            progress.enter('auth')
            refused = await logIn(server, authentication, context)
            if (refused !== undefined) throw new Error('not authenticated')
          },
        },
      }),
    })
    const info = await transport.sendMail({ ...content.options, signal: stop })
    const { messageId } = content
    const receipt = toReceipt({ reply: info.response, messageId, recipients: info.accepted })
    return { ok: true, value: receipt }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    const failure = refused ?? toFailure(server, stop.reason ?? error, progress.step())
    return { ok: false, failure: await withCertificate(deps, server, failure, signal) }
  }
}

async function open(deps: ProbeDeps, server: SmtpServer, stop: AbortSignal) {
  const { clock, proxy, timeouts, trust } = deps
  const { host, port, security } = server
  const ms = timeouts.connectMs
  let step = 'connect'
  const reason = () => timedOut(server, step, ms)
  using limit = createTimeLimit({ clock, ms, reason, signal: stop })
  const { signal } = limit
  try {
    const socket = await openTcp({ host, port, proxy, trust, signal })
    if (security !== 'tls') return socket
    step = 'starttls'
    return await openTls({ socket, host, secureContext: trust.secureContext, signal })
  } catch (error) {
    if (error instanceof DialError) throw new StepFailed(dialFailure(server, step, error), step)
    throw error
  }
}

/** The part of nodemailer's context for authentication handlers that is used here. */
interface AuthContext {
  authMethods: string[]
  sendCommand(line: string): Promise<{ response: string }>
}

async function logIn(
  server: SmtpServer,
  authentication: SmtpAuthentication,
  context: AuthContext,
): Promise<Failure | undefined> {
  const { host } = server
  const offered = context.authMethods
  const mechanism = chooseMechanism(authentication, offered)
  if (mechanism === undefined) {
    const wanted = wantedMechanism(authentication)
    return { source: 'smtp_offer', problem: 'no_auth_mechanism', host, offered, wanted }
  }
  try {
    const reply = await authenticate(mechanism, authentication, async (line) =>
      parseReply((await context.sendCommand(line)).response),
    )
    return reply.code === 235 ? undefined : replyFailure(server, 'auth', reply)
  } catch (error) {
    if (error instanceof DialError) return dialFailure(server, 'auth', error)
    throw error
  }
}

function parseReply(text: string): Reply {
  const parser = createReplyParser()
  parser.push(Buffer.from(`${text}\n`))
  return parser.next() ?? { code: 0, enhancedCode: null, lines: [text], text }
}

/** What came may be no reply at all; that, too, is a failure with a name. */
function readReply(
  text: string,
  judge: (reply: Reply) => Failure,
  { server, at }: { server: SmtpServer; at: SmtpStep },
): Failure {
  try {
    return judge(parseReply(text))
  } catch (error) {
    if (error instanceof DialError) return dialFailure(server, at, error)
    throw error
  }
}

function toFailure(server: SmtpServer, error: unknown, step: string): Failure {
  if (error instanceof StepFailed) return error.failure
  if (error instanceof DialError) return dialFailure(server, step, error)
  const facts: NodemailerError = error instanceof Error ? error : new Error(messageOf(error))
  if (facts.responseCode !== undefined) {
    const at = replyStep(facts.command, step)
    // nodemailer asks for STARTTLS whether it is offered or not; RFC 5321 §4.2.4: 500 and 502 say that it is not.
    if (at === 'starttls' && [500, 502].includes(facts.responseCode)) {
      const { host } = server
      return { source: 'smtp_offer', problem: 'no_starttls', host, offered: [], wanted: 'STARTTLS' }
    }
  }
  if (facts.response !== undefined) {
    const at = replyStep(facts.command, step)
    return readReply(facts.response, (reply) => replyFailure(server, at, reply), { server, at })
  }
  const code = facts.originalCode ?? facts.code ?? null
  const at = `${server.host}:${server.port}`
  return dialFailure(
    server,
    step,
    new DialError(`The dialogue with ${at} broke at the step ${step}: ${facts.message}.`, {
      phase: phaseOf(facts, step),
      code,
      cause: error,
    }),
  )
}

const CONNECTION_LOST = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

function phaseOf(error: NodemailerError, step: string): DialPhase {
  if (error.code === 'ETIMEDOUT') return 'timeout'
  if (error.code === 'EPROTOCOL') return 'protocol'
  const lost = CONNECTION_LOST.includes(error.originalCode ?? '') || error.code === 'ECONNECTION'
  return step === 'starttls' && !lost ? 'tls' : 'closed'
}

const STEP_OF_VERB: Readonly<Record<string, SmtpStep>> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  STARTTLS: 'starttls',
  AUTH: 'auth',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  QUIT: 'quit',
}

function stepOf(line: string): SmtpStep | undefined {
  return STEP_OF_VERB[line.split(' ')[0]?.toUpperCase() ?? '']
}

const STEPS: readonly string[] = [...Object.values(STEP_OF_VERB), 'greeting', 'message']

function isSmtpStep(step: string): step is SmtpStep {
  return STEPS.includes(step)
}

/** nodemailer names the command that was answered; after the data it names DATA too. */
function replyStep(command: string | undefined, current: string): SmtpStep {
  const named = stepOf(command ?? '')
  if (named !== undefined && !(named === 'data' && current === 'message')) return named
  return isSmtpStep(current) ? current : 'greeting'
}

/** Follows nodemailer's own log to know which step is under way when the connection breaks. */
function createProgress() {
  let step: string = 'greeting'
  const ignore = () => {}
  return {
    step: () => step,
    enter(next: SmtpStep) {
      step = next
    },
    logger: {
      trace: ignore,
      warn: ignore,
      error: ignore,
      fatal: ignore,
      debug(entry: unknown, line: unknown) {
        if (isAbout(entry, 'client')) step = stepOf(String(line)) ?? step
      },
      info(entry: unknown) {
        if (isAbout(entry, 'message')) step = 'message'
      },
    },
  }
}

function isAbout(entry: unknown, subject: string): boolean {
  return typeof entry === 'object' && entry !== null && 'tnx' in entry && entry.tnx === subject
}

/** nodemailer drops the certificate that it refuses: look at it once more, without logging in. */
async function withCertificate(
  deps: ProbeDeps,
  server: SmtpServer,
  failure: Failure,
  signal: AbortSignal | undefined,
): Promise<Failure> {
  if (failure.source !== 'transport' || failure.phase !== 'tls' || failure.certificate) {
    return failure
  }
  const probe = await runProbe(deps, { server, authentication: { type: 'none' }, signal })
  const seen = probe.failure
  return seen?.source === 'transport' && seen.phase === 'tls' ? seen : failure
}
