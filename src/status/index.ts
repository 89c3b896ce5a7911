/**
 * Status: what dashboards poll, assembled from profiles, verification, outbox, relay and alerts.
 *
 * Promises: answering costs no database read; the answer is put together again only after something has happened
 * (profile, health, alert, settings file, relay, mail that waits) or a UTC day has ended, and every second while mail waits, whose
 * age grows. Overall `status` is the worst of all profiles and of the agent's own problems; mail that is kept back is
 * `failing`, whatever the health says. It keeps nothing: after a crash it is put together from what the features have stored.
 */
export { ProfileStatus, Status } from './api.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { metricsRoutes, STATUS_TAG, statusRoutes } from './routes.ts'
export { createStatusBoard, type StatusBoard, type StatusEvents } from './status-board.ts'
