/**
 * What the outside world, or a stored setting, answered instead of success: the raw facts, unjudged.
 * entra/ and smtp/ report these; diagnose() says what they mean.
 */
export type Failure =
  | SettingsFailure
  | TransportFailure
  | EntraFailure
  | ClaimsFailure
  | SmtpReplyFailure
  | SmtpOfferFailure
  | GraphFailure

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: Failure }

/** The stored settings themselves cannot work. */
export interface SettingsFailure {
  readonly source: 'settings'
  readonly problem: 'incomplete' | 'secret_unreadable' | 'credential_ended'
  /** What is missing, or when the credential ended (ISO day). */
  readonly detail: string
}

/** No protocol answer came: name resolution, connection, TLS, time-out, broken connection, unreadable answer. */
export interface TransportFailure {
  readonly source: 'transport'
  readonly peer: 'entra' | 'smtp' | 'graph'
  readonly phase:
    | 'dns'
    | 'proxy'
    | 'connect'
    | 'tls'
    | 'timeout'
    | 'closed'
    | 'protocol'
    | 'redirect'
  /** The step of the peer's dialogue that was under way: `token`, `greeting`, `auth`, … */
  readonly step: string
  readonly host: string
  readonly port: number
  /** System or library code, such as ENOTFOUND or CERT_HAS_EXPIRED. */
  readonly code: string | null
  readonly message: string
  readonly certificate?: CertificateFacts
}

export interface CertificateFacts {
  readonly subject: string
  readonly names: readonly string[]
  readonly issuer: string
  /** ISO instants. */
  readonly validFrom: string
  readonly validTo: string
}

/** An error answer of the token endpoint. */
export interface EntraFailure {
  readonly source: 'entra'
  /** HTTP status; 0 when the library hid it. */
  readonly status: number
  readonly error: string
  /** AADSTS numbers, the main one first. */
  readonly codes: readonly number[]
  /** The whole description, secrets removed. */
  readonly description: string
  readonly traceId: string | null
  readonly correlationId: string | null
  readonly timestamp: string | null
  /** Ids of Conditional Access policies that the answer names. */
  readonly policyIds: readonly string[]
  readonly retryAfterMs: number | null
}

/** A token came, but its claims cannot pass Exchange Online's checks. */
export interface ClaimsFailure {
  readonly source: 'claims'
  readonly problem:
    | 'audience'
    | 'role_missing'
    | 'delegated'
    | 'other_application'
    | 'expired'
    | 'unreadable'
  readonly detail: string
}

export type SmtpStep =
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'message' // end of DATA
  | 'quit'

/** A negative reply of the SMTP server. */
export interface SmtpReplyFailure {
  readonly source: 'smtp'
  readonly step: SmtpStep
  readonly host: string
  readonly code: number
  /** RFC 3463 enhanced status code, such as 5.7.3. */
  readonly enhancedCode: string | null
  /** The whole reply as received, lines joined by \n. */
  readonly text: string
}

/** The server does not offer what the settings need. */
export interface SmtpOfferFailure {
  readonly source: 'smtp_offer'
  readonly problem: 'no_starttls' | 'no_auth_mechanism'
  readonly host: string
  readonly offered: readonly string[]
  readonly wanted: string
}

/** An error answer of Microsoft Graph. */
export interface GraphFailure {
  readonly source: 'graph'
  /** What was asked for, in plain words: `read the application’s credentials`. */
  readonly operation: string
  /** HTTP status. */
  readonly status: number
  /** Graph's `error.code`, such as Authorization_RequestDenied; empty when the answer has none. */
  readonly code: string
  readonly message: string
  /** Header `request-id`, for Microsoft's support. */
  readonly requestId: string | null
  readonly retryAfterMs: number | null
}
