import { describe, expect, it } from 'vitest'
import { diagnose, type EntraFailure, type SmtpReplyFailure } from '../../../src/diagnosis/index.ts'
import { contextWith, SUFFIX, smtp } from './samples.ts'
import { ENTRA_SAMPLES } from './samples-entra.ts'
import { SMTP_SAMPLES } from './samples-smtp.ts'
import { SMTP_AUTH_SAMPLES } from './samples-smtp-auth.ts'

/** Every known answer again in the other forms in which the same answer comes over the wire. */

interface Answered<Kind> {
  readonly failure: Kind
  readonly code: string
  readonly context: Parameters<typeof contextWith>[0]
}

const SMTP: readonly Answered<SmtpReplyFailure>[] = [...SMTP_SAMPLES, ...SMTP_AUTH_SAMPLES].flatMap(
  ({ failure, code, context = {} }) =>
    failure.source === 'smtp' ? [{ failure, code, context }] : [],
)
const ENTRA: readonly Answered<EntraFailure>[] = ENTRA_SAMPLES.flatMap(
  ({ failure, code, context = {} }) =>
    failure.source === 'entra' ? [{ failure, code, context }] : [],
)

/** The reply on two lines, broken at a blank in its middle (RFC 5321 §4.2.1: the code stands before each). */
function folded({ text }: SmtpReplyFailure, end: string): string {
  if (/[\r\n]/.test(text)) return text
  const [code = '', ...words] = text.split(' ')
  if (words.length < 4) return text
  const middle = Math.ceil(words.length / 2)
  const enhanced = /^\d\.\d+\.\d+$/.test(words[0] ?? '') ? ` ${words[0]}` : ''
  const head = words.slice(0, middle).join(' ')
  return `${code}-${head}${end}${code}${enhanced} ${words.slice(middle).join(' ')}`
}

const SMTP_FORMS: readonly [string, (failure: SmtpReplyFailure) => string][] = [
  ['a line end behind it', ({ text }) => `${text}\r\n`],
  [
    'doubled blanks',
    ({ text }) => text.replace(/^(\d{3}.\d\.\d+\.\d+|\d{3})/, '$1 ').replaceAll(', ', ',  '),
  ],
  ['two lines with CR LF', (failure) => folded(failure, '\r\n')],
  ['two lines with LF', (failure) => folded(failure, '\n')],
  ['lower case', ({ text }) => text.toLowerCase()],
]

describe.each(SMTP_FORMS)('a reply with %s', (_, change) => {
  it.each(SMTP)('is still $code ($failure.text)', ({ failure, code, context }) => {
    const text = change(failure)
    expect(diagnose({ ...failure, text }, contextWith(context)).code).toBe(code)
  })
})

describe('a refused login that comes back at MAIL FROM inside 530 5.7.57', () => {
  const refusals = SMTP.filter(({ failure }) => failure.code === 535)
  it('is looked at for every refusal', () => expect(refusals.length).toBeGreaterThan(10))

  it.each(refusals)('is still $code ($failure.text)', ({ failure, code, context }) => {
    const text = `530 5.7.57 Client not authenticated to send mail. Error: ${failure.text}`
    expect(diagnose(smtp(text, 'mail'), contextWith(context)).code).toBe(code)
    const lines = `530-5.7.57 Client not authenticated to send mail.\r\n530 5.7.57 Error: ${failure.text} ${SUFFIX}`
    expect(diagnose(smtp(lines, 'mail'), contextWith(context)).code).toBe(code)
  })
})

describe.each([
  ['CR LF', '\r\n'],
  ['LF', '\n'],
  ['blanks', ' '],
])('an error description with %s between its parts', (_, separator) => {
  it.each(ENTRA)('is still $code ($failure.codes)', ({ failure, code, context }) => {
    const description = failure.description.replace(/\r?\n/g, separator)
    // As a caller hands it over that got no numbers from its library, too.
    const codes = /AADSTS\d/.test(description) ? [] : failure.codes
    const seen = diagnose({ ...failure, description, codes }, contextWith(context))
    expect(seen.code).toBe(code)
    expect(seen.answer.traceId).toBe(diagnose(failure, contextWith(context)).answer.traceId)
  })
})
