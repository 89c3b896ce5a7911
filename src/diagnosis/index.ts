/**
 * Diagnosis: what an answer of Microsoft Entra, Exchange Online or the network means, who must act, what to paste.
 *
 * Promises: `diagnose` is a pure function and never throws; the same failure and context give the same words
 * everywhere. An answer that the catalogue does not know is shown whole and classed by its code; no cause is
 * invented. Nothing that it returns holds a token, secret or password, and no value in a command can leave its
 * quotes. Adding a row is adding data in rows/.
 *
 * It has no state; nothing needs to survive a crash.
 */
export { Answer, Command, Diagnosis, Responsible, RetryClass } from './api.ts'
export { CATALOGUE } from './catalogue.ts'
export type { DiagnosisContext, GraphEvidence } from './context.ts'
export { diagnose } from './diagnose.ts'
export type {
  CertificateFacts,
  ClaimsFailure,
  EntraFailure,
  Failure,
  GraphFailure,
  Outcome,
  SettingsFailure,
  SmtpOfferFailure,
  SmtpReplyFailure,
  SmtpStep,
  TransportFailure,
} from './failure.ts'
export { quotePowerShell } from './fill.ts'
export { type GuideCommand, guideCommand } from './guide-commands.ts'
export { GUIDE_STEPS, type GuideStep } from './guide-steps.ts'
export type { Row } from './row.ts'
export {
  causeLines,
  diagnosisSentence,
  RESPONSIBLE_NAMES,
  waitingSentence,
  waitingWords,
} from './sentence.ts'
export { readStoredDiagnosis } from './stored.ts'
