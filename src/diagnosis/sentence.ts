import { parseInstant } from '../platform/clock.ts'
import type { Diagnosis, Responsible } from './api.ts'
import { causeText } from './cause.ts'
import { minuteOf } from './placeholders.ts'

/** Who must act, in the words of the sentences. */
export const RESPONSIBLE_NAMES: Readonly<Record<Responsible, string>> = {
  entraAdministrator: 'the Entra administrator',
  exchangeAdministrator: 'the Exchange administrator',
  operator: 'the operator of Postern',
  networkTeam: 'the network team',
  nobody: 'nobody',
}

/** What happened and what to do, for a log line, a mail or a terminal. */
export function diagnosisSentence(diagnosis: Diagnosis): string {
  return `${diagnosis.summary} ${diagnosis.remedy}`
}

type Why = Pick<Diagnosis, 'cause' | 'likelyCauses'>

/** Why, a line for each thought: what is known, the likely causes in their order, what is known beside. */
export function causeLines({ cause, likelyCauses }: Why): readonly string[] {
  const listed = causeText(likelyCauses)
  const at = likelyCauses.length < 2 ? -1 : cause.indexOf(listed)
  if (at < 0) return [cause]
  const numbered = likelyCauses.map((text, index) => `(${index + 1}) ${text}`)
  return [cause.slice(0, at), ...numbered, cause.slice(at + listed.length)]
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** `waiting for Microsoft, usually done by 2026-11-23 11:42 UTC` */
export function waitingUntilWords(until: number): string {
  // The minute rounded up.
  return `waiting for Microsoft, usually done by ${minuteOf(until + 59_999)}`
}

/** The same about a diagnosis; undefined when it waits for nothing. */
export function waitingWords({
  waitingUntil,
}: Pick<Diagnosis, 'waitingUntil'>): string | undefined {
  const until = waitingUntil === null ? undefined : parseInstant(waitingUntil)
  return until === undefined ? undefined : waitingUntilWords(until)
}

/** `Waiting for Microsoft, usually done by 2026-11-23 11:42 UTC.` */
export function waitingSentence(diagnosis: Pick<Diagnosis, 'waitingUntil'>): string | undefined {
  return waitingWords(diagnosis)?.replace(/^w(.*)$/, 'W$1.')
}
