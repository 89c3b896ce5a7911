/**
 * Profiles: the email settings and their secrets.
 *
 * Promises: a change of any kind is one transaction with its secret and its audit record; memory is changed only after the
 * commit, so what is read is what the file holds; news goes out after both. Secrets go in and never come out of the
 * API; they are sealed, bound to their row, and asked for again when the place they are sent to changes. Whoever
 * changes what somebody else has changed meanwhile is refused, also when the profile was removed and made anew. A secret
 * is handed out only together with the settings that it was entered for. Every accepted save is told (profile.saved),
 * one that changes nothing too. A damaged row or a secret that cannot be opened is
 * served as far as it can be read, so that it can be repaired.
 *
 * States of a profile: managed (it comes from the settings file and is read-only elsewhere) or not. Of its credentials:
 * staged (being proven) -> active -> fallback (the former one, used when Entra refuses the active one for good) ->
 * removed at its end. At most one of each; each exchange is one commit. Staging leaves the profile's version (its ETag)
 * as it is; an exchange of the active credential is a new version, so that nobody who read the former one writes its
 * date to the new one. A secret that is entered with the settings counts at once and removes staged and fallback.
 * A client secret ends by the typed date, or when Entra says so; a certificate by its own date.
 *
 * What survives a crash: every change whose promise resolved, whole. A change under way is either there or not.
 */
export {
  AuthenticationInput,
  CloudId,
  CredentialInput,
  CredentialVersionView,
  CredentialView,
  DeliveryLimits,
  DeliverySettings,
  ProfileId,
  ProfileInput,
  ProfileView,
  Renewal,
  Security,
  ServerDetails,
  Warning,
} from './api.ts'
export { createProfiles, type ProfilesDeps } from './create-profiles.ts'
export { readEmailAddress } from './email-address.ts'
export { createFindings, type Findings } from './findings.ts'
export type { OpenedCredential } from './opened-credential.ts'
export {
  type Authentication,
  type BasicAuthentication,
  type CredentialFacts,
  type CredentialState,
  type CredentialVersion,
  type CredentialVersions,
  type DesiredOutcome,
  type DesiredPlan,
  type ExchangeOnlineAuthentication,
  mailboxOf,
  type NoAuthentication,
  type Profile,
  type ProfileEvents,
  type Profiles,
} from './profile.ts'
export { PROFILES_TAG, profileRoutes } from './routes.ts'
export { toVersionView, toView } from './view.ts'
