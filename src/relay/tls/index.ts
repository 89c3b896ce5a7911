/** The certificate that the relay shows after STARTTLS. */
export {
  type CertificateSource,
  type CertificateSourceDeps,
  createCertificateSource,
  RELAY_CERTIFICATE_FILE,
} from './certificate-source.ts'
export type { ServerCertificate } from './server-certificate.ts'
