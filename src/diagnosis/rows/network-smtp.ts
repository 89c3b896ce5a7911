import type { Row } from '../row.ts'
import { RESOLVE_HOST, TEST_PORT, TEST_PORT_WINDOWS } from './commands.ts'

/** The way to the SMTP server. */
export const NETWORK_SMTP_ROWS: readonly Row[] = [
  {
    row: 2,
    code: 'smtp_name_not_resolved',
    match: [{ source: 'transport', peers: ['smtp'], phases: ['dns'] }],
    summary: 'The name {host} of the SMTP server could not be resolved.',
    cause:
      'The host is mistyped in the settings, or the name server does not answer. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The operator of Postern checks the host in the server details; if it is right, the network team lets this machine resolve {host}.',
    commands: [RESOLVE_HOST],
    retry: 'transient',
    guideStep: 'email-settings',
  },
  {
    row: 2,
    code: 'smtp_connect_refused',
    match: [{ source: 'transport', peers: ['smtp'], phases: ['connect'], codes: ['ECONNREFUSED'] }],
    summary: 'The connection to the SMTP server {host}:{port} was refused.',
    cause: 'The port is wrong, a firewall refuses it, or the server is down. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team opens TCP {port} from this machine to {host}. For Exchange Online the port is 587.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: 'email-settings',
  },
  {
    row: 2,
    code: 'smtp_connect_failed',
    match: [
      { source: 'transport', peers: ['smtp'], phases: ['connect'] },
      { source: 'transport', peers: ['smtp'], phases: ['timeout', 'closed'], steps: ['connect'] },
    ],
    summary: 'No connection to the SMTP server {host}:{port}.',
    cause:
      'A firewall blocks outgoing SMTP, or the port is wrong. Many hosting providers block port 25. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team opens TCP {port} from this machine to {host}. For Exchange Online the port is 587.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: 'email-settings',
  },
  {
    row: 2,
    code: 'smtp_no_greeting',
    match: [
      { source: 'transport', peers: ['smtp'], phases: ['timeout', 'closed'], steps: ['greeting'] },
    ],
    summary: 'The SMTP server {host}:{port} took the connection but did not greet.',
    cause:
      'A firewall or proxy takes the connection and does not pass it on, or the port expects TLS from the first byte. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team checks that TCP {port} to {host} is let through unchanged; the operator of Postern checks port and security in the server details.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: 'email-settings',
  },
  {
    row: 46,
    code: 'smtp_timeout',
    match: [{ source: 'transport', peers: ['smtp'], phases: ['timeout'] }],
    summary: 'The SMTP server {host} did not answer in time (step: {step}).',
    cause: 'The server is slow, or the network lost the connection. Detail: {detail}',
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern tries again on a new connection.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 46,
    code: 'smtp_connection_closed',
    match: [{ source: 'transport', peers: ['smtp'], phases: ['closed'] }],
    summary: 'The connection to the SMTP server {host} broke (step: {step}).',
    cause: 'The server, a firewall or the network closed it. Detail: {detail}',
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern tries again on a new connection.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'smtp_answer_inserted',
    match: [{ source: 'transport', peers: ['smtp'], codes: ['STARTTLS_INJECTION'] }],
    summary: 'Something between Postern and {host} put text into the connection before TLS began.',
    cause:
      'A mail gateway or firewall does not follow the SMTP standard, or somebody attacks the connection. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team finds out what stands between this machine and {host} and removes it.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'smtp_unreadable_answer',
    match: [{ source: 'transport', peers: ['smtp'], phases: ['protocol', 'redirect'] }],
    summary: 'What {host}:{port} answers is not SMTP.',
    cause:
      'Another service listens on this port, or a proxy or firewall answers by itself. Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern checks host, port and security in the server details, and asks the network team whether something stands between.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: 'email-settings',
  },
]
