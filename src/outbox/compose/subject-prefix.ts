import { encodeText, readable } from './encoded-words.ts'

/** RFC 5322 §2.1.1. */
const LONGEST_LINE = 998

/**
 * The value of a Subject field with the prefix in front; undefined: it has it already. Nothing else of it is changed.
 * `value`: as it stands there, folds included, in Latin-1; undefined: there is no such field. Gives the same form.
 */
export function prefixedSubject(value: string | undefined, prefix: string): string | undefined {
  if (value === undefined) return ` ${encodeText(prefix.trim())}`
  const unfolded = value.replace(/\r\n(?=[ \t])/g, '').trim()
  if (readable(asUtf8(unfolded)).startsWith(prefix.trim())) return undefined
  return ` ${joined(prefix, value.replace(/^[ \t]+/, ''))}`
}

/** An encoded word stands alone (RFC 2047 §5), and white space between two of them is not shown (§6.2). */
function joined(prefix: string, rest: string): string {
  const isEncoded = rest.startsWith('=?')
  const isPlain = encodeText(prefix) === prefix
  const shown = isPlain || isEncoded ? prefix : prefix.trimEnd()
  const front = encodeText(shown)
  const firstLine = rest.split('\r\n', 1)[0] ?? ''
  if (front.length + firstLine.length > LONGEST_LINE - 'Subject:  '.length) {
    return `${front.trimEnd()}\r\n ${rest}`
  }
  const gap = isPlain && !(isEncoded && !prefix.endsWith(' ')) ? '' : ' '
  return `${front}${gap}${rest}`
}

/** RFC 6532; else it is left as Latin-1. */
function asUtf8(text: string): string {
  const utf8 = Buffer.from(text, 'latin1').toString('utf8')
  return utf8.includes('\ufffd') ? text : utf8
}
