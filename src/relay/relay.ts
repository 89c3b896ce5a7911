/** The SMTP listener for applications and devices. */
export interface Relay extends AsyncDisposable {
  /**
   * Opens it, where it can be opened now; never fails. Otherwise `problem` says why, and it opens by itself as soon as
   * that is mended.
   */
  start(): Promise<void>
  /** Where it listens; null: nowhere. */
  address(): { readonly host: string; readonly port: number } | null
  /** What an operator must do, in one sentence; null: nothing. */
  problem(): string | null
}

export interface RelayConfig {
  readonly host: string
  /** null: off; 0: a free one. */
  readonly port: number | null
  /** PEM files of the operator; undefined: one is made and kept. */
  readonly certificateFiles: { readonly certificate: string; readonly key: string } | undefined
  readonly maxMessageBytes: number
}
