import type { Findings } from '../../profiles/index.ts'
import { MOST_HEADERS } from '../api.ts'
import { isOneLine } from './addresses.ts'

/** Fields that an application may set. Everything that names people or tells the way of a message is left out. */
const ALLOWED = new Set([
  'in-reply-to',
  'references',
  'message-id',
  'auto-submitted',
  'precedence',
  'importance',
  'priority',
  'sensitivity',
  'keywords',
  'comments',
  'organization',
  'feedback-id',
  'thread-topic',
  'thread-index',
  'disposition-notification-to',
])
const ALLOWED_PREFIXES = ['x-', 'list-']
/** RFC 5322 §2.1.1: a line has at most 998 characters, and it can only be folded at white space. */
const LONGEST_WORD = 900
const LONGEST_VALUE = 8000
/** RFC 5322 §3.6.8: printable ASCII without the colon. */
const NAME = /^[\x21-\x39\x3b-\x7e]{1,100}$/
/** RFC 5322 §3.6.4, without the obsolete forms. */
const MESSAGE_ID = /^<[^\s<>@"(),:;[\]\\]+@[^\s<>@"(),:;\\]+>$/

export interface ExtraFields {
  readonly fields: readonly { readonly key: string; readonly value: string }[]
  /** Of a Message-ID field. */
  readonly messageId: string | undefined
}

/** The further header fields of a message, or what is wrong with them. */
export function readExtraFields(headers: object | undefined, findings: Findings): ExtraFields {
  const given: [string, unknown][] = Object.entries(headers ?? {})
  if (given.length > MOST_HEADERS) {
    findings.problem('headers', `headers has more than ${MOST_HEADERS} fields: send fewer.`)
    return { fields: [], messageId: undefined }
  }
  const fields: { key: string; value: string }[] = []
  let messageId: string | undefined
  for (const [name, value] of given) {
    const field = `headers.${nameShown(name)}`
    const text = readField(name, value, { field, findings })
    if (text === undefined) continue
    if (name.toLowerCase() !== 'message-id') fields.push({ key: name, value: text })
    else if (messageId === undefined && isMessageId(text)) messageId = text
    else {
      findings.problem(field, `${field} must be one id in angle brackets, such as <1@example.com>.`)
    }
  }
  return { fields, messageId }
}

function isMessageId(text: string): boolean {
  return MESSAGE_ID.test(text) && isPrintable(text) && text.length <= LONGEST_WORD
}

function readField(
  name: string,
  value: unknown,
  { field, findings }: { field: string; findings: Findings },
): string | undefined {
  const wrong = (message: string) => {
    findings.problem(field, message)
    return undefined
  }
  const key = name.toLowerCase()
  const allowed = ALLOWED.has(key) || ALLOWED_PREFIXES.some((prefix) => key.startsWith(prefix))
  if (!allowed || !NAME.test(name)) {
    return wrong(
      `${field} cannot be set here: allowed are X-…, List-… and ${[...ALLOWED].join(', ')}.`,
    )
  }
  if (typeof value !== 'string') return wrong(`${field} must be a text.`)
  if (!isOneLine(value)) {
    return wrong(`${field} has a line break or another control character: write it on one line.`)
  }
  if (value.trim() === '') return wrong(`${field} is empty: leave it out.`)
  if (value.length > LONGEST_VALUE || value.split(/\s/).some((w) => w.length > LONGEST_WORD)) {
    return wrong(
      `${field} is too long: at most ${LONGEST_VALUE} characters, in words of at most ${LONGEST_WORD}.`,
    )
  }
  // Structured fields: an encoded word in them would be taken literally (RFC 2047 §5).
  if (!key.startsWith('x-') && !UNSTRUCTURED.has(key) && !isPrintable(value)) {
    return wrong(`${field} can hold ASCII characters only.`)
  }
  return value.trim()
}

const UNSTRUCTURED = new Set(['comments', 'organization', 'keywords', 'thread-topic'])

function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}

/** A key that the peer made up: shortened, and without anything that could break a line. */
function nameShown(name: string): string {
  return name.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 60)
}
