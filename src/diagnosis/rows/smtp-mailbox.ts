import type { Row } from '../row.ts'
import {
  CONNECT_EXCHANGE,
  GRANT_FULL_ACCESS,
  GRANT_SEND_AS,
  OPEN_RESTRICTED_ENTITIES,
  SHOW_MAILBOX,
  SHOW_SERVICE_PRINCIPAL,
} from './commands.ts'

/** The login is good; the mailbox, its rights or its quota are not. Most of it shows only after the message. */
export const SMTP_MAILBOX_ROWS: readonly Row[] = [
  {
    row: 39,
    code: 'mailbox_permission_missing',
    match: [
      { source: 'smtp', codes: [430, 430] },
      { source: 'smtp', fragments: ['mailbox logon failure', 'MapiExceptionLogonFailed'] },
    ],
    summary: 'The login works, but the application may not open the mailbox {mailbox}.',
    causes: [
      'The service account has no FullAccess permission for the mailbox.',
      'The permission was given a short time ago and Microsoft has not spread it yet.',
      'The permission was given to another service account, or the service account has a wrong Object ID.',
    ],
    note: 'Such changes take up to 2 hours.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator gives the service account FullAccess to the mailbox {mailbox}.',
    commands: [CONNECT_EXCHANGE, GRANT_FULL_ACCESS, SHOW_SERVICE_PRINCIPAL],
    retry: 'never',
    propagationMinutes: 120,
    guideStep: 'mailbox-permission',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'The login works, but the application may no longer open the mailbox {mailbox}; it could until {workedUntil}.',
        causes: [
          'The FullAccess permission was removed from the mailbox.',
          'The service account was removed and made again, which ends its permissions.',
          'The mailbox was removed and made again, or is being moved.',
        ],
      },
    ],
  },
  {
    row: null,
    code: 'send_as_throttled',
    match: [
      {
        source: 'smtp',
        enhanced: ['5.2.252'],
        fragments: ['throttled due to continuous'],
      },
    ],
    summary:
      'Microsoft blocks the mailbox {mailbox} for a time, after many messages with a sender that it may not use.',
    causes: [
      'The mailbox tried again and again to send as an address for which it has no right Send As.',
    ],
    note: 'Microsoft sets how long the block lasts, and its support cannot lift it. Every further refusal may prolong it.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator gives {mailbox} the right Send As on the addresses that it sends as, or the operator of Postern has the sending applications corrected. Then both wait: Postern tries again by itself.',
    commands: [CONNECT_EXCHANGE, GRANT_SEND_AS],
    retry: 'never',
    guideStep: 'mailbox-permission',
  },
  {
    row: 40,
    code: 'send_as_denied',
    match: [
      { source: 'smtp', enhanced: ['5.2.252', '5.7.60'] },
      {
        source: 'smtp',
        fragments: ['SendAsDenied', 'does not have permissions to send as this sender'],
      },
    ],
    summary: 'The mailbox {mailbox} may not send as {from}.',
    causes: [
      'The From address belongs to another mailbox than the one that logs in, and the right Send As is missing.',
      'Send As was given to the service account only, and not to the mailbox that logs in.',
    ],
    note: 'Every further try brings a longer block by Microsoft, so Postern stops.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator gives {mailbox} the right Send As on {from}; or the operator of Postern uses the mailbox’s own address as sender.',
    commands: [
      CONNECT_EXCHANGE,
      GRANT_SEND_AS,
      { shell: 'powershell', text: 'Get-RecipientPermission -Identity {from}' },
    ],
    retry: 'never',
    guideStep: 'mailbox-permission',
    variants: [
      {
        when: { workedBefore: true },
        causes: [
          'The right Send As of {mailbox} on {from} was removed.',
          'The address {from} was an alias of the mailbox and belongs to another one now.',
        ],
      },
    ],
  },
  {
    row: 43,
    code: 'daily_recipient_limit',
    match: [
      { source: 'smtp', enhanced: ['5.1.90'] },
      { source: 'smtp', fragments: ['SubmissionQuotaExceeded', 'submission quota exceeded'] },
    ],
    summary: 'The mailbox {mailbox} has reached its limit of recipients for 24 hours.',
    causes: [
      'More than 10,000 recipients were written to in 24 hours, which is what Exchange Online allows a mailbox.',
    ],
    responsible: 'operator',
    remedy:
      'Postern keeps the mail and waits. If it happens often, the operator of Postern spreads the mail over several mailboxes, or uses High Volume Email.',
    commands: [],
    retry: 'quota',
    guideStep: null,
  },
  {
    row: 44,
    code: 'tenant_recipient_limit',
    match: [{ source: 'smtp', enhanced: ['5.7.232', '5.7.233'] }],
    summary: 'The organisation has reached its daily limit of recipients outside.',
    causes: [
      'The organisation sends more mail outside than its licences allow.',
      'It is a trial tenant, whose limit is low.',
    ],
    responsible: 'exchangeAdministrator',
    remedy:
      'Postern keeps the mail and waits. The Exchange administrator finds out what sends so much, or buys licences.',
    commands: [],
    retry: 'quota',
    guideStep: null,
  },
  {
    row: 42,
    code: 'mailbox_full',
    match: [
      { source: 'smtp', enhanced: ['5.2.251'] },
      { source: 'smtp', enhanced: ['5.2.2'], given: { exchangeOnline: true } },
      {
        source: 'smtp',
        fragments: [
          'mailbox full; STOREDRV',
          'MapiExceptionShutoffQuotaExceeded',
          'MapiExceptionQuotaExceeded',
        ],
      },
    ],
    summary: 'The mailbox {mailbox} is full, so it cannot send.',
    causes: ['Sent Items is full: Exchange Online keeps a copy of every message there.'],
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator empties Sent Items of {mailbox} and sets a retention policy for it.',
    commands: [
      CONNECT_EXCHANGE,
      {
        shell: 'powershell',
        text: 'Get-MailboxFolderStatistics -Identity {mailbox} -FolderScope SentItems | Format-List FolderPath,ItemsInFolder,FolderSize',
      },
    ],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'mailbox_not_licensed',
    match: [{ source: 'smtp', enhanced: ['5.2.253'] }],
    summary: 'The mailbox {mailbox} has no valid licence for sending.',
    causes: ['The licence of the mailbox was taken away or has ended.'],
    note: 'Microsoft has refused many messages of this mailbox for this reason and now blocks it for a time.',
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator gives the mailbox {mailbox} a licence with Exchange Online.',
    commands: [CONNECT_EXCHANGE, SHOW_MAILBOX],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 45,
    code: 'sender_blocked',
    match: [
      {
        source: 'smtp',
        enhanced: ['5.1.8', '5.7.501-503', '5.7.705', '5.7.708'],
      },
      { source: 'smtp', fragments: ['OutboundSpamException'] },
    ],
    summary:
      'Microsoft has blocked the sender {mailbox}, its organisation or its network for outgoing mail.',
    causes: [
      'Microsoft takes the outgoing mail for spam.',
      'Microsoft takes the account for stolen.',
      'Microsoft does not trust the network that the mail comes from, as with new or trial tenants.',
    ],
    responsible: 'exchangeAdministrator',
    remedy:
      'The Exchange administrator checks the account, unblocks it in the Defender portal under Restricted entities, or asks Microsoft’s support.',
    commands: [OPEN_RESTRICTED_ENTITIES],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'sending_network_blocked',
    match: [{ source: 'smtp', enhanced: ['5.7.511', '5.7.606-649'] }],
    summary: 'Microsoft has blocked the network address that this mail comes from.',
    causes: ['The outgoing address stands on Microsoft’s block list.'],
    note: 'The answer names it.',
    responsible: 'networkTeam',
    remedy: 'The network team asks Microsoft to take the address off the list.',
    commands: [{ shell: 'url', text: 'https://sender.office.com' }],
    retry: 'never',
    guideStep: null,
  },
  {
    row: null,
    code: 'domain_not_registered',
    match: [{ source: 'smtp', enhanced: ['5.7.750'] }],
    summary: 'Microsoft blocks mail from a domain that the organisation has not registered.',
    causes: ['The domain of the sender {sender} is not an accepted domain of the tenant.'],
    responsible: 'exchangeAdministrator',
    remedy: 'The Exchange administrator adds the domain of {sender} as an accepted domain.',
    commands: [CONNECT_EXCHANGE, { shell: 'powershell', text: 'Get-AcceptedDomain' }],
    retry: 'never',
    guideStep: null,
  },
  {
    row: 52,
    code: 'direct_send_refused',
    match: [{ source: 'smtp', enhanced: ['5.7.68', '5.7.64'] }],
    summary: 'The server {host} does not take mail without a login from this network.',
    causes: [
      'The host is the organisation’s server for incoming mail (MX), not the one for sending.',
    ],
    responsible: 'operator',
    remedy:
      'The operator of Postern sets the host of the cloud (smtp.office365.com in the worldwide cloud), port 587, STARTTLS and the authentication Microsoft Exchange Online.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
]
