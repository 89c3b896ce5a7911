import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CertificateFacts, Failure, SmtpStep } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { certificateFacts, DialError, openTcp, openTls } from '../platform/dial.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import type { Trust } from '../platform/trust.ts'
import { assertMessageLines, assertUsername, toPath } from './command-line.ts'
import { createSmtpConnection, type SmtpConnection } from './connection.ts'
import {
  dialFailure,
  replyFailure,
  type SmtpServer,
  StepFailed,
  shorten,
  timedOut,
} from './failures.ts'
import {
  authenticate,
  chooseMechanism,
  type SmtpAuthentication,
  wantedMechanism,
} from './mechanism.ts'
import { type SubmissionReceipt, toReceipt } from './receipt.ts'
import type { Reply } from './reply.ts'
import { dotStuffed, headerValue } from './wire-data.ts'

/** One thing that the probe did, in the order in which it was done. After STARTTLS, `ehlo` comes a second time. */
export interface SmtpProbeStep {
  step:
    | 'connect'
    | 'greeting'
    | 'ehlo'
    | 'starttls' // also the handshake of implicit TLS, then before the greeting
    | 'offer'
    | 'auth'
    | 'mail'
    | 'rcpt'
    | 'data'
    | 'message' // end of DATA
  ok: boolean
  durationMs: number
  /** The server's reply or the TLS facts, shortened; never an argument of AUTH. */
  evidence: string
}

export interface SmtpProbe {
  steps: SmtpProbeStep[]
  failure: Failure | null
  /** What the server showed, also when it was not accepted. */
  certificate: CertificateFacts | null
  tlsProtocol: string | null
  /** The lines of the last EHLO reply: `SIZE 157286400`, `AUTH LOGIN XOAUTH2`, … */
  capabilities: string[]
  greeting: string | null
  receipt: SubmissionReceipt | null
}

export interface SmtpTimeouts {
  connectMs: number
  greetingMs: number
  commandMs: number
  dataMs: number
}

export interface SmtpProbeOptions {
  server: SmtpServer
  authentication: SmtpAuthentication
  /** Sent for real when given; every line of `data` ends with CR LF. */
  message?: { from: string; to: string[]; data: Buffer } | undefined
  signal?: AbortSignal | undefined
}

export interface ProbeDeps {
  trust: Trust
  clock: Clock
  /** The name in EHLO. */
  hostname: string
  timeouts: SmtpTimeouts
  proxy?: URL | undefined
}

/** A goodbye is a courtesy: nobody waits long for its answer. */
const QUIT_MS = 2_000

