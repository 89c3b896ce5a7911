/**
 * Credentials: knows when each profile's secret ends and says so in time; proves a new one before it is used.
 *
 * Expiry. Promises: news at 30, 14, 7, 3 and 1 days before the end and at the end, each once per credential; after
 * downtime only the most urgent one is told, those passed are recorded in silence. Days are calendar days in UTC. A new
 * secret starts afresh, and so do the days that a later date moves ahead again. A clock that is set back by a
 * day repeats nothing; what was announced by one that ran further ahead is announced again on its true day.
 * States: quiet, expiring (with the threshold reached), ended (by its date, or proven by Entra).
 *
 * Staging. Promises: a new credential is used only after token, claims, login and, when asked for, one message have
 * worked with it; then at once and everywhere, and the former one stays as fallback until its own end. A refusal that
 * may pass (a fresh secret is unknown to some of Entra's servers for up to 10 minutes) is tried again every 30 s, a
 * server that is down every 15 minutes. A definite refusal removes the new one and changes nothing else. Every outcome
 * stands in the audit. States of a proof: proving, waiting, active, refused.
 *
 * Renewal (off by default). Promises: a new secret or certificate is added through Graph at the set day, staged and proven
 * as above, and the former one removed at Entra after the grace time, if it is known for certain and no other profile uses
 * it. A secret needs Application.ReadWrite.OwnedBy. A certificate needs no permission; without one that allows reading, a
 * certificate that was uploaded by hand stays at Entra, because nobody tells its key id. A refusal is told and tried again
 * a day later; where the tenant forbids secrets, only after a change of the profile. When the profile is removed in the
 * middle, what was added goes too: it is tried for a day, and the audit then says what remains. What an ended renewal has
 * brought stays at Entra, like any other credential of a profile. States: requested -> added -> staged -> active ->
 * removed, or failed.
 *
 * Each step of a renewal is in the journal before the next one begins, with what was added, sealed, until its end; a
 * start goes on at once. A certificate is kept before Entra is asked, so a lost answer costs nothing; a secret whose value
 * was lost is found by its name and removed, and looked for again minutes later, because Entra may list it late.
 *
 * Graph. Promises: where the app may read its registration, the true end of the credential in use is read once a day and
 * a minute after it was saved or exchanged; it never overrules what Entra has proven. Without the permission or an answer
 * the known date counts, and nothing is alerted. States: read, notPermitted, failed; in memory, read anew after a start.
 *
 * What survives a crash: the journal; which thresholds were reached (table expiry_reminder, committed before the news goes out), and
 * the staged credential with its recipient, which the next start proves again. Activation is one commit. News lost in a
 * crash in between is made good by the alert rules, which look at the dates themselves when they start.
 */
export { CredentialList, GraphFinding, NewCredential, ProofState, RenewalState } from './api.ts'
export type { CredentialEvents, CredentialExpiry, ExpiryWatch } from './credentials.ts'
export { daysLeft, dueThreshold, expiryWords } from './days.ts'
export { createExpiryWatch } from './expiry-watch.ts'
export { createGraphExpiry, type GraphExpiry, type GraphExpiryDeps } from './graph-expiry.ts'
export type { ProofEnd } from './proof-run.ts'
export {
  type CredentialRenewal,
  type CredentialRenewalDeps,
  createCredentialRenewal,
} from './renewal.ts'
export type { RenewalEntry, RenewalStep } from './renewal-journal.ts'
export { CREDENTIALS_TAG, credentialRoutes } from './routes.ts'
export {
  type CredentialStaging,
  type CredentialStagingDeps,
  createCredentialStaging,
  type NewCredentialInput,
} from './staging.ts'
