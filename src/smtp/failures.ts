import type { Failure, SmtpReplyFailure, SmtpStep, TransportFailure } from '../diagnosis/index.ts'
import { DialError } from '../platform/dial.ts'
import type { Reply } from './reply.ts'

export interface SmtpServer {
  host: string
  port: number
  /** starttls: plain first, then upgraded, or refused; tls: TLS from the first byte; none: never encrypted. */
  security: 'starttls' | 'tls' | 'none'
}

/** Carries a failure value up to the one place that turns it into the result. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed'
  readonly failure: Failure
  readonly evidence: string

  constructor(failure: Failure, evidence: string) {
    super(evidence)
    this.failure = failure
    this.evidence = evidence
  }
}

export function replyFailure(server: SmtpServer, step: SmtpStep, reply: Reply): SmtpReplyFailure {
  return {
    source: 'smtp',
    step,
    host: server.host,
    code: reply.code,
    enhancedCode: reply.enhancedCode,
    text: reply.text,
  }
}

export function dialFailure(server: SmtpServer, step: string, error: DialError): TransportFailure {
  return {
    source: 'transport',
    peer: 'smtp',
    phase: error.phase,
    step,
    host: server.host,
    port: server.port,
    code: error.code,
    message: error.message,
    ...(error.certificate !== undefined && { certificate: error.certificate }),
  }
}

/** What a wait ends with when its time is over. */
export function timedOut(server: SmtpServer, step: string, ms: number): DialError {
  return new DialError(
    `${server.host}:${server.port} did not answer at the step ${step} within ${ms / 1_000} s.`,
    { phase: 'timeout', code: 'ETIMEDOUT' },
  )
}

const EVIDENCE_LENGTH = 300

/** One short line for a report. */
export function shorten(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' / ')
  return line.length <= EVIDENCE_LENGTH ? line : `${line.slice(0, EVIDENCE_LENGTH - 1)}…`
}
