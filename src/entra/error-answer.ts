import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { EntraFailure } from '../diagnosis/index.ts'

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes: every member may be missing. */
const ErrorBody = Type.Object({
  error: Type.Optional(Type.String()),
  error_description: Type.Optional(Type.String()),
  error_codes: Type.Optional(Type.Array(Type.Integer())),
  timestamp: Type.Optional(Type.String()),
  trace_id: Type.Optional(Type.String()),
  correlation_id: Type.Optional(Type.String()),
  suberror: Type.Optional(Type.String()),
  claims: Type.Optional(Type.String()),
})
type ErrorBody = Static<typeof ErrorBody>

const ClaimsChallenge = Type.Object({
  access_token: Type.Object({ capolids: Type.Object({ values: Type.Array(Type.String()) }) }),
})

const EXCERPT_LENGTH = 500

export interface EntraErrorAnswer {
  failure: EntraFailure
  /** Entra's finer class of the error, such as message_only. */
  suberror: string | null
}

/** `error` of an answer that is not OAuth's error JSON, such as a gateway's HTML page. */
const NOT_OAUTH = 'unreadable_answer'

/** `hide`: values that must not be repeated, whatever the server wrote. */
export function readErrorAnswer(options: {
  status: number
  body: string
  retryAfterMs: number | null
  hide: readonly string[]
}): EntraErrorAnswer {
  const { status, body, retryAfterMs, hide } = options
  const parsed = parseJson(body)
  const facts: ErrorBody = Value.Check(ErrorBody, parsed) ? parsed : {}
  const described = facts.error_description ?? ''
  const description = hideAll(facts.error === undefined ? excerpt(body) : described, hide)
  return {
    failure: {
      source: 'entra',
      status,
      error: hideAll(facts.error ?? NOT_OAUTH, hide),
      codes: readCodes(described, facts.error_codes ?? []),
      description,
      // Separated by CR LF in older answers and by single spaces in newer ones.
      traceId: facts.trace_id ?? found(described, /Trace ID: ([0-9a-f-]{36})/i),
      correlationId: facts.correlation_id ?? found(described, /Correlation ID: ([0-9a-f-]{36})/i),
      timestamp:
        facts.timestamp ?? found(described, /Timestamp: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)/i),
      policyIds: readPolicyIds(facts.claims),
      retryAfterMs,
    },
    suberror: facts.suberror ?? null,
  }
}

/** The first sentence's own number is the main one. */
function readCodes(description: string, listed: readonly number[]): number[] {
  const written = [...description.matchAll(/AADSTS(\d+)/g)].map((match) => Number(match[1]))
  return [...new Set([...written.slice(0, 1), ...listed, ...written])]
}

/** Conditional Access names the policies that blocked in a claims challenge: JSON inside the JSON. */
function readPolicyIds(claims: string | undefined): string[] {
  const challenge = claims === undefined ? undefined : parseJson(claims)
  return Value.Check(ClaimsChallenge, challenge) ? challenge.access_token.capolids.values : []
}

export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The readable beginning of a body, HTML tags taken out. */
export function excerpt(body: string): string {
  const words = body
    .slice(0, 20 * EXCERPT_LENGTH)
    .replace(/<(style|script)\b[\s\S]*?(<\/\1>|$)/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return words.length <= EXCERPT_LENGTH ? words : `${words.slice(0, EXCERPT_LENGTH - 1)}…`
}

export function hideAll(text: string, hide: readonly string[]): string {
  return hide.reduce((rest, value) => rest.replaceAll(value, '[secret]'), text)
}

function found(text: string, pattern: RegExp): string | null {
  return pattern.exec(text)?.[1] ?? null
}
