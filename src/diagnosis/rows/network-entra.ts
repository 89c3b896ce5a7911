import type { Row } from '../row.ts'
import { RESOLVE_HOST, TEST_PORT, TEST_PORT_WINDOWS } from './commands.ts'

const TEST_HTTPS = { shell: 'bash', text: 'curl -v {authority}' } as const

/** Host and port are those of the destination; the detail names the proxy. */
export const PROXY_ROWS: readonly Row[] = [
  {
    row: null,
    code: 'proxy_authentication_required',
    match: [
      { source: 'transport', phases: ['proxy'], codes: ['407'] },
      { source: 'transport', phases: ['proxy'], fragments: ['proxy authentication required'] },
    ],
    summary:
      'The proxy asks for a user name and password before it opens the way to {host}:{port}.',
    causes: [
      'The proxy setting holds no login, and the proxy does not know Postern.',
      'The login in the proxy setting is wrong.',
    ],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern corrects the login in HTTPS_PROXY or POSTERN_SMTP_PROXY, or asks the network team to let Postern through without a login.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'proxy_refused',
    match: [{ source: 'transport', phases: ['proxy'], codes: ['403', '405'] }],
    summary: 'The proxy does not allow connections to {host}:{port}.',
    causes: ['A rule of the proxy forbids this destination or port.'],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy: 'The network team allows CONNECT to {host}:{port} on the proxy.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'proxy_failed',
    match: [{ source: 'transport', phases: ['proxy'] }],
    summary: 'The proxy did not open the way to {peer} at {host}:{port}.',
    causes: ['The proxy is down or cannot reach the destination.', 'The proxy setting is wrong.'],
    note: 'Microsoft has refused nothing. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team checks the proxy; the operator of Postern checks HTTPS_PROXY, NO_PROXY and POSTERN_SMTP_PROXY.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
]

/** The way to Microsoft Entra and Graph, and answers that are not theirs. */
export const NETWORK_ENTRA_ROWS: readonly Row[] = [
  {
    row: 1,
    code: 'entra_name_not_resolved',
    match: [{ source: 'transport', peers: ['entra', 'graph'], phases: ['dns'] }],
    summary: 'The name {host} of {peer} could not be resolved.',
    causes: [
      'The name server does not answer.',
      'The name server does not know outside names: only a proxy may resolve them.',
    ],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team lets this machine resolve {host}, or names the proxy that the operator of Postern must set in HTTPS_PROXY.',
    commands: [RESOLVE_HOST],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 1,
    code: 'entra_connect_failed',
    match: [
      { source: 'transport', peers: ['entra', 'graph'], phases: ['connect'] },
      {
        source: 'transport',
        peers: ['entra', 'graph'],
        phases: ['timeout'],
        fragments: ['no connection to'],
      },
    ],
    summary: 'No connection to {peer} at {host}:{port}.',
    causes: ['A firewall does not let HTTPS out.', 'A proxy must be used and is not set.'],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team allows HTTPS (TCP {port}) from this machine to {host}, or names the proxy to use.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'entra_turn_not_reached',
    match: [{ source: 'transport', peers: ['entra'], phases: ['timeout'], codes: ['ENOTASKED'] }],
    summary:
      'Postern has not asked Microsoft Entra about this credential yet, because Entra refuses others of the same application.',
    causes: ['Several profiles of this application have a wrong or ended secret or certificate.'],
    note: 'While Entra refuses an application, Postern asks once in 30 s, one credential after the other.',
    responsible: 'operator',
    remedy:
      'Postern tries again by itself. The operator of Postern corrects the profiles of this application whose credential is refused, or removes them.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 1,
    code: 'entra_timeout',
    match: [{ source: 'transport', peers: ['entra', 'graph'], phases: ['timeout'] }],
    summary: '{peer} at {host} did not answer in time.',
    causes: ['The network or a proxy is slow or drops packets.', 'Microsoft is slow.'],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'Postern tries again by itself. If it goes on, the network team checks the way to {host}.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 1,
    code: 'entra_connection_closed',
    match: [{ source: 'transport', peers: ['entra', 'graph'], phases: ['closed'] }],
    summary: 'The connection to {peer} at {host} broke before the answer was complete.',
    causes: [
      'The network, a firewall or a proxy closed the connection.',
      'Microsoft closed the connection.',
    ],
    note: 'Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'Postern tries again by itself. If it goes on, the network team checks the way to {host}.',
    commands: [TEST_PORT, TEST_PORT_WINDOWS],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'entra_redirected',
    match: [{ source: 'transport', peers: ['entra', 'graph'], phases: ['redirect'] }],
    summary: 'Instead of an answer of {peer}, a redirect to another address came.',
    causes: [
      'A network login page (captive portal) stands between.',
      'A proxy that rewrites answers stands between.',
    ],
    note: 'Microsoft does not redirect here. Postern does not follow it, so that no secret goes there. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'The network team lets this machine reach {host} without a login page or rewriting proxy.',
    commands: [TEST_HTTPS],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 23,
    code: 'entra_unreadable_answer',
    match: [
      { source: 'transport', peers: ['entra', 'graph'], phases: ['protocol'] },
      // A page with another status than 429 or 5xx: those say enough by themselves.
      { source: 'entra', errors: ['unreadable_answer'], status: [400, 428] },
      { source: 'entra', errors: ['unreadable_answer'], status: [430, 499] },
    ],
    summary: 'The answer from {host} is not an answer of {peer}.',
    causes: [
      'A proxy answered with a page of its own.',
      'A network login page (captive portal) answered.',
      'A gateway of Microsoft is disturbed.',
    ],
    note: 'A web page or a part of an answer came instead of JSON. Detail: {detail}',
    responsible: 'networkTeam',
    remedy:
      'Postern tries again by itself. If it goes on, the network team lets this machine reach {host} without a proxy that answers by itself.',
    commands: [TEST_HTTPS],
    retry: 'transient',
    guideStep: null,
  },
]
