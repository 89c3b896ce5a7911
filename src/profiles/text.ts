import type { Findings } from './findings.ts'

/** C0 and C1 controls with CR, LF, TAB, NUL and DEL, and the line separators of Unicode. */
const FORBIDDEN = /[\p{Cc}\u2028\u2029]/u

export interface TextRule {
  readonly field: string
  /** As the page names the field: it opens the sentence. */
  readonly label: string
  readonly maxLength: number
  /** White space around it is not meant; off where it is, as in a subject prefix. */
  readonly trim?: boolean
}

/** One line of text without control characters, or undefined after telling the problem. Blank text is returned as ''. */
export function readText(value: unknown, rule: TextRule, findings: Findings): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = (rule.trim ?? true) ? value.trim() : value
  if (!isOneLine(text)) {
    findings.problem(
      rule.field,
      `${rule.label} contains a line break or another control character: enter it on one line.`,
    )
    return undefined
  }
  if (text.length > rule.maxLength) {
    findings.problem(
      rule.field,
      `${rule.label} has ${text.length} characters: shorten it to at most ${rule.maxLength}.`,
    )
    return undefined
  }
  return text
}

/** Without control characters, and whole Unicode (no half of a surrogate pair). */
export function isOneLine(text: string): boolean {
  return !FORBIDDEN.test(text) && text.isWellFormed()
}
