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
 * What survives a crash: alerts and waiting mails; an alert and its first mail are stored together. A crash between
 * sending and recording repeats that one mail, with the same Message-ID; none is lost. What happened before an alert
 * could open is found again by the rules, which judge the present state when they start.
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
export { networkSummary, type SettingsFileRefused } from './problems.ts'
export { ALERTS_TAG, alertRoutes } from './routes.ts'
export {
  type AlertRules,
  type AlertRulesDeps,
  createAlertRules,
  type SettingsFileEvents,
} from './rules.ts'
