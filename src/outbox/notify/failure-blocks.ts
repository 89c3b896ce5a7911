import { RESPONSIBLE_NAMES } from '../../diagnosis/index.ts'
import { toIso } from '../../platform/clock.ts'
import { type Block, linesOf, oneLine, shorten } from '../../smtp/index.ts'
import type { MessageDetail } from '../message.ts'
import type { FailedGroup } from './explain.ts'

const LONGEST_ANSWER = 4_000
const MOST_ADDRESSES = 10

/** What the server said and what that means, in the words of the API. */
export function groupBlocks(group: FailedGroup): readonly Block[] {
  const { reply, diagnosis } = group
  const host = diagnosis?.answer.server ?? null
  const blocks: Block[] = []
  if (reply !== null) {
    const from = host === null ? ' of the server' : ` of ${oneLine(host)}`
    const lines = linesOf([shorten(reply, LONGEST_ANSWER)])
    blocks.push({ style: 'code', title: `The answer${from}, word for word`, lines })
  }
  if (diagnosis === null) return blocks
  return [
    ...blocks,
    { style: 'text', title: 'What happened', lines: linesOf([diagnosis.summary]) },
    { style: 'text', title: 'Cause', lines: linesOf([diagnosis.cause]) },
    { style: 'text', title: 'Who must act', lines: [RESPONSIBLE_NAMES[diagnosis.responsible]] },
    { style: 'text', title: 'What to do', lines: linesOf([diagnosis.remedy]) },
  ]
}

/** Which message it is. */
export function messageRows({ message }: MessageDetail): [string, string][] {
  return [
    ['Subject', message.subject ?? '(none)'],
    ['From', message.headerFrom ?? (message.envelope.sender || '(none)')],
    ['Message-ID', message.messageId ?? '(none)'],
    ['Accepted', utc(message.acceptedAt)],
  ]
}

/** `a@x, b@x and 498 more` */
export function addressList(recipients: readonly { readonly address: string }[]): string {
  const shown = recipients.slice(0, MOST_ADDRESSES).map(({ address }) => oneLine(address))
  const rest = recipients.length - shown.length
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`
}

/** `2026-11-23 10:42 UTC` */
export function utc(at: number): string {
  return `${toIso(at).slice(0, 16).replace('T', ' ')} UTC`
}

/** The domain of an address for a Message-ID, whatever stands in the address. */
export function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  const isPlain = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(domain)
  return isPlain ? domain : 'postern.invalid'
}
