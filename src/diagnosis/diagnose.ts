import { MINUTE_MS, toIso } from '../platform/clock.ts'
import type { Diagnosis } from './api.ts'
import { CATALOGUE } from './catalogue.ts'
import type { DiagnosisContext } from './context.ts'
import type { Failure } from './failure.ts'
import { fillCommand, fillText } from './fill.ts'
import { matches } from './match.ts'
import { placeholderValues } from './placeholders.ts'
import { prepare, type Question, readAnswer } from './read-answer.ts'
import type { Row } from './row.ts'
import { NO_ROW } from './rows/unknown.ts'

function findRow(question: Question, context: DiagnosisContext): Row {
  const fits = (row: Row) => row.match.some((match) => matches(match, question, context))
  return CATALOGUE.find(fits) ?? NO_ROW
}

/** When a change that was made just now has reached all of Microsoft's servers; undefined when it has. */
function spreadingUntil(row: Row, { changedAt, now }: DiagnosisContext): number | undefined {
  if (row.propagationMinutes === undefined || changedAt === null || changedAt > now)
    return undefined
  const until = changedAt + row.propagationMinutes * MINUTE_MS
  return now < until ? until : undefined
}

/** `2026-11-23 12:42 UTC`, the minute rounded up. */
function toMinute(at: number): string {
  return `${toIso(at + 59_999)
    .slice(0, 16)
    .replace('T', ' ')} UTC`
}

function retryAfter(failure: Failure, row: Row): number | null {
  const answered = failure.source === 'entra' ? failure.retryAfterMs : null
  const wait = answered ?? row.retryAfterMs
  return wait === undefined || !Number.isFinite(wait) ? null : Math.max(0, Math.ceil(wait))
}

/** Says what a failure means, who must act and what to do. Knows nothing but its arguments. */
export function diagnose(failure: Failure, context: DiagnosisContext): Diagnosis {
  const question = prepare(failure)
  const row = findRow(question, context)
  const answer = readAnswer(failure, context)
  const values = placeholderValues(question.failure, context, answer)
  const remedy = fillText(row.remedy, values)
  const until = spreadingUntil(row, context)
  return {
    code: row.code,
    row: row.row,
    summary: fillText(row.summary, values),
    cause: fillText(row.cause, values),
    responsible: row.responsible,
    remedy:
      until === undefined
        ? remedy
        : `The settings were changed a short time ago: waiting for Microsoft, usually done by ${toMinute(until)}. If it still fails then: ${remedy}`,
    commands: row.commands.map((command) => fillCommand(command, values)),
    retry: until === undefined ? row.retry : 'propagation',
    retryAfterMs: retryAfter(failure, row),
    guideStep: row.guideStep,
    answer,
  }
}
