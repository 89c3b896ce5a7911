import type { Diagnosis, Responsible } from './api.ts'

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
