import {
  type Command,
  causeLines,
  type Diagnosis,
  GUIDE_STEPS,
  RESPONSIBLE_NAMES,
  waitingSentence,
} from '../diagnosis/index.ts'
import { toIso } from '../platform/clock.ts'
import type { Profile } from '../profiles/index.ts'
import { type Block, linesOf, oneLine, shorten, toHtml, toText } from '../smtp/index.ts'
import type { AlertMail } from './alerts.ts'
import type { Advice } from './api.ts'
import { againWords, missedLines } from './ending-words.ts'
import { beliefOf, type Notification, type StoredAlert } from './stored-alert.ts'

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
    idempotencyKey: tryOf(notification, carrier),
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

/** One try of a notification through one profile to one reader. */
function tryOf({ id, attempts, recipient }: Notification, carrier: Profile): string {
  return `alert ${id} ${attempts} ${carrier.id} ${recipient}`
}

/** Where the API listens by default, on the machine itself. */
const LOCAL_URL = 'http://127.0.0.1:8587'

function leadOf({ alert, notification }: MailFacts): string {
  const { reason } = notification
  if (reason === 'resolved') return `Resolved: ${oneLine(againWords(alert))}`
  return `${reason === 'reminder' ? 'Still broken: ' : ''}${oneLine(alert.summary)}`
}

function subjectOf(facts: MailFacts): string {
  const prefix = oneLine(facts.subjectPrefix)
  const subject = leadOf(facts)
  return shorten(prefix === '' ? subject : `${prefix} ${subject}`, LONGEST_SUBJECT)
}

function blocksOf(facts: MailFacts): readonly Block[] {
  return [
    { style: 'lead', lines: [leadOf(facts)] },
    ...(facts.notification.reason === 'resolved' ? endBlocks(facts) : problemBlocks(facts)),
    {
      style: 'text',
      lines: [`Sent by Postern ${facts.version} through the profile ${facts.carrier.id}.`],
    },
  ]
}

function problemBlocks(facts: MailFacts): readonly Block[] {
  const { alert } = facts
  const { diagnosis, advice } = alert
  return [
    { style: 'facts', rows: factsOf(facts) },
    ...adviceBlocks(diagnosis ?? advice),
    ...(diagnosis === null ? [] : answerBlocks(diagnosis)),
    ...linesBlock('Details', alert.details),
    // The reminders of an end to come are its days, which go on after it was acknowledged.
    ...(alert.kind === 'credentialExpiring' ? [] : [acknowledgeBlock(facts)]),
  ]
}

function endBlocks(facts: MailFacts): readonly Block[] {
  const { alert, notification, now } = facts
  const rows = [['Problem', alert.summary] as const, ...factsOf(facts)]
  const why = linesBlock('Why it is over', alert.details)
  if (beliefOf(alert, notification.recipient) !== 'unknown')
    return [{ style: 'facts', rows }, ...why]
  const missed = missedLines(alert, utc(alert.openedAt), utc(alert.resolvedAt ?? now))
  const known = alert.diagnosis ?? alert.advice
  return [
    { style: 'text', lines: linesOf(missed) },
    { style: 'facts', rows },
    ...(known === null ? [] : causeBlock(known)),
    ...why,
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

/** In the words of the API; several likely causes on a line each, for they exclude each other. */
function causeBlock(why: Advice | Diagnosis): readonly Block[] {
  const likelyCauses = 'likelyCauses' in why ? why.likelyCauses : []
  const title = likelyCauses.length < 2 ? 'Cause' : 'Likely causes, the most probable one first'
  return linesBlock(title, causeLines({ cause: why.cause, likelyCauses }))
}

function adviceBlocks(advice: Advice | Diagnosis | null): readonly Block[] {
  if (advice === null) return []
  const waiting = 'waitingUntil' in advice ? waitingSentence(advice) : undefined
  return [
    ...(waiting === undefined ? [] : linesBlock('Not a failure yet', [waiting])),
    ...causeBlock(advice),
    ...linesBlock('Who must act', [RESPONSIBLE_NAMES[advice.responsible]]),
    ...linesBlock('What to do', [advice.remedy]),
    ...advice.commands.map(commandBlock),
  ]
}

function answerBlocks({ answer, guideStep }: Diagnosis): readonly Block[] {
  const support = [
    ['Trace ID', answer.traceId],
    ['Correlation ID', answer.correlationId],
    ['Session ID', answer.sessionId],
  ].flatMap(([name, id]) => (id ? [`${name}: ${oneLine(id)}`] : []))
  const from = answer.server === null ? '' : ` of ${oneLine(answer.server)}`
  const said: Block = {
    style: 'code',
    title: `The answer${from}, word for word`,
    lines: linesOf([shorten(answer.text, LONGEST_ANSWER)]),
  }
  return [
    ...(guideStep === null ? [] : linesBlock('Step of the setup guide', [titleOf(guideStep)])),
    // Nobody has answered when the settings themselves are the problem.
    ...(answer.source === 'settings' ? [] : [said]),
    ...(support.length === 0
      ? []
      : [{ style: 'code', title: 'For Microsoft’s support', lines: support } as const]),
  ]
}

function titleOf(guideStep: string): string {
  const known = Object.entries(GUIDE_STEPS).find(([step]) => step === guideStep)
  return known?.[1] ?? guideStep
}

function linesBlock(title: string, texts: readonly string[]): readonly Block[] {
  return texts.length === 0 ? [] : [{ style: 'text', title, lines: linesOf(texts) }]
}

function commandBlock({ shell, text }: Command): Block {
  const lines = linesOf([text])
  if (shell === 'url') return { style: 'link', title: 'Open', lines }
  return { style: 'code', title: shell === 'powershell' ? 'In PowerShell' : 'In a shell', lines }
}

function acknowledgeBlock({ alert, publicUrl }: MailFacts): Block {
  const url = publicUrl === null ? LOCAL_URL : base(publicUrl)
  const where = publicUrl === null ? ' on the machine that runs Postern' : ''
  return {
    style: 'code',
    title: `To end the reminders, in a shell${where}, with a token of the scope operator in TOKEN`,
    lines: [
      `curl -X POST -H "Authorization: Bearer $TOKEN" "${url}/api/v1/alerts/${alert.id}/acknowledge"`,
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
