/**
 * Credentials: knows when each profile's secret ends and says so in time.
 *
 * Promises: news at 30, 14, 7, 3 and 1 days before the end and at the end, each once per credential; after downtime
 * only the most urgent one is told, those passed are recorded in silence. Days are calendar days in UTC. A new secret
 * starts afresh, and so do the days that a later date moves ahead again. A clock that is set back by a day repeats nothing;
 * what was announced by one that ran further ahead is announced again on its true day.
 *
 * States of a credential: quiet, expiring (with the threshold reached), ended (by its date, or proven by Entra).
 *
 * What survives a crash: which thresholds were reached (table expiry_reminder, committed before the news goes out).
 * News lost in a crash in between is made good by the alert rules, which look at the dates themselves when they start.
 */
export type { CredentialEvents, CredentialExpiry, ExpiryWatch } from './credentials.ts'
export { daysLeft, dueThreshold, expiryWords, THRESHOLDS } from './days.ts'
export { createExpiryWatch } from './expiry-watch.ts'
