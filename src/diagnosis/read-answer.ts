import { parseInstant, toIso } from '../platform/clock.ts'
import type { Answer } from './api.ts'
import type { DiagnosisContext } from './context.ts'
import type { EntraFailure, Failure, SmtpReplyFailure } from './failure.ts'
import { redact } from './redact.ts'

const ENHANCED = /\b([245]\.\d{1,3}\.\d{1,3})\b/
/** Exchange Online ends a refusal with `[front door, time, session]`, older replies with the host alone. */
const EXCHANGE_SUFFIX =
  /\[([A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63})(?:\s(\d{4}-\d\d-\d\dT[\d:.]{8,20}Z)\s([0-9A-F]{16}))?\]/i
const MAILBOX_SERVER = /\[Hostname=([A-Za-z0-9.-]+)\]/i
/** `530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 …` */
const EMBEDDED = /\bError:\s*((\d{3})[ -].*)$/is

/** A multi-line reply on one line, without the codes that each further line repeats (RFC 5321 §4.2.1). */
function joinLines(text: string): string {
  return text.replace(/\r?\n\d{3}[- ](?:[245]\.\d{1,3}\.\d{1,3}\s)?/g, ' ')
}

/** The words of a text for comparing: lower case, single blanks, one line. */
export function normalise(text: string): string {
  return joinLines(text).replace(/\s+/g, ' ').trim().toLowerCase()
}

/** A reply with its enhanced code, also when only the text states it. */
function withEnhancedCode(reply: SmtpReplyFailure): SmtpReplyFailure {
  if (reply.enhancedCode !== null) return reply
  const start = reply.text.replace(/^\s*\d{3}[ -]/, '').trimStart()
  const found = ENHANCED.exec(start)
  return found?.index === 0 ? { ...reply, enhancedCode: found[1] ?? null } : reply
}

/** Exchange Online repeats an earlier AUTH error inside its 5.7.57: that one is the failure. */
function unwrap(reply: SmtpReplyFailure): SmtpReplyFailure {
  const inner = EMBEDDED.exec(joinLines(reply.text))
  if (reply.enhancedCode !== '5.7.57' || inner === null) return reply
  return withEnhancedCode({
    ...reply,
    step: 'auth',
    code: Number(inner[2]),
    enhancedCode: null,
    text: inner[1] ?? reply.text,
  })
}

/** The numbers that the description states, for a caller that got none from its library. */
function withCodes(failure: EntraFailure): EntraFailure {
  if (failure.codes.length > 0) return failure
  const found = [...failure.description.matchAll(/AADSTS(\d+)/g)].map((m) => Number(m[1]))
  return { ...failure, codes: [...new Set(found)] }
}

/** A failure as the catalogue compares it. */
export interface Question {
  readonly failure: Failure
  /** The answer's text, normalised. */
  readonly words: string
}

/** Longest text that fragments are looked for in; the longest real replies have about 2 KB. */
const LONGEST_COMPARED = 16_000

function wordsOf(failure: Failure): string {
  if (failure.source === 'smtp') return failure.text
  if (failure.source === 'entra') return failure.description
  if (failure.source === 'graph') return `${failure.code} ${failure.message}`
  return failure.source === 'transport' ? failure.message : ''
}

function unfold(failure: Failure): Failure {
  if (failure.source === 'smtp') return unwrap(withEnhancedCode(failure))
  return failure.source === 'entra' ? withCodes(failure) : failure
}

export function prepare(raw: Failure): Question {
  const failure = unfold(raw)
  return { failure, words: normalise(wordsOf(failure).slice(0, LONGEST_COMPARED)) }
}

function instant(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  const at = parseInstant(text.trim().replace(' ', 'T'))
  return at === undefined ? null : toIso(at)
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const TRACE_ID = new RegExp(`Trace ID:\\s*(${UUID})`, 'i')
const CORRELATION_ID = new RegExp(`Correlation ID:\\s*(${UUID})`, 'i')
const TIMESTAMP = /Timestamp:\s*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)/i

function hostOf(authority: string | null): string | null {
  return authority !== null && URL.canParse(authority) ? new URL(authority).host : null
}

const NOTHING = {
  server: null,
  code: null,
  enhancedCode: null,
  traceId: null,
  correlationId: null,
  sessionId: null,
  at: null,
} as const

/** What was answered, word for word but for secrets, with what Microsoft's support asks for. */
export function readAnswer(failure: Failure, context: DiagnosisContext): Answer {
  switch (failure.source) {
    case 'settings':
      return { ...NOTHING, source: 'settings', step: 'settings', text: redact(failure.detail) }
    case 'claims':
      return { ...NOTHING, source: 'claims', step: 'claims', text: redact(failure.detail) }
    case 'transport':
      return {
        ...NOTHING,
        source: 'transport',
        step: failure.step,
        server: failure.host,
        text: redact(failure.message),
        code: failure.code,
      }
    case 'smtp_offer':
      return {
        ...NOTHING,
        source: 'smtp',
        step: failure.problem === 'no_starttls' ? 'starttls' : 'auth',
        server: failure.host,
        text: redact(`offered: ${failure.offered.join(', ') || 'nothing'}`),
      }
    case 'entra': {
      const { codes, description, status } = withCodes(failure)
      const text = description === '' ? failure.error : description
      const trace = failure.traceId ?? TRACE_ID.exec(description)?.[1] ?? null
      const correlation = failure.correlationId ?? CORRELATION_ID.exec(description)?.[1] ?? null
      return {
        source: 'entra',
        step: 'token',
        server: hostOf(context.authority),
        text: redact(text),
        code: codes[0] === undefined ? (status > 0 ? `HTTP ${status}` : null) : `AADSTS${codes[0]}`,
        enhancedCode: null,
        traceId: trace === null ? null : redact(trace),
        correlationId: correlation === null ? null : redact(correlation),
        sessionId: null,
        at: instant(failure.timestamp ?? TIMESTAMP.exec(description)?.[1]),
      }
    }
    case 'graph': {
      const { code, message, operation, requestId, status } = failure
      return {
        ...NOTHING,
        source: 'graph',
        step: operation,
        text: redact(message === '' ? code : message),
        code: code === '' ? `HTTP ${status}` : redact(code),
        traceId: requestId === null ? null : redact(requestId),
      }
    }
    case 'smtp': {
      const suffix = EXCHANGE_SUFFIX.exec(failure.text)
      const mailboxServer = MAILBOX_SERVER.exec(failure.text)?.[1]
      return {
        source: 'smtp',
        step: failure.step,
        server: mailboxServer ?? suffix?.[1] ?? failure.host,
        text: redact(failure.text),
        code: String(failure.code),
        enhancedCode: withEnhancedCode(failure).enhancedCode,
        traceId: null,
        correlationId: null,
        sessionId: suffix?.[3] ?? null,
        at: instant(suffix?.[2]),
      }
    }
  }
}
