import { type Sample, smtp } from './samples.ts'

const exchange = { responsible: 'exchangeAdministrator', retry: 'never' } as const
const operator = { responsible: 'operator', retry: 'never' } as const
const network = { responsible: 'networkTeam', retry: 'never' } as const
const wait = { responsible: 'nobody', retry: 'transient' } as const
const basic = { authenticationType: 'basic' } as const
const STORE = 'Failed to process message due to a'

export const SMTP_SAMPLES: readonly Sample[] = [
  // Mailbox
  {
    failure: smtp(
      `430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:ConnectionFailedTransientException.MapiExceptionLogonFailed; ${STORE} transient exception with message [BeginDiagnosticData]Cannot open mailbox. [EndDiagnosticData] [Hostname=XXXX281MB3300.DEUP281.PROD.OUTLOOK.COM]`,
      'message',
    ),
    code: 'mailbox_permission_missing',
    row: 39,
    ...exchange,
    commands: [
      'Connect-ExchangeOnline',
      "Add-MailboxPermission -Identity 'alerts@contoso.com' -User $sp[0].Identity -AccessRights FullAccess",
    ],
  },
  {
    failure: smtp(
      `554 5.2.252 SendAsDenied; auth@contoso.com not allowed to send as from@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; ${STORE} permanent exception [Hostname=A.PROD.OUTLOOK.COM]`,
      'message',
    ),
    code: 'send_as_denied',
    row: 40,
    ...exchange,
    says: ['from@contoso.com'],
    commands: [
      "Add-RecipientPermission -Identity 'from@contoso.com' -Trustee 'alerts@contoso.com' -AccessRights SendAs",
    ],
  },
  {
    failure: smtp(
      `554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; ${STORE} permanent exception`,
      'message',
    ),
    code: 'send_as_denied',
    row: 40,
    ...exchange,
  },
  {
    failure: smtp(
      '550 5.7.60 SMTP; Client does not have permissions to send as this sender [DB4PR04MB505.eurprd04.prod.outlook.com]',
      'message',
    ),
    context: { senderEmailAddress: 'other@contoso.com' },
    code: 'send_as_denied',
    row: 40,
    ...exchange,
    says: ['other@contoso.com'],
  },
  {
    failure: smtp(
      '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException',
      'message',
    ),
    code: 'daily_recipient_limit',
    row: 43,
    responsible: 'operator',
    retry: 'quota',
  },
  {
    failure: smtp('550 5.2.2 Submission quota exceeded', 'message'),
    code: 'daily_recipient_limit',
    row: 43,
    responsible: 'operator',
    retry: 'quota',
  },
  {
    failure: smtp(
      "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
      'message',
    ),
    code: 'tenant_recipient_limit',
    row: 44,
    responsible: 'exchangeAdministrator',
    retry: 'quota',
  },
  {
    failure: smtp(
      '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded;',
      'message',
    ),
    code: 'mailbox_full',
    row: 42,
    ...exchange,
  },
  {
    failure: smtp('550 5.2.251 Sender throttled due to continuous mailbox full errors', 'message'),
    code: 'mailbox_full',
    row: 42,
    ...exchange,
  },
  {
    failure: smtp(
      '550 5.2.252 Sender throttled due to continuous send as denied errors',
      'message',
    ),
    code: 'send_as_throttled',
    row: null,
    ...exchange,
    says: ['alerts@contoso.com'],
  },
  {
    failure: smtp(
      '550 5.2.253 Sender throttled due to continuous invalid license errors',
      'message',
    ),
    code: 'mailbox_not_licensed',
    row: null,
    ...exchange,
  },
  {
    failure: smtp(
      `554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; ${STORE} permanent exception with message WASCL UserAction verdict is not None. Actual verdict is HipNotify, ShowTierUpgrade.`,
      'message',
    ),
    code: 'sender_blocked',
    row: 45,
    ...exchange,
  },
  {
    failure: smtp('550 5.1.8 Access denied, bad outbound sender', 'message'),
    code: 'sender_blocked',
    row: 45,
    ...exchange,
  },
  {
    failure: smtp('550 5.7.502 Access denied, banned sender', 'message'),
    code: 'sender_blocked',
    row: 45,
    ...exchange,
  },
  {
    failure: smtp('550 5.7.620 Access denied, banned sending IP [203.0.113.9]', 'message'),
    code: 'sending_network_blocked',
    row: null,
    ...network,
  },
  {
    failure: smtp('550 5.7.750 Client blocked from sending from unregistered domains', 'message'),
    code: 'domain_not_registered',
    row: null,
    ...exchange,
  },
  {
    failure: smtp(
      '550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources',
      'data',
    ),
    code: 'direct_send_refused',
    row: 52,
    ...operator,
  },

  // Message and recipients
  {
    failure: smtp('552 5.3.4 Message size exceeds fixed maximum message size', 'mail'),
    code: 'message_too_large',
    row: 37,
    ...operator,
  },
  {
    failure: smtp(
      '554 5.2.0 Message size exceeds maximum size limit.; STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded;',
      'message',
    ),
    code: 'message_too_large',
    row: 37,
    ...operator,
  },
  {
    failure: smtp('452 4.5.3 Too many recipients', 'rcpt'),
    code: 'too_many_recipients',
    row: 38,
    ...operator,
  },
  {
    failure: smtp('550 5.1.10 RESOLVER.ADR.RecipientNotFound', 'rcpt'),
    code: 'recipient_unknown',
    row: 51,
    ...operator,
  },
  {
    failure: smtp('550 5.7.505 Access denied, banned recipient', 'rcpt'),
    code: 'recipient_refused',
    row: null,
    ...operator,
  },
  {
    failure: smtp('501 5.1.3 Invalid address', 'rcpt'),
    code: 'address_invalid',
    row: null,
    ...operator,
  },
  {
    failure: smtp(
      '550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant',
      'message',
    ),
    code: 'from_header_invalid',
    row: null,
    ...operator,
  },
  {
    failure: smtp(
      '550 5.7.509 Access denied, sending domain does not pass DMARC verification',
      'message',
    ),
    code: 'dmarc_failed',
    row: null,
    ...exchange,
  },
  {
    failure: smtp('550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal', 'message'),
    code: 'bare_line_feeds',
    row: null,
    ...operator,
  },
  {
    failure: smtp('554 5.6.0 Invalid message content', 'message'),
    code: 'message_content_invalid',
    row: null,
    ...operator,
  },
  {
    failure: smtp('554 5.4.6 Hop count exceeded - possible mail loop', 'message'),
    code: 'mail_loop',
    row: null,
    ...exchange,
  },
  {
    failure: smtp('550 5.7.1 Unable to relay', 'rcpt'),
    code: 'relay_denied',
    row: null,
    ...operator,
  },

  // Session and load
  {
    failure: smtp(
      '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=OS0PR01MB6099.jpnprd01.prod.outlook.com]',
      'message',
    ),
    code: 'too_many_connections',
    row: 41,
    ...wait,
  },
  {
    failure: smtp(
      '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=X.PROD.OUTLOOK.COM]',
      'message',
    ),
    code: 'too_many_connections',
    row: 41,
    ...wait,
  },
  {
    failure: smtp(
      '421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel',
      'greeting',
    ),
    code: 'too_many_connections',
    row: 41,
    ...wait,
  },
  {
    failure: smtp(
      '421 4.4.2 Message submission rate for this client has exceeded the configured limit',
      'mail',
    ),
    code: 'submission_rate_exceeded',
    row: null,
    ...wait,
  },
  {
    failure: smtp(
      '421 4.4.1 Connection timed out. Total session duration: 00:20:55.2872355',
      'mail',
    ),
    code: 'smtp_session_ended',
    row: 46,
    ...wait,
  },
  {
    failure: smtp('451 4.7.0 Timeout waiting for client input', 'data'),
    code: 'smtp_session_ended',
    row: 46,
    ...wait,
  },
  {
    failure: smtp('421 4.3.2 Service not available', 'greeting'),
    code: 'smtp_service_busy',
    row: 27,
    ...wait,
  },
  {
    failure: smtp(
      '451 4.7.0 Temporary server error. Please try again later. PRX4 [HOST.prod.outlook.com]',
      'auth',
    ),
    code: 'smtp_service_busy',
    row: 27,
    ...wait,
  },
  {
    failure: smtp(
      '451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again later.',
    ),
    code: 'smtp_service_busy',
    row: 27,
    ...wait,
  },
  {
    failure: smtp('450 4.7.550 Access denied, please try again later', 'message'),
    code: 'sending_slowed_down',
    row: null,
    responsible: 'exchangeAdministrator',
    retry: 'transient',
  },

  // Unknown
  {
    failure: smtp('451 4.9.9 The moon is full', 'message'),
    code: 'smtp_answer_unknown_temporary',
    row: null,
    responsible: 'operator',
    retry: 'transient',
    says: ['does not know this answer', 'The moon is full'],
  },
  {
    failure: smtp('535 5.7.139 Authentication unsuccessful, a sentence that nobody has seen'),
    code: 'smtp_answer_unknown',
    row: null,
    ...operator,
    says: ['a sentence that nobody has seen'],
  },
  {
    failure: smtp('535 5.7.139 Authentication unsuccessful, a sentence that nobody has seen'),
    context: basic,
    code: 'smtp_answer_unknown',
    row: null,
    ...operator,
  },
  { failure: smtp('599 whatever', 'message'), code: 'smtp_answer_unknown', row: null, ...operator },
  {
    failure: smtp('354 go on', 'auth'),
    code: 'answer_unknown',
    row: null,
    responsible: 'operator',
    retry: 'transient',
    says: ['354 go on'],
  },
]
