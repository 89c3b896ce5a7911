import type { Command, Responsible, RetryClass } from './api.ts'
import type { DiagnosisContext, GraphEvidence } from './context.ts'
import type {
  ClaimsFailure,
  SettingsFailure,
  SmtpOfferFailure,
  SmtpStep,
  TransportFailure,
} from './failure.ts'
import type { GuideStep } from './guide-steps.ts'

/**
 * One entry of the catalogue: data alone. `summary`, `causes`, `note`, `remedy` and `commands` are templates with the
 * placeholders of placeholders.ts. In a command a placeholder stands for a whole quoted argument, so it never
 * stands inside quotes of the template.
 */
export interface Row {
  /** Number of the catalogue row; null for what only Postern itself meets. */
  readonly row: number | null
  readonly code: string
  /** Any of these makes the row fit. */
  readonly match: readonly Match[]
  readonly summary: string
  /** In the order of probability, a whole sentence each; none where the answer is not known. */
  readonly causes: readonly string[]
  /** What is known beside the causes: how long it takes, the detail of the answer. */
  readonly note?: string
  readonly responsible: Responsible
  readonly remedy: string
  readonly commands: readonly Command[]
  readonly retry: RetryClass
  /** How long Microsoft needs to spread a change; so long after one, the retry class is `propagation`. */
  readonly propagationMinutes?: number
  /** The wait when the answer itself names none. */
  readonly retryAfterMs?: number
  readonly guideStep: GuideStep | null
  /** What evidence beside the answer makes of it; the first that fits replaces the words above. */
  readonly variants?: readonly Variant[]
}

/** The same answer seen with more evidence: other causes come first, and sometimes another remedy. */
export interface Variant {
  readonly when: Evidence
  readonly summary?: string
  readonly causes: readonly string[]
  readonly responsible?: Responsible
  readonly remedy?: string
  readonly commands?: readonly Command[]
  readonly guideStep?: GuideStep
}

/** Every member that is present must hold. */
export interface Evidence {
  /** This very step worked before with the same settings. */
  readonly workedBefore?: boolean
  readonly secretLooksLikeId?: true
  readonly storedSecret?: NonNullable<GraphEvidence['storedSecret']>
  /** Graph has told the Object ID of the app registration. */
  readonly registrationKnown?: true
}

/** Every member that is present must fit; a list fits when one of its entries does. */
export type Match =
  | SettingsMatch
  | TransportMatch
  | EntraMatch
  | ClaimsMatch
  | SmtpMatch
  | SmtpOfferMatch
  | GraphMatch

export interface SettingsMatch {
  readonly source: 'settings'
  readonly problems: readonly SettingsFailure['problem'][]
}

export interface TransportMatch {
  readonly source: 'transport'
  readonly peers?: readonly TransportFailure['peer'][]
  readonly phases?: readonly TransportFailure['phase'][]
  readonly steps?: readonly string[]
  readonly codes?: readonly string[]
  readonly fragments?: readonly string[]
  /** The certificate looks like one that a TLS inspection made. */
  readonly inspected?: true
  readonly given?: Given
}

export interface EntraMatch {
  readonly source: 'entra'
  /** AADSTS numbers. */
  readonly codes?: readonly number[]
  /** HTTP statuses, first and last. */
  readonly status?: readonly [number, number]
  /** OAuth error names. */
  readonly errors?: readonly string[]
  readonly fragments?: readonly string[]
  /** The answer has no AADSTS number at all. */
  readonly withoutCode?: true
}

export interface ClaimsMatch {
  readonly source: 'claims'
  readonly problems: readonly ClaimsFailure['problem'][]
}

export interface SmtpMatch {
  readonly source: 'smtp'
  /** Reply codes, first and last. */
  readonly codes?: readonly [number, number]
  /** Enhanced codes; `5.7.606-649` is a range, null a reply without one. */
  readonly enhanced?: readonly (string | null)[]
  readonly steps?: readonly SmtpStep[]
  /** Pieces of the reply; case and the kind of white space do not count. */
  readonly fragments?: readonly string[]
  readonly given?: Given
}

export interface SmtpOfferMatch {
  readonly source: 'smtp_offer'
  readonly problems: readonly SmtpOfferFailure['problem'][]
  readonly given?: Given
}

export interface GraphMatch {
  readonly source: 'graph'
  /** HTTP statuses, first and last. */
  readonly status?: readonly [number, number]
  /** Graph's error codes. */
  readonly codes?: readonly string[]
  /** Pieces of code and message. */
  readonly fragments?: readonly string[]
}

/** What must be so in the operator's settings. */
export interface Given {
  readonly authentication?: readonly DiagnosisContext['authenticationType'][]
  readonly port?: number
  /** The server's name belongs to Exchange Online. */
  readonly exchangeOnline?: boolean
  readonly applicationRbac?: boolean
}
