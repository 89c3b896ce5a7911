import type { ClaimedMessage, OutboxStore } from '../outbox-store.ts'
import type { GiveBack } from './give-back.ts'
import type { HoldBook } from './hold-book.ts'
import { createQueueState, isOwnMail } from './queue-state.ts'

/** One message in the hands of the lane. */
export interface Item {
  readonly claimed: ClaimedMessage
  /** It is to find out whether the profile's hold is over. */
  readonly isProbe: boolean
}

/** The messages that a lane takes next: claimed when they are about to be tried, and few at a time. */
export interface Claims {
  note(profileId: string): void
  /** One message of a profile on hold is to be tried. */
  probe(profileId: string): void
  /** The last one said nothing about the profile: another one that is queued, if there is any. */
  probeNext(profileId: string): void
  /** Whether there may be something to take. */
  hasWork(): boolean
  /** Whether only the pause keeps mail waiting. */
  hasPausedWork(): boolean
  /** Undefined: the store had nothing, or what is there must not be tried yet. */
  take(most: number): Promise<Item | undefined>
  /** Claims ahead, so that nobody waits for the store. */
  ahead(most: number): void
  readonly isBusy: boolean
  /** Gives back what does not belong here any more. */
  sift(): void
  /** Gives back what is not tried. */
  clear(): void
}

export interface ClaimsDeps {
  store: OutboxStore
  holds: HoldBook
  /** Of this mailbox, as of now. */
  profileIds: () => readonly string[]
  isPaused: () => boolean
  monotonicMs: () => number
  giveBack: GiveBack
  /** False: it has to wait until something that is under way has ended. */
  isReady: (item: Item) => boolean
  /** Whose connection is open goes first among equals. */
  hasSession: (profileId: string) => boolean
  onFailure: (error: unknown) => void
  /** There may be something to take now. */
  onFilled: () => void
}

const MOST_AHEAD = 32
/** Whatever is used up sooner was too little. */
const SOON_MS = 200
/** So often in a row the one whose turn it is lets those with an open connection go first. */
const MOST_OVERTAKEN = 8

export function createClaims(deps: ClaimsDeps): Claims {
  const { store, holds, profileIds, isPaused, monotonicMs, giveBack, hasSession, isReady } = deps
  const queue = createQueueState({ store })
  const buffer: Item[] = []
  /** By profile: whether mail that was put off may be the probe, too. */
  const probes = new Map<string, boolean>()
  let filling: Promise<void> | undefined
  let overtaken = 0
  let batch = 1
  let filledAt = Number.NEGATIVE_INFINITY

  /** What may be claimed now: everything of these, of those only Postern's own mail. */
  function claimable() {
    const paused = isPaused()
    const ids = profileIds()
    const isStopped = (id: string) => paused || holds.find(id) !== undefined
    return {
      all: ids.filter((id) => !isStopped(id) && queue.mayHave(id, 'all')),
      own: ids.filter((id) => isStopped(id) && queue.mayHave(id, 'own')),
      probes: paused ? [] : [...probes.keys()],
    }
  }

  function add(claimed: readonly ClaimedMessage[], isProbe: boolean): void {
    if (claimed.length === 0) return
    buffer.push(...claimed.map((one) => ({ claimed: one, isProbe })))
    // Stable: within a priority the store's order stays.
    buffer.sort((a, b) => a.claimed.message.priority - b.claimed.message.priority)
  }

  async function claimProbe(profileId: string): Promise<void> {
    const mayWake = probes.get(profileId) ?? false
    probes.delete(profileId)
    if (holds.find(profileId) === undefined) return
    const request = { profileIds: [profileId], limit: 1 }
    let claimed = await store.claim(request)
    if (claimed.length === 0 && mayWake) {
      // All that waits may be put off for another time.
      await store.wakeAll([profileId])
      claimed = await store.claim(request)
    }
    add(claimed, true)
  }

  async function fill(most: number): Promise<void> {
    const now = claimable()
    for (const profileId of now.probes) await claimProbe(profileId)
    if (now.own.length > 0) add(await queue.claim(now.own, 'own', most), false)
    if (now.all.length === 0) return
    const at = monotonicMs()
    batch = at - filledAt < SOON_MS ? Math.min(2 * batch, MOST_AHEAD) : most
    filledAt = at
    add(await queue.claim(now.all, 'all', most === 1 ? 1 : Math.max(batch, most)), false)
  }

  function startFill(most: number): Promise<void> {
    filling ??= fill(most).finally(() => {
      filling = undefined
      deps.onFilled()
    })
    return filling
  }

  /** What was claimed before a hold or a pause began goes back. */
  function sift(): void {
    const paused = isPaused()
    const known = new Set(profileIds())
    const back = buffer.filter(({ claimed, isProbe }) => {
      const { profileId } = claimed.message
      if (!known.has(profileId)) return true
      if (isOwnMail(claimed)) return false
      return paused || (!isProbe && holds.find(profileId) !== undefined)
    })
    if (back.length === 0) return
    for (const item of back) buffer.splice(buffer.indexOf(item), 1)
    for (const { claimed, isProbe } of back) {
      const { profileId } = claimed.message
      if (isProbe && known.has(profileId)) probes.set(profileId, true)
    }
    giveBack(back.map(({ claimed }) => claimed.message))
  }

  function pick(): Item | undefined {
    sift()
    const ready = buffer.filter(isReady)
    const [first] = ready
    if (first === undefined) return undefined
    const { priority } = first.claimed.message
    const suited = ready.find(
      ({ claimed: { message } }) => message.priority === priority && hasSession(message.profileId),
    )
    const item = overtaken < MOST_OVERTAKEN ? (suited ?? first) : first
    overtaken = item === first ? 0 : overtaken + 1
    buffer.splice(buffer.indexOf(item), 1)
    return item
  }

  return {
    note: (profileId) => queue.note(profileId),
    probe: (profileId) => void probes.set(profileId, true),
    probeNext: (profileId) => void probes.set(profileId, probes.get(profileId) ?? false),
    hasWork() {
      if (buffer.length > 0) return true
      const { all, own, probes: due } = claimable()
      return all.length + own.length + due.length > 0
    },
    hasPausedWork: () =>
      isPaused() &&
      (probes.size > 0 ||
        profileIds().some((id) => holds.find(id) === undefined && queue.mayHave(id, 'all'))),
    async take(most) {
      const item = pick()
      if (item !== undefined || buffer.length > 0) return item
      await startFill(most)
      return pick()
    },
    ahead(most) {
      if (filling !== undefined || buffer.length >= most || claimable().all.length === 0) return
      startFill(most).catch(deps.onFailure)
    },
    get isBusy() {
      return filling !== undefined
    },
    sift,
    clear() {
      giveBack(buffer.splice(0).map(({ claimed }) => claimed.message))
    },
  }
}