export async function runProbe(deps: ProbeDeps, options: SmtpProbeOptions): Promise<SmtpProbe> {
  const { clock, hostname, timeouts, trust, proxy } = deps
  const { server, authentication, message, signal } = options
  if (authentication.type !== 'none') assertUsername(authentication.username)
  const envelope = message && { from: toPath(message.from), to: message.to.map(toPath) }
  if (message) assertMessageLines(message.data)
  signal?.throwIfAborted()

  const result: SmtpProbe = {
    steps: [],
    failure: null,
    certificate: null,
    tlsProtocol: null,
    capabilities: [],
    greeting: null,
    receipt: null,
  }
  let connection: SmtpConnection | undefined
  /** False while the server is in no state to understand QUIT. */
  let polite = false

  async function within<T>(step: string, ms: number, work: (signal: AbortSignal) => Promise<T>) {
    const reason = () => timedOut(server, step, ms)
    using limit = createTimeLimit({ clock, ms, reason, signal })
    return await work(limit.signal)
  }

  async function step<T>(
    name: SmtpProbeStep['step'],
    ms: number,
    work: (signal: AbortSignal) => Promise<{ evidence: string; value: T }>,
  ): Promise<T> {
    const startedAt = clock.now()
    const record = (ok: boolean, evidence: string) => {
      const durationMs = Math.max(0, clock.now() - startedAt)
      result.steps.push({ step: name, ok, durationMs, evidence: shorten(evidence) })
    }
    try {
      const { evidence, value } = await within(name, ms, work)
      record(true, evidence)
      return value
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (error instanceof StepFailed) record(false, error.evidence)
      if (!(error instanceof DialError)) throw error
      record(false, error.message)
      polite = false
      throw new StepFailed(dialFailure(server, name, error), error.message)
    }
  }

  function talk(): SmtpConnection {
    if (connection === undefined) throw new TypeError('not connected')
    return connection
  }

  /** One command whose reply must have the wanted first digit, or the wanted code. */
  function exchange(name: SmtpStep & SmtpProbeStep['step'], line: string, wanted: RegExp) {
    return step(name, timeouts.commandMs, async (limit) =>
      accept(name, await talk().command(line, limit), wanted),
    )
  }

  function accept(name: SmtpStep, reply: Reply, wanted: RegExp) {
    if (!wanted.test(String(reply.code))) {
      throw new StepFailed(replyFailure(server, name, reply), reply.text)
    }
    return { evidence: reply.text, value: reply }
  }

  async function secure(): Promise<void> {
    await step('starttls', timeouts.connectMs, async (limit) => {
      if (server.security === 'starttls') {
        accept('starttls', await talk().command('STARTTLS', limit), /^220$/)
      }
      const socket = talk().detach()
      polite = false
      const { host } = server
      const tls = await openTls({ socket, host, secureContext: trust.secureContext, signal: limit })
      connection = createSmtpConnection(tls)
      polite = true
      result.tlsProtocol = tls.getProtocol()
      result.certificate = certificateFacts(tls) ?? null
      return { evidence: tlsEvidence(tls, result.certificate), value: undefined }
    })
  }

  async function hello(): Promise<void> {
    const reply = await step('ehlo', timeouts.commandMs, async (limit) => {
      const name = isIP(hostname) === 0 ? hostname : `[${hostname}]`
      const first = await talk().command(`EHLO ${name}`, limit)
      // RFC 5321 §3.2: a server without extensions still knows HELO; it can offer neither TLS nor AUTH.
      const helo = server.security !== 'starttls' && authentication.type === 'none'
      const unknown = first.code === 500 || first.code === 502
      const last = unknown && helo ? await talk().command(`HELO ${name}`, limit) : first
      return accept('ehlo', last, /^250$/)
    })
    result.capabilities = reply.lines.slice(1)
  }

  async function logIn(): Promise<void> {
    if (authentication.type === 'none') return
    const mechanism = await step('offer', timeouts.commandMs, async () => {
      const offered = offeredMechanisms(result.capabilities)
      const chosen = chooseMechanism(authentication, offered)
      const evidence = offered.length === 0 ? 'AUTH is not offered' : `AUTH ${offered.join(' ')}`
      if (chosen !== undefined) return { evidence, value: chosen }
      const wanted = wantedMechanism(authentication)
      throw new StepFailed(
        { source: 'smtp_offer', problem: 'no_auth_mechanism', host: server.host, offered, wanted },
        evidence,
      )
    })
    await step('auth', timeouts.commandMs, async (limit) => {
      const send = (line: string) => talk().command(line, limit)
      return accept('auth', await authenticate(mechanism, authentication, send), /^235$/)
    })
  }

  async function deliver(): Promise<void> {
    if (message === undefined || envelope === undefined) return
    const size = offers(result.capabilities, 'SIZE') ? ` SIZE=${message.data.length}` : ''
    await exchange('mail', `MAIL FROM:${envelope.from}${size}`, /^250$/)
    await step('rcpt', timeouts.commandMs, async (limit) => {
      const replies: string[] = []
      for (const path of envelope.to) {
        const reply = await talk().command(`RCPT TO:${path}`, limit)
        replies.push(accept('rcpt', reply, /^25[01]$/).evidence)
      }
      return { evidence: replies.join('\n'), value: undefined }
    })
    await exchange('data', 'DATA', /^354$/)
    polite = false
    const last = await step('message', timeouts.dataMs, async (limit) => {
      talk().write(dotStuffed(message.data))
      const reply = await talk().read(limit)
      polite = true
      return accept('message', reply, /^250$/)
    })
    const messageId = headerValue(message.data, 'message-id') ?? ''
    result.receipt = toReceipt({ reply: last.text, messageId, recipients: message.to })
  }

  async function leave(): Promise<void> {
    if (connection === undefined || !polite) return
    const { command } = connection
    const ms = Math.min(QUIT_MS, timeouts.commandMs)
    await within('quit', ms, (limit) => command('QUIT', limit)).catch(() => {})
  }

  try {
    await step('connect', timeouts.connectMs, async (limit) => {
      const { host, port } = server
      const socket = await openTcp({ host, port, proxy, trust, signal: limit })
      connection = createSmtpConnection(socket)
      const to = `${socket.remoteAddress}:${socket.remotePort}`
      return { evidence: proxy ? `by the proxy ${proxy.host}` : to, value: undefined }
    })
    if (server.security === 'tls') await secure()
    const greeting = await step('greeting', timeouts.greetingMs, async (limit) => {
      const reply = await talk().read(limit)
      result.greeting = reply.text
      polite = true
      return accept('greeting', reply, /^220$/)
    })
    result.greeting = greeting.text
    await hello()
    if (server.security === 'starttls') {
      if (!offers(result.capabilities, 'STARTTLS')) throw noStarttls()
      await secure()
      // RFC 3207 §4.2: what was learned before TLS is forgotten.
      result.capabilities = []
      await hello()
    }
    await logIn()
    await deliver()
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    result.failure = error.failure
    if (error.failure.source === 'transport') {
      result.certificate = error.failure.certificate ?? result.certificate
    }
  } finally {
    if (!signal?.aborted) await leave()
    connection?.close()
  }
  return result

  function noStarttls(): StepFailed {
    const evidence = 'STARTTLS is not offered'
    result.steps.push({ step: 'starttls', ok: false, durationMs: 0, evidence })
    const offered = result.capabilities
    const { host } = server
    return new StepFailed(
      { source: 'smtp_offer', problem: 'no_starttls', host, offered, wanted: 'STARTTLS' },
      evidence,
    )
  }
}

function offers(capabilities: readonly string[], keyword: string): boolean {
  return capabilities.some((line) => line.split(' ')[0]?.toUpperCase() === keyword)
}

/** `AUTH LOGIN XOAUTH2`; old servers also write `AUTH=LOGIN`. */
function offeredMechanisms(capabilities: readonly string[]): string[] {
  const found = capabilities
    .filter((line) => /^AUTH[ =]/i.test(line))
    .flatMap((line) => line.slice(5).split(/\s+/))
    .filter((name) => name !== '')
  return [...new Set(found)]
}

function tlsEvidence(tls: TLSSocket, certificate: CertificateFacts | null): string {
  const facts = certificate
    ? `, ${certificate.subject || certificate.names.join(', ')}, issued by ${certificate.issuer}, until ${certificate.validTo}`
    : ''
  return `${tls.getProtocol() ?? 'TLS'}${facts}`
}
