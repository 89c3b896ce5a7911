/**
 * Provisioning: the settings file as the desired state of the profiles (config sync).
 *
 * Promises: the file is taken over whole, in one transaction, or not at all; every problem is told at once with file, line and
 * column; a file that is wrong, missing or unreadable never stops the agent, which goes on with the last applied
 * settings and says so. A change of the file or of a secret file is noticed also when it comes by the swap of a
 * symbolic link. No secret stands in a problem, a hash, a log line or the record of runs.
 *
 * States of a run: applied, unchanged, refused.
 *
 * What survives a crash: applied settings and the last 50 runs. Everything else is found out again at the next start.
 */
export { SyncChanges, SyncRun, SyncStatus } from './api.ts'
export { createProvisioning, type ProvisioningDeps } from './create-provisioning.ts'
export type { Provisioning, SyncEvents, SyncPlan } from './provisioning.ts'
export { SYNC_TAG, syncRoutes } from './routes.ts'
