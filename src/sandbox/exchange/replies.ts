/**
 * What Exchange Online says, without the suffix that names the front door, the time and the session
 * (4yz and 5yz replies of the front door carry it, those of the mailbox server end in `[Hostname=…]`).
 * Texts: traces of smtp.office365.com:587, the transport's own catalogue, and
 * https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission
 */
export const REPLY = {
  busy: '421 4.3.2 Service not available',
  readyForTls: '220 2.0.0 SMTP server ready',
  oneStarttls: '503 5.5.2 Only one STARTTLS command can be issued per session',
  startTlsFirst: '530 5.7.0 Must issue a STARTTLS command first',
  sendHello: '503 5.5.2 Send hello first',
  sendEhlo: '503 5.5.2 Send EHLO first',
  invalidDomain: '501 5.5.4 Invalid domain name',
  invalidArguments: '501 5.5.4 Invalid arguments',
  unrecognizedParameter: '501 5.5.4 Unrecognized parameter',
  unsupportedBody: '501 5.5.4 Unsupported BODY type',
  unknownCommand: '500 5.3.3 Unrecognized command',
  notImplemented: '502 5.3.3 Command not implemented',
  commandTooLong: '500 5.5.2 Command too long',
  badSequence: '503 5.5.1 Bad sequence of commands',
  tooManyErrors: '421 4.7.0 Too many errors on this connection, closing transmission channel',
  timedOut: '421 4.4.1 Connection timed out',

  authOk: '235 2.7.0 Authentication successful',
  authBlob: '334 ',
  authUserName: '334 VXNlcm5hbWU6',
  authPassword: '334 UGFzc3dvcmQ6',
  authUnrecognized: '504 5.7.4 Unrecognized authentication type',
  authAlready: '503 5.5.2 Auth command already specified',
  authCancelled: '501 5.5.4 Authentication cancelled',
  authFailed: '535 5.7.3 Authentication unsuccessful',
  authDisabledForMailbox:
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.',
  authDisabledForTenant:
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.',
  basicDisabled: '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.',
  basicRetired: '550 5.7.30 Basic authentication is not supported for Client Submission.',
  basicSecurityDefaults:
    "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.",
  basicWrong: '535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.',
  authTls10:
    '421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls.',
  proxyError: '451 4.7.0 Temporary server error. Please try again later. PRX1',

  notAuthenticated: '530 5.7.57 Client not authenticated to send mail.',
  senderOk: '250 2.1.0 Sender OK',
  senderTwice: '503 5.5.2 Sender already specified',
  senderInvalid: '501 5.1.7 Invalid address',
  needMail: '503 5.5.2 Need mail command',
  needRcpt: '503 5.5.2 Need rcpt command',
  recipientOk: '250 2.1.5 Recipient OK',
  recipientInvalid: '501 5.1.3 Invalid address',
  tooManyRecipients: '452 4.5.3 Too many recipients',
  startData: '354 Start mail input; end with <CRLF>.<CRLF>',
  messageTooLarge: '552 5.3.4 Message size exceeds fixed maximum message size',
  headerTooLarge: '552 5.3.4 Header size exceeds fixed maximum size',
  rateExceeded:
    '421 4.4.2 Message submission rate for this client has exceeded the configured limit',

  reset: '250 2.0.0 Resetting',
  noop: '250 2.0.0 OK',
  vrfy: '252 2.1.5 Cannot VRFY user',
  help: '214-This server supports the following commands:\r\n214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT',
  bye: '221 2.0.0 Service closing transmission channel',
} as const

export function chunkReceived(octets: number): string {
  return `250 2.6.0 CHUNK received OK, ${octets} octets`
}

/** Blocks as the store appends them: context.code:value, the value in little-endian hex. */
function diagnostics(mapiError: string): string {
  const trace = Array.from({ length: 24 }, (_, i) => {
    const word = ((i * 2_654_435_761) % 0x1_0000_0000).toString(16).toUpperCase().padStart(8, '0')
    return `${i % 5 === 0 ? 255 : 4}.${33_016 + i * 512}:${word}`
  })
  return `0.35250:0A005D80, 1.36674:0A000000, 1.61250:00000000, 1.45378:02000000, 16.55847:8D000000, 17.43559:0000000068000000000000000000000000000000, 20.52176:140F${'00'.repeat(40)}, ${trace.join(', ')}, 0.26849:${mapiError}, 255.21817:${mapiError}`
}

/** Answers at the end of DATA; the mailbox server appends its name. */
export const STORE = {
  accepted: (messageId: string) => `250 2.0.0 OK ${messageId}`,
  // 0x80040111, MAPI_E_LOGON_FAILED
  logonFailed: (server: string) =>
    `430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:ConnectionFailedTransientException.MapiExceptionLogonFailed; Failed to process message due to a transient exception with message [BeginDiagnosticData]Cannot open mailbox. Server = ${server}, ${diagnostics('11010480')}[EndDiagnosticData]`,
  // 1244, ecSendAsDenied
  sendAsDenied: (mailbox: string, from: string) =>
    `554 5.2.252 SendAsDenied; ${mailbox} not allowed to send as ${from}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. ${diagnostics('DC040000')}[EndDiagnosticData]`,
  // https://learn.microsoft.com/exchange/troubleshoot/send-emails/continuous-error-throttling
  sendAsThrottled: '550 5.2.252 Sender throttled due to continuous send as denied errors.',
  tooManyConnections:
    '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.',
  mailboxFull: `554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot append stream. ${diagnostics('DD040000')}[EndDiagnosticData]`,
  recipientQuota:
    "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with message The message can't be submitted because the sender's submission quota was exceeded.",
  sendSize: `554 5.2.3 Message size exceeds maximum size limit.; STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. ${diagnostics('DA040000')}[EndDiagnosticData]`,
  // https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online
  fromInvalid: '550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant',
  fromMultiple: '550 5.1.20 Multiple From addresses are not allowed without Sender address',
  hopCount: '554 5.4.6 Hop count exceeded - possible mail loop',
} as const
