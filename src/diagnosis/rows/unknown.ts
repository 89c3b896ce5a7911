import type { Row } from '../row.ts'

const UNKNOWN = 'Postern does not know this answer; here it is whole: {answer}'
const REMEDY =
  'The operator of Postern reads the answer, and asks the Entra or Exchange administrator or Microsoft’s support with it.'

/** Answers that no other row knows: classed by their code alone, and no cause invented. */
export const UNKNOWN_ROWS: readonly Row[] = [
  {
    row: null,
    code: 'smtp_answer_unknown_temporary',
    // RFC 5321 §4.2.1: 4yz asks to try again, 5yz not to.
    match: [{ source: 'smtp', codes: [400, 499] }],
    summary: 'The SMTP server {host} asks to try again later.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: `Postern tries again by itself. If it goes on: ${REMEDY}`,
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'smtp_answer_unknown',
    match: [{ source: 'smtp', codes: [500, 599] }],
    summary: 'The SMTP server {host} refuses.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: REMEDY,
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'entra_answer_unknown_temporary',
    match: [
      { source: 'entra', status: [408, 408] },
      { source: 'entra', status: [0, 399], withoutCode: true },
    ],
    summary: 'Microsoft Entra gave no token.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: `Postern tries again by itself. If it goes on: ${REMEDY}`,
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'entra_answer_unknown',
    match: [{ source: 'entra' }],
    summary: 'Microsoft Entra refuses to give a token.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: REMEDY,
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'graph_answer_unknown_temporary',
    match: [
      { source: 'graph', status: [0, 399] },
      { source: 'graph', status: [408, 408] },
    ],
    summary: 'Microsoft Graph gave no answer that Postern can use.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: `Postern tries again by itself. If it goes on: ${REMEDY}`,
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'graph_answer_unknown',
    match: [{ source: 'graph' }],
    summary: 'Microsoft Graph refuses.',
    causes: [],
    note: UNKNOWN,
    responsible: 'operator',
    remedy: REMEDY,
    commands: [],
    retry: 'never',
    guideStep: null,
  },
]

/** For a failure of a kind that the catalogue was not written for. */
export const NO_ROW: Row = {
  row: null,
  code: 'answer_unknown',
  match: [],
  summary: 'Something failed that Postern does not know.',
  causes: [],
  note: UNKNOWN,
  responsible: 'operator',
  remedy: `Postern tries again by itself. If it goes on: ${REMEDY}`,
  commands: [],
  retry: 'transient',
  guideStep: null,
}
