/**
 * Alerts: tell people about a problem once, keep at it, and tell them when it is over.
 *
 * Promises: one open alert per problem, brought up to date in place; its mail goes through the profile itself, or through
 * another one that works and reports to the same address, and is kept and tried again (1 minute to 1 hour apart) until a
 * path works; reminders at the configured interval; never more than one mail an hour about a problem, except its all-clear.
 * Whoever was told gets the all-clear; whoever a mail could not reach before the end gets one that tells all of it. A
 * problem that comes back within an hour is the same alert.
 *
 * Life: opened → notified → reminded … → resolved. Acknowledged: no reminders until the diagnosis changes or the problem
 * grows worse; a further day of a secret that ends soon is told all the same. Silenced: no mail at all until then, or
 * until somebody ends the silence; what waits, the all-clear too, is sent afterwards.
 *
 * A profile whose mail is on hold carries none. Mail that waits is told by the alert that says why its profile cannot
 * send, where there is one with the same reason, else by one of its own.
 *
 * What survives a crash: alerts and waiting mails; an alert and its first mail are stored together. A crash between
 * sending and recording repeats nothing and loses nothing: each try has a key, under which the outbox knows for 24 hours
 * what became of it. What happened before an alert could open is found again by the rules, which judge the present
 * state, holds among it, when they start, and each minute what only time brings about.
 */
export type {
  AlertConfig,
  AlertEvents,
  AlertMail,
  AlertMailer,
  AlertSummary,
  Alerts,
  Problem,
} from './alerts.ts'
export { Alert, AlertKind, SilenceInput } from './api.ts'
export { type AlertsDeps, createAlerts } from './create-alerts.ts'
export { orphanedSummary } from './mail-orphaned.ts'
export { networkSummary, type SettingsFileRefused } from './problems.ts'
export { ALERTS_TAG, alertRoutes } from './routes.ts'
export {
  type AlertRules,
  type AlertRulesDeps,
  createAlertRules,
  type SettingsFileEvents,
} from './rules.ts'
