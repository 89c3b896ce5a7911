/**
 * Certificates as credentials of an application: read, check, make, and take from a PFX file. Pure functions; nothing
 * is kept.
 */
export {
  type ClientCertificateFacts,
  certificateDer,
  certificateFactsOf,
  checkCertificatePair,
} from './facts.ts'
export { readPfx } from './read-pfx.ts'
export {
  type CertificatePair,
  createSelfSignedCertificate,
  type SelfSignedCertificateOptions,
} from './self-signed.ts'
