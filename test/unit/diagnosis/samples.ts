import type {
  ClaimsFailure,
  Diagnosis,
  DiagnosisContext,
  EntraFailure,
  Failure,
  GraphFailure,
  SettingsFailure,
  SmtpOfferFailure,
  SmtpReplyFailure,
  SmtpStep,
  TransportFailure,
} from '../../../src/diagnosis/index.ts'

export const NOW = globalThis.Date.parse('2026-11-23T10:00:00Z')
export const CLIENT_ID = '6731de76-14a6-49ae-97bc-6eba6914391e'
export const OBJECT_ID = 'a1b2c3d4-0000-4000-8000-00000000beef'
export const TRACE_ID = '11111111-2222-4333-8444-555555555555'
export const CORRELATION_ID = '99999999-8888-4777-8666-555555555555'

export function contextWith(changes: Partial<DiagnosisContext> = {}): DiagnosisContext {
  return {
    profileId: 'default',
    authenticationType: 'exchangeOnline',
    cloud: 'worldwide',
    authority: 'https://login.microsoftonline.com',
    tenantId: 'contoso.onmicrosoft.com',
    clientId: CLIENT_ID,
    servicePrincipalObjectId: OBJECT_ID,
    mailbox: 'alerts@contoso.com',
    senderEmailAddress: 'alerts@contoso.com',
    smtpHost: 'smtp.office365.com',
    smtpPort: 587,
    applicationRbac: false,
    changedAt: null,
    workedUntil: null,
    secretLooksLikeId: false,
    now: NOW,
    ...changes,
  }
}

export const settings = (
  problem: SettingsFailure['problem'],
  detail = 'Client ID',
): SettingsFailure => ({ source: 'settings', problem, detail })

export const claims = (problem: ClaimsFailure['problem'], detail = 'seen'): ClaimsFailure => ({
  source: 'claims',
  problem,
  detail,
})

export function transport(
  peer: TransportFailure['peer'],
  phase: TransportFailure['phase'],
  changes: Partial<TransportFailure> = {},
): TransportFailure {
  return {
    source: 'transport',
    peer,
    phase,
    step: peer === 'smtp' ? 'connect' : 'token',
    host: peer === 'smtp' ? 'smtp.office365.com' : 'login.microsoftonline.com',
    port: peer === 'smtp' ? 587 : 443,
    code: null,
    message: 'it failed',
    ...changes,
  }
}

/** Entra's text with the trailer that it has, in either of its two separators. */
export function entraText(code: number, text: string, separator = '\r\n'): string {
  return [
    `AADSTS${code}: ${text}`,
    `Trace ID: ${TRACE_ID}`,
    `Correlation ID: ${CORRELATION_ID}`,
    'Timestamp: 2026-01-31 10:11:12Z',
  ].join(separator)
}

export function entra(
  code: number | null,
  text: string,
  changes: Partial<EntraFailure> = {},
): EntraFailure {
  return {
    source: 'entra',
    status: 400,
    error: 'invalid_request',
    codes: code === null ? [] : [code],
    description: code === null ? text : entraText(code, text),
    traceId: null,
    correlationId: null,
    timestamp: null,
    policyIds: [],
    retryAfterMs: null,
    ...changes,
  }
}

/** A reply as it comes over the wire; code and enhanced code are read from it. */
export function smtp(text: string, step: SmtpStep = 'auth'): SmtpReplyFailure {
  return {
    source: 'smtp',
    step,
    host: 'smtp.office365.com',
    code: Number(text.slice(0, 3)),
    enhancedCode: /^\d{3}[ -](\d\.\d+\.\d+)/.exec(text)?.[1] ?? null,
    text,
  }
}

export const offer = (
  problem: SmtpOfferFailure['problem'],
  host = 'smtp.office365.com',
): SmtpOfferFailure => ({
  source: 'smtp_offer',
  problem,
  host,
  offered: ['LOGIN', 'PLAIN'],
  wanted: 'XOAUTH2',
})

export function graph(
  status: number,
  code: string,
  message: string,
  changes: Partial<GraphFailure> = {},
): GraphFailure {
  return {
    source: 'graph',
    operation: 'read the application’s credentials',
    status,
    code,
    message,
    requestId: TRACE_ID,
    retryAfterMs: null,
    ...changes,
  }
}

export const SUFFIX =
  '[VI1PR0902CA0036.eurprd09.prod.outlook.com 2024-03-20T10:27:56.998Z 08DC48BEE95C08E5]'

/** A raw answer and what must be said about it. */
export interface Sample {
  readonly failure: Failure
  readonly code: string
  readonly row: number | null
  readonly retry: Diagnosis['retry']
  readonly responsible: Diagnosis['responsible']
  /** Words that the commands must hold, in this order. */
  readonly commands?: readonly string[]
  /** Words that cause, summary or remedy must hold. */
  readonly says?: readonly string[]
  readonly context?: Partial<DiagnosisContext>
}
