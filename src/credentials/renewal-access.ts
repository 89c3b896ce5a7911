import type { Outcome } from '../diagnosis/index.ts'
import type { ClientCredential, GraphAccess } from '../entra/index.ts'
import { PosternError } from '../platform/errors.ts'
import type { Profile, Profiles } from '../profiles/index.ts'
import {
  accessOfKept,
  applicationOf,
  isSameApplication,
  type KeptCredential,
} from './kept-credential.ts'
import { isForbidden, type Listing, type RenewalGraph, type RenewalKind } from './renewal-kind.ts'

/** As whom Graph is asked. */
export interface RenewalAccess {
  /** By the active credential; undefined when there is none that can be opened. */
  ofProfile(profile: Profile): Promise<GraphAccess | undefined>
  /**
   * To remove something of the application where the kept credential was added: by the active credential where the
   * profile is still there and of that application, else by the kept one itself.
   */
  toRemove(
    kind: RenewalKind,
    options: { profile: Profile | undefined; kept: KeptCredential | undefined },
  ): Promise<GraphAccess | undefined>
  /** The registration, where it may be read. */
  look(kind: RenewalKind, access: GraphAccess, signal: AbortSignal): Promise<Outcome<Listing>>
}

export function createRenewalAccess(deps: {
  profiles: Pick<Profiles, 'openCredential'>
  graph: RenewalGraph
  allowCustomCloud: boolean
}): RenewalAccess {
  const { profiles, graph, allowCustomCloud } = deps

  async function activeOf(profile: Profile): Promise<ClientCredential | undefined> {
    try {
      const opened = await profiles.openCredential(profile)
      return opened === undefined || opened.type === 'password' ? undefined : opened
    } catch (error) {
      if (error instanceof PosternError && error.code === 'secret_unreadable') return undefined
      throw error
    }
  }

  async function ofProfile(profile: Profile): Promise<GraphAccess | undefined> {
    const { authentication } = profile
    if (authentication.type !== 'exchangeOnline') return undefined
    const credential = await activeOf(profile)
    const { cloud, tenantId, clientId } = authentication
    return credential && { cloud, tenantId, clientId, credential }
  }

  return {
    ofProfile,
    async toRemove(kind, { profile, kept }) {
      const isThere =
        profile !== undefined &&
        (kept === undefined || isSameApplication(kept.application, applicationOf(profile)))
      const access = isThere ? await ofProfile(profile) : undefined
      if (access !== undefined && kind.mayRemove(access.credential)) return access
      return kept && accessOfKept(kept, { allowCustomCloud })
    },
    async look(kind, access, signal) {
      const outcome = await graph.readApplication(access, { signal })
      const isAllowed = outcome.ok || kind.needsListing || !isForbidden(outcome.failure)
      return isAllowed ? outcome : { ok: true, value: undefined }
    },
  }
}
