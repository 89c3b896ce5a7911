import type { ApplicationModel } from '../model.ts'

/**
 * The kind of profile that meets the failure, where it is not the usual one with a client secret: `basic` and `certificate` log in
 * so, `applicationRbac` says that Exchange grants the right, `graph` reads the end of its secret from Graph, `renewal` renews it.
 */
export type RehearsalNeed = 'basic' | 'certificate' | 'applicationRbac' | 'graph' | 'renewal'

/** A failure to be tried out: the tenant in the state in which a verification must end in exactly this diagnosis. */
export interface Rehearsal {
  /** The code of the diagnosis. */
  readonly code: string
  /** What an operator picks. */
  readonly title: string
  /** Number of the row in the support catalogue; null for what it does not list. */
  readonly row: number | null
  /** Only a message that is really sent meets the failure. */
  readonly needsMessage: boolean
  readonly needs: RehearsalNeed | null
  /** A merge patch (RFC 7396) on the working state. */
  readonly patch: Readonly<Record<string, unknown>>
}

/** What the patches are about. */
export interface Scene {
  readonly clientId: string
  readonly app: ApplicationModel
  readonly mailbox: string
}

export function rehearsal(
  code: string,
  row: number | null,
  title: string,
  patch: Rehearsal['patch'],
  options: { needs?: RehearsalNeed; needsMessage?: boolean } = {},
): Rehearsal {
  const { needs = null, needsMessage = false } = options
  return { code, title, row, needsMessage, needs, patch }
}

/** The same change for every secret or certificate. */
export function each(entries: Readonly<Record<string, unknown>>, change: object | null): object {
  return Object.fromEntries(Object.keys(entries).map((keyId) => [keyId, change]))
}
