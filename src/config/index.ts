/**
 * Process settings: the environment, read once at start into one typed Config.
 *
 * Promises: one schema names, describes, checks and documents every setting; all problems are reported at once, by
 * name; secrets are Secret values; nothing else in the product reads the environment.
 */
export type { Config } from './config.ts'
export { renderConfiguration } from './document.ts'
export { type Environment, loadConfig } from './load.ts'
export { ProcessSettings } from './process-settings.ts'
