import type { DiagnosisContext } from './context.ts'
import type { Failure } from './failure.ts'
import { isExchangeOnlineHost } from './microsoft-hosts.ts'
import { minuteOf } from './placeholders.ts'

/** One text of the causes; more than one are numbered, for they exclude each other. */
export function causeText(causes: readonly string[]): string {
  if (causes.length < 2) return causes.join('')
  return causes.map((text, index) => `(${index + 1}) ${text}`).join(' ')
}

/** What once worked with the same settings was not mistyped. */
export function workedSentence(failure: Failure, context: DiagnosisContext): string {
  const { authenticationType, workedUntil } = context
  if (workedUntil === null) return ''
  const isMicrosoft =
    authenticationType === 'exchangeOnline' ||
    (failure.source === 'smtp' && isExchangeOnlineHost(failure.host))
  const side = isMicrosoft ? 'Microsoft’s' : 'the server’s'
  return `It worked until ${minuteOf(workedUntil)}, since then it is refused: this is a change on ${side} side, not a typing error.`
}
