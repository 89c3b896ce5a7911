import type { Diagnosis } from '../diagnosis/index.ts'

/** A credential of a profile as the expiry watch sees it. */
export interface CredentialExpiry {
  readonly profileId: string
  readonly credentialId: string
  readonly expiresAt: number
  /** Whole days left, counted in UTC calendar days: 0 on the last day, negative after the end. */
  readonly daysLeft: number
}

export interface ExpiryWatch extends AsyncDisposable {
  /** Looks at every credential and publishes what is due; runs at start, at changes and every hour after start(). */
  scan(): Promise<void>
  start(): void
}

export interface CredentialEvents {
  /** A threshold (30, 14, 7, 3, 1 days) was crossed; published once per credential and threshold. */
  'credential.expiring': CredentialExpiry & { readonly thresholdDays: number }
  /** The end has come: by the date, or proven by Entra (AADSTS7000222). */
  'credential.expired': CredentialExpiry & { readonly proven: boolean }
  /** A new credential has proven that it works and is in use. */
  'credential.activated': { readonly profileId: string; readonly credentialId: string }
  /** A new credential does not work and was removed; the former one stays in use. */
  'credential.refused': {
    readonly profileId: string
    readonly credentialId: string
    readonly diagnosis: Diagnosis
  }
  /** The credential could not be renewed without a person; it is tried again a day later at the earliest. */
  'credential.renewal_failed': {
    readonly profileId: string
    /** What happened and what to do, in sentences. */
    readonly detail: string
    readonly diagnosis: Diagnosis | null
  }
  /** A new secret, or a later date, ended what was announced. */
  'credential.renewed': { readonly profileId: string; readonly credentialId: string | null }
}
