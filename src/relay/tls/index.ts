/** The certificate that the relay shows after STARTTLS. */
export {
  type CertificateSource,
  type CertificateSourceDeps,
  createCertificateSource,
  LOWEST_TLS_VERSION,
  RELAY_CERTIFICATE_FILE,
} from './certificate-source.ts'
export type { ServerCertificate } from './server-certificate.ts'
