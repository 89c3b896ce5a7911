import { REPLY, STORE } from '../exchange/index.ts'
import { type Rehearsal, rehearsal, type Scene } from './scene.ts'

const FRONT_DOOR = '[AM0PR06CA0126.eurprd06.prod.outlook.com]'
const STORE_SERVER = '[Hostname=AM0PR06MB4711.eurprd06.prod.outlook.com]'

type Step = 'mail' | 'rcpt' | 'data'

/** What shows only when a message is sent. Texts: Microsoft, "Email non-delivery reports in Exchange Online". */
export function messageRehearsals(scene: Scene): Rehearsal[] {
  const { clientId, mailbox } = scene
  const state = (code: string, row: number | null, title: string, patch: Rehearsal['patch']) =>
    rehearsal(code, row, title, patch, { needsMessage: true })
  const reply = (code: string, row: number | null, title: string, step: Step, text: string) => {
    const isStore = text.includes('STOREDRV') || text.includes('Sender throttled')
    const suffix = isStore ? STORE_SERVER : FRONT_DOOR
    return state(code, row, title, { smtp: { forcedReplies: { [step]: `${text} ${suffix}` } } })
  }
  const ofMailbox = (change: object) => ({ mailboxes: { [mailbox]: change } })
  return [
    reply('not_authenticated', 36, 'The server forgets the login', 'mail', REPLY.notAuthenticated),
    state(
      'mailbox_permission_missing',
      39,
      'FullAccess on the mailbox removed',
      ofMailbox({ fullAccess: { [clientId]: null } }),
    ),
    reply(
      'send_as_denied',
      40,
      'Send As missing',
      'data',
      STORE.sendAsDenied(mailbox, `other.${mailbox}`),
    ),
    reply(
      'send_as_throttled',
      null,
      'Mailbox blocked after many SendAsDenied',
      'data',
      STORE.sendAsThrottled,
    ),
    state('daily_recipient_limit', 43, 'Daily recipient limit of the mailbox reached', {
      limits: { recipientsPerDay: 0 },
    }),
    reply(
      'tenant_recipient_limit',
      44,
      'External recipient limit of the organisation reached',
      'data',
      "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    ),
    state('mailbox_full', 42, 'Mailbox full', ofMailbox({ full: true })),
    reply(
      'mailbox_not_licensed',
      null,
      'Mailbox without a licence',
      'data',
      '550 5.2.253 Sender throttled due to continuous invalid license errors.',
    ),
    reply(
      'sender_blocked',
      45,
      'Sender blocked for outbound spam',
      'data',
      '550 5.1.8 Access denied, bad outbound sender',
    ),
    reply(
      'sending_network_blocked',
      null,
      'Outgoing address on Microsoft’s block list',
      'data',
      '550 5.7.606 Access denied, banned sending IP [203.0.113.7]',
    ),
    reply(
      'domain_not_registered',
      null,
      'Domain of the sender not registered',
      'data',
      '550 5.7.750 Client blocked from sending from unregistered domains',
    ),
    reply(
      'direct_send_refused',
      52,
      'Direct Send refused (wrong host)',
      'data',
      '550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources',
    ),
    state('message_too_large', 37, 'Message too large', ofMailbox({ maxSendSizeBytes: 0 })),
    reply('too_many_recipients', 38, 'Too many recipients', 'rcpt', REPLY.tooManyRecipients),
    reply(
      'recipient_unknown',
      51,
      'Recipient unknown',
      'rcpt',
      '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup',
    ),
    reply(
      'recipient_refused',
      null,
      'Recipient refused',
      'rcpt',
      '550 5.7.504 Recipient address rejected: Access denied',
    ),
    reply('address_invalid', null, 'Address malformed', 'rcpt', REPLY.recipientInvalid),
    reply('from_header_invalid', null, 'From header not valid', 'data', STORE.fromInvalid),
    reply(
      'dmarc_failed',
      null,
      'DMARC check failed',
      'data',
      `550 5.7.509 Access denied, sending domain ${mailbox.replace(/^.*@/, '')} does not pass DMARC verification`,
    ),
    reply(
      'bare_line_feeds',
      null,
      'Bare line feeds in the message',
      'data',
      '550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA',
    ),
    reply(
      'message_content_invalid',
      null,
      'Message cannot be read',
      'data',
      '554 5.6.0 Invalid message content',
    ),
    reply('mail_loop', null, 'Mail loop', 'data', STORE.hopCount),
    reply('relay_denied', null, 'Relaying denied', 'rcpt', '550 5.7.1 Unable to relay'),
    state('too_many_connections', 41, 'Too many connections at once', {
      limits: { connections: 0 },
    }),
    state('submission_rate_exceeded', null, 'Messages sent too fast', {
      smtp: { fault: 'throttledPerHour' },
    }),
    reply(
      'sending_slowed_down',
      null,
      'Exchange Online slows the sender down',
      'data',
      '451 4.7.500 Access denied, please try again later',
    ),
  ]
}
