/**
 * Setup: the guide from an app registration to the first test email, each step with its state, and the PowerShell
 * scripts that do the steps in Exchange Online (and, unattended, in Microsoft Entra).
 *
 * Promises: a step is `done` only by evidence of the present settings: the newest verification, the claims of its
 * token, the last accepted message, the last test email. The Object ID in commands and scripts is the claim `oid` of a
 * token, never what somebody copied. `failed` carries the diagnosis; while Microsoft is still spreading a change the
 * step is `todo`. A script can be run again at any time: it changes only what is missing and checks every step
 * afterwards. No value of a profile can leave its quotes in a command or script, and no secret stands in one.
 *
 * It has no state: everything is read from profiles and verification, so nothing needs to survive a crash.
 */
export { ScriptVariant, SetupGuide, SetupPath, SetupStep, StepState } from './api.ts'
export { createSetupGuide, type SetupGuideDeps, type SetupGuides } from './create-setup-guide.ts'
export { SETUP_TAG, setupRoutes } from './routes.ts'
