import {
  causeLines,
  type Diagnosis,
  RESPONSIBLE_NAMES,
  waitingSentence,
} from '../diagnosis/index.ts'

const INDENT = ' '.repeat(17)

/** A diagnosis for a terminal, in the words of the API. */
export function diagnosisLines(diagnosis: Diagnosis): readonly string[] {
  const waiting = waitingSentence(diagnosis)
  return [
    `  What happened: ${diagnosis.summary}`,
    ...(waiting === undefined ? [] : [`  No failure yet: ${waiting}`]),
    `  Why:           ${causeLines(diagnosis).join(`\n${INDENT}`)}`,
    `  Who must act:  ${RESPONSIBLE_NAMES[diagnosis.responsible]}`,
    `  What to do:    ${diagnosis.remedy}`,
    ...diagnosis.commands.map(({ text }) => `  > ${text.replaceAll('\n', '\n    ')}`),
    `  Answer:        ${diagnosis.answer.text.replace(/\r?\n/g, `\n${INDENT}`)}`,
  ]
}
