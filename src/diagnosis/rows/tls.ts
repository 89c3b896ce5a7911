import { UNTRUSTED_CODES } from '../certificate.ts'
import type { Row } from '../row.ts'

/** Certificates and the TLS handshake, with every peer. */
export const TLS_ROWS: readonly Row[] = [
  {
    row: 3,
    code: 'certificate_inspected',
    match: [{ source: 'transport', phases: ['tls'], inspected: true }],
    summary: 'The certificate of {host} was replaced on the way.',
    causes: ['A proxy or firewall inspects TLS and shows a certificate of its own.'],
    note: '{certificate}',
    responsible: 'networkTeam',
    remedy:
      'The network team exempts {host} from TLS inspection; or the operator of Postern gives the inspecting CA’s certificate in POSTERN_CA_FILE.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 3,
    code: 'certificate_expired',
    match: [
      { source: 'transport', phases: ['tls'], codes: ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'] },
    ],
    summary: 'The certificate of {host} is not valid today.',
    causes: [
      'The server’s certificate has expired or is not valid yet.',
      'The clock of this machine is wrong.',
    ],
    note: '{certificate}',
    responsible: 'operator',
    remedy:
      'The operator of Postern checks the clock of this machine; if it is right, the owner of {host} must renew the certificate.',
    commands: [{ shell: 'bash', text: 'date -u' }],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 3,
    code: 'certificate_wrong_name',
    match: [
      {
        source: 'transport',
        phases: ['tls'],
        codes: ['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
      },
    ],
    summary: 'The certificate that came does not carry the name {host}.',
    causes: [
      'The host in the settings is not the server’s own name.',
      'Another server answered: a proxy, a login page or a TLS inspection.',
    ],
    note: '{certificate}',
    responsible: 'operator',
    remedy:
      'The operator of Postern sets the host to a name of the certificate if that is the right server; otherwise the network team checks what answers for {host}.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 3,
    code: 'certificate_untrusted',
    match: [{ source: 'transport', phases: ['tls'], codes: UNTRUSTED_CODES }],
    summary: 'The certificate of {host} comes from an authority that this machine does not trust.',
    causes: [
      'The server has a certificate of a private authority.',
      'A TLS inspection on the way replaced the certificate.',
      'The server does not send the whole chain.',
    ],
    note: '{certificate}',
    responsible: 'operator',
    remedy:
      'The operator of Postern gives the authority’s certificate in POSTERN_CA_FILE, if it is the organisation’s own; otherwise the network team checks what answers for {host}.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'tls_not_spoken',
    match: [
      {
        source: 'transport',
        peers: ['smtp'],
        phases: ['tls'],
        codes: ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'],
      },
    ],
    summary: 'The SMTP server {host}:{port} does not speak TLS from the first byte.',
    causes: ['The security “tls” is set for a port that expects STARTTLS, such as 587 or 25.'],
    responsible: 'operator',
    remedy: 'The operator of Postern sets the security to STARTTLS, or the port that speaks TLS.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'tls_version_not_accepted',
    match: [
      {
        source: 'transport',
        phases: ['tls'],
        codes: [
          'ERR_SSL_UNSUPPORTED_PROTOCOL',
          'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
          'ERR_SSL_VERSION_TOO_LOW',
          'ERR_SSL_NO_PROTOCOLS_AVAILABLE',
        ],
      },
    ],
    summary: '{host} and Postern have no TLS version in common.',
    causes: [
      'A proxy or mail gateway between does not speak TLS 1.2 or later.',
      'The server itself does not speak TLS 1.2 or later.',
    ],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team updates the server or proxy that answers for {host} to TLS 1.2 or later.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'tls_failed',
    match: [
      { source: 'transport', phases: ['tls'] },
      { source: 'transport', peers: ['smtp'], phases: ['closed', 'timeout'], steps: ['starttls'] },
    ],
    summary: 'TLS with {host}:{port} could not be set up.',
    causes: ['A firewall or proxy disturbs TLS.', 'The server refused it.'],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'Postern tries again by itself. If it goes on, the network team checks the way to {host}.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
]
