import { MINUTE_MS, toIso } from '../platform/clock.ts'
import type { Diagnosis } from './api.ts'
import { CATALOGUE } from './catalogue.ts'
import { causeText, workedSentence } from './cause.ts'
import type { DiagnosisContext } from './context.ts'
import type { Failure } from './failure.ts'
import { fillCommand, fillText } from './fill.ts'
import { holds, matches } from './match.ts'
import { placeholderValues } from './placeholders.ts'
import { prepare, type Question, readAnswer } from './read-answer.ts'
import type { Row, Variant } from './row.ts'
import { NO_ROW } from './rows/unknown.ts'
import { waitingUntilWords } from './sentence.ts'

function findRow(question: Question, context: DiagnosisContext): Row {
  const fits = (row: Row) => row.match.some((match) => matches(match, question, context))
  return CATALOGUE.find(fits) ?? NO_ROW
}

function findVariant(row: Row, context: DiagnosisContext): Variant | undefined {
  return row.variants?.find(({ when }) => holds(when, context))
}

/** When a change that was made just now has reached all of Microsoft's servers; undefined when it has. */
function spreadingUntil(row: Row, { changedAt, now }: DiagnosisContext): number | undefined {
  if (row.propagationMinutes === undefined || changedAt === null || changedAt > now)
    return undefined
  const until = changedAt + row.propagationMinutes * MINUTE_MS
  return now < until ? until : undefined
}

function retryAfter(failure: Failure, row: Row): number | null {
  const answers = failure.source === 'entra' || failure.source === 'graph'
  const wait = (answers ? failure.retryAfterMs : null) ?? row.retryAfterMs
  return wait === undefined || !Number.isFinite(wait) ? null : Math.max(0, Math.ceil(wait))
}

/** Says what a failure means, who must act and what to do. Knows nothing but its arguments. */
export function diagnose(failure: Failure, context: DiagnosisContext): Diagnosis {
  const question = prepare(failure)
  const row = findRow(question, context)
  const variant = findVariant(row, context)
  const words = { ...row, ...variant }
  const answer = readAnswer(failure, context)
  const values = placeholderValues(question.failure, context, answer)
  const remedy = fillText(words.remedy, values)
  const until = spreadingUntil(row, context)
  const likelyCauses = words.causes.map((text) => fillText(text, values))
  const known = [
    variant?.when.workedBefore ? workedSentence(failure, context) : '',
    causeText(likelyCauses),
    row.note === undefined ? '' : fillText(row.note, values),
  ]
  return {
    code: row.code,
    row: row.row,
    summary: fillText(words.summary, values),
    cause: known.filter((text) => text !== '').join(' '),
    likelyCauses,
    responsible: words.responsible,
    remedy:
      until === undefined
        ? remedy
        : `The settings were changed a short time ago: ${waitingUntilWords(until)}. If it still fails then: ${remedy}`,
    commands: words.commands.map((command) => fillCommand(command, values)),
    retry: until === undefined ? row.retry : 'propagation',
    retryAfterMs: retryAfter(failure, row),
    waitingUntil: until === undefined ? null : toIso(until),
    guideStep: words.guideStep,
    answer,
  }
}
