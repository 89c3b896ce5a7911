import type { SyncChanges, SyncRun, SyncStatus } from './api.ts'

export interface Provisioning extends AsyncDisposable {
  /** Takes the file over once, then watches it. Never fails because of the file. */
  start(): Promise<void>
  /** Takes the file over now. */
  sync(): Promise<SyncRun | undefined>
  /** What sync would do now, without doing it; undefined when no file is configured. */
  plan(): Promise<SyncPlan | undefined>
  /** From memory: why the file was refused last; empty when it is in force. */
  status(): { readonly problems: readonly string[] }
  /** For `GET sync`: reads the file to tell the drift. */
  report(): Promise<SyncStatus>
}

export interface SyncPlan {
  readonly file: string
  readonly hash: string | null
  /** `file:line:column: sentence`; when there is one, `changes` is null and nothing would be applied. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  readonly changes: SyncChanges | null
  readonly inSync: boolean
}

export interface SyncEvents {
  /** The file is in force: it was applied, or found unchanged at start or after a refusal. */
  'sync.applied': {
    readonly file: string
    readonly at: number
    readonly hash: string | null
    readonly changes: SyncChanges
  }
  /** Told once per new set of problems. */
  'sync.refused': {
    readonly file: string
    readonly at: number
    readonly hash: string | null
    readonly problems: readonly string[]
  }
}
