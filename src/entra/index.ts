/**
 * Microsoft Entra: clouds, access tokens and their claims, certificates as credentials, and Graph.
 *
 * A token is kept per application, scope and credential, and renewed at 80 % of its life. Each application has at most
 * one request under way; whoever asks meanwhile shares its answer. After a refusal the application is left alone for
 * 30 s, after 429 or 5xx for as long as Retry-After says or 60 s: until then the refusal is repeated from memory. While
 * one of its credentials is refused, all requests of an application keep 30 s apart, those of its other credentials too,
 * which wait for their turn, those that Entra has accepted before first. No change of the settings shortens that; it
 * ends when the corrected credential is accepted, or 10 minutes after the last try of the refused one. A renewal that
 * fails does not matter while the old token has more than a minute left.
 *
 * A certificate signs its request with x5t#S256, and 30 s after a refusal with x5t, which is all that some tenants know
 * it by: only both together are an answer. Graph is asked
 * once for each call; what changes something is never sent twice by itself.
 *
 * Promised: redirects are refused, certificates verified, every request ends within its time; what Entra or the
 * network did wrong is a Failure value and holds no secret. All state is in memory: after a restart tokens are asked
 * for anew.
 */

export {
  type CertificatePair,
  type ClientCertificateFacts,
  certificateFactsOf,
  checkCertificatePair,
  createSelfSignedCertificate,
  readPfx,
  type SelfSignedCertificateOptions,
} from './certificate/index.ts'
export {
  type AudienceExpectation,
  checkAudience,
  checkClaims,
  checkRole,
  REQUIRED_ROLE,
  type RoleExpectation,
  readClaims,
  TokenClaims,
} from './claims.ts'
export type {
  CertificateCredential,
  ClientCredential,
  ClientSecretCredential,
} from './client-credential.ts'
export {
  CLOUDS,
  type Cloud,
  type CloudId,
  customCloud,
  findCloud,
  type Resource,
  scopeOf,
} from './clouds.ts'
export type { GraphApplication, KeyCredential, PasswordCredential } from './graph/application.ts'
export type { GraphAccess, GraphCallOptions, GraphClientDeps } from './graph/call.ts'
export {
  type AddedPassword,
  createGraphClient,
  type GraphCertificateAccess,
  type GraphClient,
} from './graph/client.ts'
export {
  type CredentialMatch,
  type GraphCredential,
  matchCredential,
  newerThan,
  type StoredCredentialTraits,
} from './graph/match-credential.ts'
export type { TokenRequest } from './token-request.ts'
export {
  type AccessToken,
  type AcquireOptions,
  createTokenSource,
  type TokenOutcome,
  type TokenSource,
  type TokenSourceDeps,
  type TokenTrace,
} from './token-source.ts'
export {
  type ConnectionTrace,
  createEntraTransport,
  type EntraTransport,
  type EntraTransportDeps,
  type HttpsAnswer,
  type HttpsRequest,
} from './transport.ts'
