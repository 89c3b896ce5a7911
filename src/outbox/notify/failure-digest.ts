import type { DiagnosisContext } from '../../diagnosis/index.ts'
import type { Profile } from '../../profiles/index.ts'
import { type Block, type MailMessage, oneLine, shorten, toHtml, toText } from '../../smtp/index.ts'
import type { FailedMessage } from '../outbox-store.ts'
import { failedGroups } from './explain.ts'
import { addressList, domainOf, groupBlocks, messageRows, utc } from './failure-blocks.ts'

export interface DigestFacts {
  readonly profile: Profile
  readonly errorEmailAddress: string
  /** The first of them in detail, oldest first: at most MOST_IN_FULL, and not empty. */
  readonly told: readonly FailedMessage[]
  /** All that the report stands for. */
  readonly count: number
  /** Further ones failed, which the next report tells. */
  readonly hasMore: boolean
  readonly context: DiagnosisContext
  readonly publicUrl: string | null
  readonly version: string
  /** Of the report itself. */
  readonly id: string
  readonly now: number
}

/** So many messages are told in full, the others counted: a digest stays a mail that somebody reads. */
export const MOST_IN_FULL = 20
const LONGEST_SUBJECT = 200

/** What the error address gets to read about messages that finally failed. */
export function composeFailureDigest(facts: DigestFacts): MailMessage {
  const { profile, errorEmailAddress, id, now } = facts
  const blocks = blocksOf(facts)
  const prefix = oneLine(profile.subjectPrefix)
  const lead = leadOf(facts)
  return {
    from: { name: oneLine(profile.senderDisplayName), address: profile.senderEmailAddress },
    to: [errorEmailAddress],
    subject: shorten(prefix === '' ? lead : `${prefix} ${lead}`, LONGEST_SUBJECT),
    text: toText(blocks),
    html: toHtml(blocks),
    messageId: `<postern-report.${id}@${domainOf(profile.senderEmailAddress)}>`,
    headers: {
      // RFC 3834 §5: no vacation replies to a machine; the second is Exchange's own word for it ([MS-OXCMAIL] §2.1.3.2.20).
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
    date: now,
  }
}

function leadOf({ profile, told, count, hasMore }: DigestFacts): string {
  const only = count === 1 && !hasMore ? told[0] : undefined
  const through = `through profile “${profile.id}”`
  if (only === undefined) {
    return `${hasMore ? 'More than ' : ''}${count} messages ${through} could not be delivered`
  }
  const whom = only.deliveredCount > 0 ? ' to all of its recipients' : ''
  return `A message ${through} could not be delivered${whom}`
}

function blocksOf(facts: DigestFacts): readonly Block[] {
  const { told, version, profile, publicUrl } = facts
  const url = publicUrl === null ? '' : publicUrl.replace(/\/+$/, '')
  return [
    { style: 'lead', lines: [`${leadOf(facts)}.`] },
    {
      style: 'text',
      lines: [
        'Postern has accepted what follows and does not try it again by itself.',
        `When the cause is repaired, POST ${url}/api/v1/messages/{id}/retry sends a message to those who did not get it, as long as its content is kept.`,
      ],
    },
    ...told.flatMap((detail, index) => entryBlocks(facts, detail, index)),
    ...restBlocks(facts, told.length, url),
    {
      style: 'text',
      lines: [`Sent by Postern ${version} through the profile ${profile.id}.`],
    },
  ]
}

function entryBlocks(facts: DigestFacts, detail: FailedMessage, index: number): readonly Block[] {
  const { publicUrl, count, context } = facts
  const { message, recipients, failedCount, deliveredCount } = detail
  const untold = failedCount - recipients.length
  const url = publicUrl === null ? undefined : publicUrl.replace(/\/+$/, '')
  const rows: [string, string][] = [
    ['Message', `${index + 1} of ${count}`],
    ...messageRows(detail),
    ['Handed in by', clientWords(message.client)],
    ['Failed', message.finishedAt === null ? 'unknown' : utc(message.finishedAt)],
    ['Tries', String(message.attempts)],
    ['Id', message.id],
  ]
  if (deliveredCount > 0) {
    rows.push(['Delivered to', `${deliveredCount} of ${message.recipientCount} recipients`])
  }
  if (url !== undefined) rows.push(['Details', `${url}/api/v1/messages/${message.id}`])
  return [
    { style: 'facts', rows },
    ...failedGroups(detail, context).flatMap((group): readonly Block[] => [
      { style: 'facts', rows: [['Not delivered to', addressList(group.recipients)]] },
      ...groupBlocks(group),
    ]),
    ...(untold <= 0 ? [] : [{ style: 'text', lines: [furtherLine(untold)] } as const]),
  ]
}

function furtherLine(count: number): string {
  return count === 1
    ? 'It was not delivered to 1 further recipient, whom the message names.'
    : `It was not delivered to ${count} further recipients, whom the message names.`
}

function restBlocks(facts: DigestFacts, told: number, url: string): readonly Block[] {
  const { count, hasMore, profile } = facts
  const rest = count - told
  const lines: string[] = []
  if (rest > 0) {
    const them = rest === 1 ? 'message' : 'messages'
    const query = `profile=${encodeURIComponent(profile.id)}&state=failed`
    lines.push(`${rest} further ${them} failed: GET ${url}/api/v1/messages?${query} lists them.`)
  }
  if (hasMore) lines.push('Still more of them are told in the next report.')
  return lines.length === 0 ? [] : [{ style: 'text', lines }]
}

/** `relay:printer` in plain words. */
export function clientWords(client: string): string {
  const colon = client.indexOf(':')
  const [kind, name] = colon < 0 ? [client, ''] : [client.slice(0, colon), client.slice(colon + 1)]
  switch (kind) {
    case 'token':
      return `the API, with the token ${name}`
    case 'relay':
      return `the SMTP relay, client ${name}`
    case 'sendmail':
      return `the sendmail command, user ${name}`
    case 'postern':
      return 'Postern itself'
    default:
      return client
  }
}
