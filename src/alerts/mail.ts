import { type Command, type Diagnosis, RESPONSIBLE_NAMES } from '../diagnosis/index.ts'
import { toIso } from '../platform/clock.ts'
import type { Profile } from '../profiles/index.ts'
import type { AlertMail } from './alerts.ts'
import { type Block, linesOf, oneLine, shorten, toHtml, toText } from './mail-body.ts'
import type { Notification, StoredAlert } from './stored-alert.ts'

export interface MailFacts {
  readonly alert: StoredAlert
  readonly notification: Notification
  /** The profile that carries the mail, so its sender is the one that the server accepts. */
  readonly carrier: Profile
  /** Of the alert's own profile; of the carrier for alerts of the agent itself. */
  readonly subjectPrefix: string
  readonly publicUrl: string | null
  readonly version: string
  readonly now: number
}

const LONGEST_SUBJECT = 200
const LONGEST_ANSWER = 4_000

export function composeAlertMail(facts: MailFacts): AlertMail {
  const { carrier, notification } = facts
  const blocks = blocksOf(facts)
  return {
    from: { name: oneLine(carrier.senderDisplayName), address: carrier.senderEmailAddress },
    to: [notification.recipient],
    subject: subjectOf(facts),
    text: toText(blocks),
    html: toHtml(blocks),
    messageId: messageIdOf(notification),
    headers: {
      // RFC 3834 §5: no vacation replies to a machine; the second is Exchange's own word for it ([MS-OXCMAIL] §2.1.3.2.20).
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
    date: facts.now,
  }
}

/** The same for every attempt of a notification, so that a mail sent twice is recognised as one. */
export function messageIdOf(notification: Pick<Notification, 'id' | 'recipient'>): string {
  const domain = notification.recipient.slice(notification.recipient.lastIndexOf('@') + 1)
  const isPlain = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(domain)
  return `<postern-alert.${notification.id}@${isPlain ? domain : 'postern.invalid'}>`
}

const LEAD = {
  opened: '',
  escalated: '',
  reminder: 'Still broken: ',
  resolved: 'Resolved: ',
} satisfies Record<Notification['reason'], string>

function subjectOf({ alert, notification, subjectPrefix }: MailFacts): string {
  const prefix = oneLine(subjectPrefix)
  const subject = `${LEAD[notification.reason]}${oneLine(alert.summary)}`
  return shorten(prefix === '' ? subject : `${prefix} ${subject}`, LONGEST_SUBJECT)
}

function blocksOf(facts: MailFacts): readonly Block[] {
  const { alert, notification } = facts
  const ended = notification.reason === 'resolved'
  return [
    { style: 'lead', lines: [`${LEAD[notification.reason]}${oneLine(alert.summary)}`] },
    { style: 'facts', rows: factsOf(facts) },
    ...(ended ? [] : diagnosisBlocks(alert.diagnosis)),
    ...(alert.details.length === 0
      ? []
      : [
          {
            style: 'text',
            title: ended ? 'Why' : 'Details',
            lines: linesOf(alert.details),
          } as const,
        ]),
    ...(ended ? [] : [acknowledgeBlock(facts)]),
    {
      style: 'text',
      lines: [`Sent by Postern ${facts.version} through the profile ${facts.carrier.id}.`],
    },
  ]
}

function factsOf({ alert, notification, publicUrl, now }: MailFacts) {
  const rows: [string, string][] = [
    ['Profile', alert.profileId ?? 'none: it concerns Postern itself'],
    ['Severity', alert.severity],
    [notification.reason === 'reminder' ? 'Still broken since' : 'Since', utc(alert.openedAt)],
  ]
  if (alert.resolvedAt !== null) rows.push(['Resolved', utc(alert.resolvedAt)])
  rows.push(['Time of this mail', utc(now)])
  if (publicUrl !== null) rows.push(['Alert', `${base(publicUrl)}/api/v1/alerts/${alert.id}`])
  return rows
}

function diagnosisBlocks(diagnosis: Diagnosis | null): readonly Block[] {
  if (diagnosis === null) return []
  const { answer, commands, guideStep, responsible } = diagnosis
  const support = [
    ['Trace ID', answer.traceId],
    ['Correlation ID', answer.correlationId],
    ['Session ID', answer.sessionId],
  ].flatMap(([name, id]) => (id ? [`${name}: ${oneLine(id)}`] : []))
  const from = answer.server === null ? '' : ` of ${oneLine(answer.server)}`
  return [
    { style: 'text', title: 'Cause', lines: linesOf([diagnosis.cause]) },
    { style: 'text', title: 'Who must act', lines: [RESPONSIBLE_NAMES[responsible]] },
    { style: 'text', title: 'What to do', lines: linesOf([diagnosis.remedy]) },
    ...commands.map(commandBlock),
    ...(guideStep === null
      ? []
      : [
          { style: 'text', title: 'Step of the setup guide', lines: [oneLine(guideStep)] } as const,
        ]),
    {
      style: 'code',
      title: `The answer${from}, word for word`,
      lines: linesOf([shorten(answer.text, LONGEST_ANSWER)]),
    },
    ...(support.length === 0
      ? []
      : [{ style: 'code', title: 'For Microsoft’s support', lines: support } as const]),
  ]
}

function commandBlock({ shell, text }: Command): Block {
  const title = shell === 'url' ? 'Open' : shell === 'powershell' ? 'In PowerShell' : 'In a shell'
  return { style: 'code', title, lines: linesOf([text]) }
}

function acknowledgeBlock({ alert, publicUrl }: MailFacts): Block {
  const url = publicUrl === null ? '$POSTERN_URL' : base(publicUrl)
  return {
    style: 'code',
    title: 'To end the reminders',
    lines: [
      `curl -X POST -H "Authorization: Bearer $POSTERN_TOKEN" "${url}/api/v1/alerts/${alert.id}/acknowledge"`,
    ],
  }
}

function base(url: string): string {
  return url.replace(/\/+$/, '')
}

/** `2026-11-23 10:42 UTC` */
function utc(at: number): string {
  return `${toIso(at).slice(0, 16).replace('T', ' ')} UTC`
}
