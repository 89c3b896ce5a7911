import { looksInspected } from './certificate.ts'
import type { DiagnosisContext } from './context.ts'
import { isExchangeOnlineHost } from './microsoft-hosts.ts'
import { normalise, type Question } from './read-answer.ts'
import type { Evidence, Given, Match } from './row.ts'

/** An absent list asks for nothing. */
function oneOf<T>(wanted: readonly T[] | undefined, found: T): boolean {
  return wanted === undefined || wanted.includes(found)
}

function within(wanted: readonly [number, number] | undefined, found: number): boolean {
  return wanted === undefined || (found >= wanted[0] && found <= wanted[1])
}

function says(words: string, fragments: readonly string[] | undefined): boolean {
  return fragments?.some((fragment) => words.includes(normalise(fragment))) ?? true
}

function isGiven(given: Given | undefined, host: string, port: number, context: DiagnosisContext) {
  if (given === undefined) return true
  return (
    oneOf(given.authentication, context.authenticationType) &&
    (given.port === undefined || given.port === port) &&
    (given.exchangeOnline === undefined || given.exchangeOnline === isExchangeOnlineHost(host)) &&
    (given.applicationRbac === undefined || given.applicationRbac === context.applicationRbac)
  )
}

function hasEnhanced(wanted: readonly (string | null)[] | undefined, found: string | null) {
  if (wanted === undefined) return true
  return wanted.some((entry) => {
    const range = entry === null ? null : /^(\d\.\d+\.)(\d+)-(\d+)$/.exec(entry)
    if (range === null) return entry === found
    const [, prefix = '', first, last] = range
    if (found === null || !found.startsWith(prefix)) return false
    return within([Number(first), Number(last)], Number(found.slice(prefix.length)))
  })
}

/** Whether a failure fits the pattern. */
export function matches(match: Match, question: Question, context: DiagnosisContext): boolean {
  const { failure, words } = question
  switch (match.source) {
    case 'settings':
      return failure.source === 'settings' && match.problems.includes(failure.problem)
    case 'claims':
      return failure.source === 'claims' && match.problems.includes(failure.problem)
    case 'transport':
      return (
        failure.source === 'transport' &&
        oneOf(match.peers, failure.peer) &&
        oneOf(match.phases, failure.phase) &&
        oneOf(match.steps, failure.step) &&
        (match.codes === undefined || match.codes.includes(failure.code ?? '')) &&
        says(words, match.fragments) &&
        (match.inspected === undefined || looksInspected(failure)) &&
        isGiven(match.given, failure.host, failure.port, context)
      )
    case 'entra':
      return (
        failure.source === 'entra' &&
        (match.codes === undefined || failure.codes.some((code) => match.codes?.includes(code))) &&
        (match.withoutCode === undefined || failure.codes.length === 0) &&
        within(match.status, failure.status) &&
        oneOf(match.errors, failure.error) &&
        says(words, match.fragments)
      )
    case 'smtp':
      return (
        failure.source === 'smtp' &&
        within(match.codes, failure.code) &&
        hasEnhanced(match.enhanced, failure.enhancedCode) &&
        oneOf(match.steps, failure.step) &&
        says(words, match.fragments) &&
        isGiven(match.given, failure.host, context.smtpPort, context)
      )
    case 'smtp_offer':
      return (
        failure.source === 'smtp_offer' &&
        match.problems.includes(failure.problem) &&
        isGiven(match.given, failure.host, context.smtpPort, context)
      )
    case 'graph':
      return (
        failure.source === 'graph' &&
        within(match.status, failure.status) &&
        oneOf(match.codes, failure.code) &&
        says(words, match.fragments)
      )
  }
}

/** Whether the evidence beside the answer is as a variant asks. */
export function holds(evidence: Evidence, context: DiagnosisContext): boolean {
  const { registrationKnown, workedBefore, secretLooksLikeId, storedSecret } = evidence
  return (
    (workedBefore === undefined || workedBefore === hasWorked(context)) &&
    (registrationKnown === undefined || context.graph !== undefined) &&
    (secretLooksLikeId === undefined || context.secretLooksLikeId) &&
    (storedSecret === undefined || context.graph?.storedSecret === storedSecret)
  )
}

/** A success from before the last change of the settings says nothing about them. */
function hasWorked({ changedAt, workedUntil }: DiagnosisContext): boolean {
  return workedUntil !== null && (changedAt === null || changedAt <= workedUntil)
}
