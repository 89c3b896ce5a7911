import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CertificateFacts, SmtpStep } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { certificateFacts, DialError, openTcp, openTls } from '../platform/dial.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import type { Trust } from '../platform/trust.ts'
import { createSmtpConnection, type SmtpConnection } from './connection.ts'
import { offeredMechanisms, offers } from './extensions.ts'
import { dialFailure, replyFailure, type SmtpServer, StepFailed, timedOut } from './failures.ts'
import {
  authenticate,
  chooseMechanism,
  type SmtpAuthentication,
  wantedMechanism,
} from './mechanism.ts'
import type { Reply } from './reply.ts'

export interface SmtpTimeouts {
  connectMs: number
  greetingMs: number
  commandMs: number
  /** For the end of a message, and for progress while its bytes are sent. */
  dataMs: number
}

/** What every dialogue with a server needs. */
export interface DialogueDeps {
  trust: Trust
  clock: Clock
  /** The name in EHLO. */
  hostname: string
  timeouts: SmtpTimeouts
  /** `http:`, `https:` (CONNECT) or `socks5:`. */
  proxy?: URL | undefined
}

/** One thing that was done, in the order in which it was done. After STARTTLS, `ehlo` comes a second time. */
export type StepName =
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

export interface StepReport {
  step: StepName
  ok: boolean
  durationMs: number
  /** The server's reply or the TLS facts; never an argument of AUTH. */
  evidence: string
}

/** What the server has shown so far. */
export interface OpeningFacts {
  certificate: CertificateFacts | null
  tlsProtocol: string | null
  /** The lines of the last EHLO reply: `SIZE 157286400`, `AUTH LOGIN XOAUTH2`, … */
  capabilities: string[]
  greeting: string | null
}

/** A dialogue with a server, step by step. A step that fails throws StepFailed; an aborted signal its reason. */
export interface Dialogue {
  /** Connects, greets, secures and logs in. */
  open(): Promise<void>
  readonly facts: Readonly<OpeningFacts>
  readonly connection: SmtpConnection
  step<T>(
    name: StepName,
    ms: number,
    work: (signal: AbortSignal) => Promise<{ evidence: string; value: T }>,
  ): Promise<T>
  /** Says whether the server is in a state to understand a command. */
  setPolite(polite: boolean): void
  /** QUIT where the server would understand it, and close. */
  leave(): Promise<void>
}

/** A goodbye is a courtesy: nobody waits long for its answer. */
export const QUIT_MS = 2_000

export function createDialogue(
  deps: DialogueDeps,
  options: {
    server: SmtpServer
    authentication: SmtpAuthentication
    signal: AbortSignal | undefined
    report?: (step: StepReport) => void
  },
): Dialogue {
  const { clock, hostname, timeouts, trust, proxy } = deps
  const { server, authentication, signal, report = () => {} } = options
  const facts: OpeningFacts = {
    certificate: null,
    tlsProtocol: null,
    capabilities: [],
    greeting: null,
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
    name: StepName,
    ms: number,
    work: (signal: AbortSignal) => Promise<{ evidence: string; value: T }>,
  ): Promise<T> {
    const startedAt = clock.now()
    const record = (ok: boolean, evidence: string) => {
      const durationMs = Math.max(0, clock.now() - startedAt)
      report({ step: name, ok, durationMs, evidence })
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

  async function secure(): Promise<void> {
    await step('starttls', timeouts.connectMs, async (limit) => {
      if (server.security === 'starttls') {
        accept(server, 'starttls', await talk().command('STARTTLS', limit), /^220$/)
      }
      const socket = talk().detach()
      polite = false
      const { host } = server
      const tls = await openTls({ socket, host, secureContext: trust.secureContext, signal: limit })
      connection = createSmtpConnection(tls)
      polite = true
      facts.tlsProtocol = tls.getProtocol()
      facts.certificate = certificateFacts(tls) ?? null
      return { evidence: tlsEvidence(tls, facts.certificate), value: undefined }
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
      return accept(server, 'ehlo', last, /^250$/)
    })
    facts.capabilities = reply.lines.slice(1)
  }

  async function logIn(): Promise<void> {
    if (authentication.type === 'none') return
    const mechanism = await step('offer', timeouts.commandMs, async () => {
      const offered = offeredMechanisms(facts.capabilities)
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
      return accept(server, 'auth', await authenticate(mechanism, authentication, send), /^235$/)
    })
  }

  function noStarttls(): StepFailed {
    const evidence = 'STARTTLS is not offered'
    report({ step: 'starttls', ok: false, durationMs: 0, evidence })
    const offered = facts.capabilities
    const { host } = server
    return new StepFailed(
      { source: 'smtp_offer', problem: 'no_starttls', host, offered, wanted: 'STARTTLS' },
      evidence,
    )
  }

  async function goThrough(): Promise<void> {
    await step('connect', timeouts.connectMs, async (limit) => {
      const { host, port } = server
      const socket = await openTcp({ host, port, proxy, trust, signal: limit })
      connection = createSmtpConnection(socket)
      const to = `${socket.remoteAddress}:${socket.remotePort}`
      return { evidence: proxy ? `by the proxy ${proxy.host}` : to, value: undefined }
    })
    if (server.security === 'tls') await secure()
    await step('greeting', timeouts.greetingMs, async (limit) => {
      const reply = await talk().read(limit)
      facts.greeting = reply.text
      polite = true
      return accept(server, 'greeting', reply, /^220$/)
    })
    await hello()
    if (server.security === 'starttls') {
      if (!offers(facts.capabilities, 'STARTTLS')) throw noStarttls()
      await secure()
      // RFC 3207 §4.2: what was learned before TLS is forgotten.
      facts.capabilities = []
      await hello()
    }
    await logIn()
  }

  return {
    facts,
    step,
    get connection() {
      return talk()
    },
    setPolite(next) {
      polite = next
    },
    async open() {
      try {
        await goThrough()
      } catch (error) {
        const failure = error instanceof StepFailed ? error.failure : undefined
        if (failure?.source === 'transport' && failure.certificate !== undefined) {
          facts.certificate = failure.certificate
        }
        throw error
      }
    },
    async leave() {
      if (connection === undefined) return
      const { command } = connection
      if (polite && !signal?.aborted) {
        const ms = Math.min(QUIT_MS, timeouts.commandMs)
        await within('quit', ms, (limit) => command('QUIT', limit)).catch(() => {})
      }
      connection.close()
    },
  }
}

/** The reply, when its code is as wanted. */
export function accept(server: SmtpServer, name: SmtpStep, reply: Reply, wanted: RegExp) {
  if (!wanted.test(String(reply.code))) {
    throw new StepFailed(replyFailure(server, name, reply), reply.text)
  }
  return { evidence: reply.text, value: reply }
}

function tlsEvidence(tls: TLSSocket, certificate: CertificateFacts | null): string {
  const facts = certificate
    ? `, ${certificate.subject || certificate.names.join(', ')}, issued by ${certificate.issuer}, until ${certificate.validTo}`
    : ''
  return `${tls.getProtocol() ?? 'TLS'}${facts}`
}
