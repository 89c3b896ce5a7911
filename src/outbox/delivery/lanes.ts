import type { EventBus } from '../../platform/events.ts'
import type { Profile, ProfileEvents } from '../../profiles/index.ts'
import { createLane, type DeliveryDeps, type Lane, type LaneDeps } from './lane.ts'
import { mailboxOfProfile } from './mailbox-key.ts'

/** One lane for each mailbox; it is made when mail for it is waiting, and follows the settings. */
export interface Lanes {
  /** Undefined: there is no such profile. */
  of(profileId: string): Lane | undefined
  wake(profileIds: readonly string[]): void
  isQuiet(): boolean
  stop(): Promise<void>
}

export interface LanesDeps
  extends DeliveryDeps,
    Omit<LaneDeps, 'mailbox' | 'laneProfiles' | 'startedAt' | keyof DeliveryDeps> {
  events: EventBus<ProfileEvents>
}

export function createLanes(deps: LanesDeps): Lanes {
  const { profiles, events } = deps
  const lanes = new Map<string, Lane>()
  const startedAt = deps.monotonicMs()
  /** Which profiles belong to which mailbox; made anew after every change of a profile. */
  let directory: Map<string, Profile[]> | undefined
  let isStopping = false

  function byMailbox(): Map<string, Profile[]> {
    if (directory !== undefined) return directory
    directory = new Map()
    for (const profile of profiles.list()) {
      const { key } = mailboxOfProfile(profile)
      const known = directory.get(key)
      if (known === undefined) directory.set(key, [profile])
      else known.push(profile)
    }
    return directory
  }

  function laneOf(profile: Profile): Lane {
    const mailbox = mailboxOfProfile(profile)
    const known = lanes.get(mailbox.key)
    if (known !== undefined) return known
    const laneProfiles = () => byMailbox().get(mailbox.key) ?? []
    const lane = createLane({ ...deps, mailbox, laneProfiles, startedAt })
    lanes.set(mailbox.key, lane)
    return lane
  }

  function wake(profileIds: readonly string[]): void {
    if (isStopping) return
    const byLane = new Map<Lane, string[]>()
    for (const id of profileIds) {
      const profile = profiles.find(id)
      if (profile === undefined) continue
      const lane = laneOf(profile)
      byLane.set(lane, [...(byLane.get(lane) ?? []), id])
    }
    for (const [lane, ids] of byLane) lane.wake(ids)
  }

  /** The connections of old settings end, and mail goes on with the new ones. */
  function renew(id: string): void {
    directory = undefined
    for (const lane of lanes.values()) lane.renew(id)
    wake([id])
  }

  const subscriptions = [
    events.on('profile.created', ({ profile }) => renew(profile.id)),
    events.on('profile.changed', ({ profile, connectionChanged }) => {
      directory = undefined
      if (connectionChanged) renew(profile.id)
      else wake([profile.id])
    }),
    events.on('profile.removed', ({ profile }) => renew(profile.id)),
    events.on('credential.fallback_used', ({ profile }) => renew(profile.id)),
  ]

  return {
    of(profileId) {
      const profile = profiles.find(profileId)
      return profile === undefined ? undefined : laneOf(profile)
    },
    wake,
    isQuiet: () => [...lanes.values()].every((lane) => lane.isQuiet()),
    async stop() {
      isStopping = true
      for (const end of subscriptions) end()
      await Promise.all([...lanes.values()].map((lane) => lane.stop()))
    },
  }
}
