import type { MessageDetail, StoredRecipient } from '../message.ts'
import type { MessageHead } from './message-head.ts'

/** Those whose failure the sender wants to know (RFC 3461 §4.1: without NOTIFY, failures are told). */
export function recipientsToTell({ recipients }: MessageDetail): readonly StoredRecipient[] {
  return recipients.filter(({ state, notify }) => {
    if (state !== 'failed') return false
    return notify === null || /(^|,)\s*FAILURE\s*(,|$)/i.test(notify)
  })
}

/**
 * Why nobody gets a delivery status notification about this message; undefined when somebody does. What a machine
 * answered or reported must not be answered again: two of them would go on for ever (RFC 3464 §2, RFC 3834 §2). Mail
 * that a program wrote of its own accord (auto-generated, RFC 3834 §5), such as of cron, is no answer: a notification has
 * a null sender, so nothing answers it, and whoever runs the program must learn that the mail did not arrive.
 * `head`: null when the message is not kept any more.
 */
export function reasonForSilence(
  detail: MessageDetail,
  head: MessageHead | null,
): string | undefined {
  const { source, envelope, bounceTo } = detail.message
  if (bounceTo === null || bounceTo === '') return 'nobody is to get it'
  if (envelope.sender === '') return 'the message has a null sender: it is a bounce itself'
  if (source === 'bounce' || source === 'report') return 'the message is a notification itself'
  if (recipientsToTell(detail).length === 0) return 'NOTIFY does not ask for it'
  if (head === null) return undefined
  const submitted = firstWord(head.valuesOf('auto-submitted')[0])
  if (submitted !== undefined && ANSWERS.includes(submitted))
    return `Auto-Submitted is ${submitted}`
  const precedence = firstWord(head.valuesOf('precedence')[0])
  if (precedence !== undefined && BULK.includes(precedence)) return `Precedence is ${precedence}`
  const type = firstWord(head.valuesOf('content-type')[0])
  if (type === 'multipart/report') return 'the message is a report itself'
  return undefined
}

/** RFC 3834 §5, RFC 5436 §2.7.1. */
const ANSWERS = ['auto-replied', 'auto-notified']
const BULK = ['bulk', 'list', 'junk']

/** `auto-replied` of `Auto-Replied; owner-email=…`. */
function firstWord(value: string | undefined): string | undefined {
  const word = value?.split(/[;\s(]/, 1)[0]?.toLowerCase()
  return word === '' ? undefined : word
}
