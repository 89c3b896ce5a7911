/**
 * Verification: the proof, at short intervals and on demand, that a profile's settings still work; its reports; the
 * health that follows; and the sending of Postern's own mail through a profile.
 *
 * Promises: the checks run in the order of CHECK_NAMES, each with its time and evidence, and what comes behind a failure
 * is skipped. A profile is never verified twice at once, at most `concurrency` profiles are under way, sweeps never
 * overlap and are spread. Every save verifies the profile at once, a save that changes nothing included; it is never judged by settings that it no longer has. A
 * report holds no secret and no token. A report says what its run cannot prove.
 *
 * Health: unknown -> ok | warning | failing. A definite refusal is failing at once; a problem that may pass by itself
 * (transient, quota) is a warning first and failing when it comes twice in a row; a change that Microsoft is still
 * spreading (`waitingUntil`) is a warning until its time is over; a doubt that does not stop mail is a warning; one good run resets all. When the latest run of every profile, two at least, failed at the
 * network, that is one problem of the agent's own network. It is judged after each run and told before that run's
 * health.changed; the health of each profile goes on as ever, so whoever tells people looks at networkProblem() first.
 * The first run that gets through ends it.
 *
 * Test emails. The outcome of each profile's last one is kept, refused or accepted; it changes no health.
 *
 * What survives a crash: the last test email; report and health are stored in one commit when a run has ended; a run that is cut short
 * leaves nothing. The next start goes on with the stored health and the stored network problem, without telling them
 * again: a listener that must not miss a state reads healthOf() at its start. Profiles whose last run is older than the
 * interval or than the settings are verified then, and those whose secret cannot be read, or can be read again.
 */
export {
  CHECK_NAMES,
  Check,
  HealthState,
  Report,
  ReportPage,
  ReportSummary,
  TestEmailInput,
  TestEmailOutcome,
  TokenFacts,
  VerifyInput,
  VerifyReason,
} from './api.ts'
export {
  createVerification,
  type VerificationConfig,
  type VerificationDeps,
} from './create-verification.ts'
export {
  type CredentialProof,
  type CredentialProofDeps,
  createCredentialProof,
} from './credential-proof.ts'
export { type Evidence, explainFailure, type GraphWord, storesSecretId } from './evidence.ts'
export { SPREADING_MS } from './fallback.ts'
export {
  diagnosisContext,
  isTokenRefused,
  type Login,
  type MailAccessDeps,
  type Proof,
  type TokenWish,
} from './mail-access.ts'
export { limitPerMailbox } from './mailbox-limit.ts'
export { openLogin } from './open-login.ts'
export type {
  MailResult,
  OwnMail,
  ProfileMailer,
} from './profile-mailer.ts'
export { VERIFICATION_TAG, verificationRoutes } from './routes.ts'
export { type RunDeps, type RunRequest, type RunResult, runChecks } from './run-checks.ts'
export { readStoredProofs } from './stored-proof.ts'
export { createTestEmail, type TestEmail, type TestEmailDeps } from './test-email.ts'
export {
  createTestEmailOutcomes,
  type LastTestEmail,
  type TestEmailOutcomes,
} from './test-email-outcomes.ts'
export type {
  Health,
  NetworkProblem,
  Verification,
  VerificationEvents,
} from './verification.ts'
