/** Who or what changes something; goes into the audit record. */
export interface Actor {
  readonly type: 'token' | 'settingsFile' | 'cli' | 'agent'
  /** Token id; null for the others. */
  readonly id: string | null
  readonly name: string
  /** Remote address, when there is one. */
  readonly address: string | null
}
