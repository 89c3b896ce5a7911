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
  readonly now: number
}
