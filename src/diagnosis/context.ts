/** The operator's own values, for filling remedies and commands. Unknown ones are null. */
export interface DiagnosisContext {
  readonly profileId: string
  readonly authenticationType: 'none' | 'basic' | 'exchangeOnline'
  readonly cloud: string | null
  /** Authority host with scheme, no tenant: https://login.microsoftonline.com */
  readonly authority: string | null
  readonly tenantId: string | null
  readonly clientId: string | null
  /** Object ID of the enterprise application: claim `oid` of the last token. */
  readonly servicePrincipalObjectId: string | null
  /** The mailbox that logs in. */
  readonly mailbox: string
  readonly senderEmailAddress: string
  readonly smtpHost: string
  readonly smtpPort: number
  /** The admin says that Exchange's application RBAC grants the right, so the token has no role. */
  readonly applicationRbac: boolean
  /** When the credential or its settings last changed, epoch ms; a fresh change may still be spreading. */
  readonly changedAt: number | null
  /** When the very step that now fails last succeeded with these same settings, epoch ms; null: never, or not known. */
  readonly workedUntil: number | null
  /** The stored client secret has the form of a Secret ID. */
  readonly secretLooksLikeId: boolean
  /** What Graph says about the application; absent when it was not asked. */
  readonly graph?: GraphEvidence
  readonly now: number
}

/** What Graph tells about an application. */
export interface GraphEvidence {
  /** Object ID of the app registration, which many take for that of the enterprise application. */
  readonly registrationObjectId: string
  /**
   * listed: the application lists a secret that begins like the stored one; hintMismatch: none begins so;
   * missing: the secret, known by its key ID, is not listed any more. Absent: it is not known.
   */
  readonly storedSecret?: 'listed' | 'hintMismatch' | 'missing'
}
