/** What `sandbox --json` prints when it is ready; other programs rely on these names. */
export interface SandboxFacts {
  readonly url: string
  readonly adminToken: string | null
  readonly controlUrl: string
  readonly smtp: { readonly host: string; readonly port: number }
  readonly authority: string
  readonly graphUrl: string
  readonly caFile: string
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly mailbox: string
  /** null: it is switched off, or could not be opened. */
  readonly relay: RelayFacts | null
}

export interface RelayFacts {
  readonly host: string
  readonly port: number
}
