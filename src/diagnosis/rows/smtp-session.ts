import type { Row } from '../row.ts'
import { CONNECT_EXCHANGE, SHOW_MAILBOX } from './commands.ts'

/** What the server lacks, and answers about load, rate and time. Retry class transient unless a setting is wrong. */
export const SMTP_SESSION_ROWS: readonly Row[] = [
  {
    row: null,
    code: 'starttls_removed',
    match: [{ source: 'smtp_offer', problems: ['no_starttls'], given: { exchangeOnline: true } }],
    summary: 'The SMTP server {host} does not offer STARTTLS.',
    causes: ['A firewall or mail gateway on the way removes STARTTLS.'],
    note: 'Exchange Online always offers it. The server offers: {offered}.',
    responsible: 'networkTeam',
    remedy: 'The network team turns SMTP inspection off for connections to {host}.',
    commands: [],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'starttls_not_offered',
    match: [{ source: 'smtp_offer', problems: ['no_starttls'] }],
    summary: 'The SMTP server {host} does not offer STARTTLS.',
    causes: [
      'The server has no certificate for it.',
      'The port is wrong.',
      'A firewall removes it.',
    ],
    note: 'Postern sends no password or token without TLS. The server offers: {offered}.',
    responsible: 'operator',
    remedy: 'The operator of Postern checks host, port and security in the server details.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'xoauth2_not_offered',
    match: [
      {
        source: 'smtp_offer',
        problems: ['no_auth_mechanism'],
        given: { authentication: ['exchangeOnline'] },
      },
    ],
    summary: 'The SMTP server {host} does not offer XOAUTH2.',
    causes: [
      'The host is not the Exchange Online server for sending (for example an MX host).',
      'A gateway between answers for it.',
    ],
    note: 'Wanted: {wanted}. The server offers: {offered}.',
    responsible: 'operator',
    remedy:
      'The operator of Postern sets the host of the cloud in the server details (smtp.office365.com in the worldwide cloud), port 587 and STARTTLS.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'login_not_offered',
    match: [{ source: 'smtp_offer', problems: ['no_auth_mechanism'] }],
    summary: 'The SMTP server {host} does not offer a way to log in that Postern can use.',
    causes: [
      'The server offers a login only after TLS or on another port.',
      'The server wants no login.',
    ],
    note: 'Wanted: {wanted}. The server offers: {offered}.',
    responsible: 'operator',
    remedy:
      'The operator of Postern checks the port, the security and the authentication in the email settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 41,
    code: 'too_many_connections',
    match: [
      { source: 'smtp', codes: [432, 432] },
      {
        source: 'smtp',
        fragments: [
          'concurrent connections limit exceeded',
          'sender thread limit exceeded',
          'maximum number of concurrent connections has exceeded',
        ],
      },
    ],
    summary: 'More connections send for the mailbox {mailbox} at once than Exchange Online allows.',
    causes: ['Another program sends with the same mailbox.'],
    note: 'Exchange Online allows 3 connections at once for a mailbox, and Postern keeps to that.',
    responsible: 'nobody',
    remedy:
      'Nobody has to act now: Postern tries again a little later. If it goes on, let the other program send through Postern or with a mailbox of its own.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'submission_rate_exceeded',
    match: [
      {
        source: 'smtp',
        codes: [400, 499],
        fragments: ['submission rate', 'message rate', 'rate limit'],
      },
    ],
    summary: 'The server asks to send more slowly.',
    causes: [
      'More than 30 messages were sent from the mailbox in a minute, perhaps by another program too.',
    ],
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern waits and sends more slowly.',
    commands: [],
    retry: 'transient',
    retryAfterMs: 60_000,
    guideStep: null,
  },
  {
    row: 46,
    code: 'smtp_session_ended',
    match: [
      { source: 'smtp', codes: [421, 421], enhanced: ['4.4.1'] },
      {
        source: 'smtp',
        codes: [400, 499],
        fragments: ['timeout waiting for client', 'connection timed out', 'connection dropped'],
      },
    ],
    summary: 'The server {host} ended a session that was idle or open for too long.',
    causes: [
      'Nobody used the connection, or it was open for too long, and Exchange Online closed it.',
    ],
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern opens a new connection.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: 27,
    code: 'smtp_service_busy',
    match: [
      { source: 'smtp', codes: [421, 421], enhanced: ['4.3.2'] },
      { source: 'smtp', codes: [452, 452], enhanced: ['4.3.1'] },
      {
        source: 'smtp',
        codes: [400, 499],
        fragments: [
          'temporary server error',
          'temporary authentication failure',
          'service not available',
        ],
      },
    ],
    summary: 'The mail server {host} is busy or has a fault of its own.',
    causes: ['The server is busy or has a fault of its own.'],
    note: 'The server itself says that this passes.',
    responsible: 'nobody',
    remedy: 'Nobody has to act now: Postern tries again by itself.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'sending_slowed_down',
    match: [{ source: 'smtp', enhanced: ['4.7.500-699', '4.7.850-899'] }],
    summary: 'Exchange Online takes mail from this sender or network only slowly at the moment.',
    causes: [
      'Microsoft does not know the mail or the network of this sender well yet.',
      'Microsoft finds the mail suspicious.',
    ],
    responsible: 'exchangeAdministrator',
    remedy:
      'Postern tries again by itself. If it goes on, the Exchange administrator checks whether the mailbox {mailbox} sends unusual mail.',
    commands: [CONNECT_EXCHANGE, SHOW_MAILBOX],
    retry: 'transient',
    guideStep: null,
  },
]
