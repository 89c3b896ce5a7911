import type { Diagnosis } from '../../diagnosis/index.ts'
import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import type { OutboxNews } from '../events.ts'
import type { Hold } from '../message.ts'
import type { OutboxStore } from '../outbox-store.ts'
import type { Tasks } from './tasks.ts'

/** Which profiles and senders are on hold: in memory, and in the store for the next start. */
export interface HoldBook {
  load(): Promise<void>
  all(): readonly Hold[]
  of(profileId: string): readonly Hold[]
  /** Of the whole profile. */
  find(profileId: string): Hold | undefined
  findSender(profileId: string, sender: string): Hold | undefined
  /** Does nothing when it is on hold already. `after`: what must be stored before the waiting messages are counted. */
  begin(options: {
    profileId: string
    sender: string
    diagnosis: Diagnosis
    after?: Promise<unknown>
  }): void
  /** A probe did not get through; null: it said nothing about the reason of the hold. */
  stillHeld(hold: Hold, diagnosis: Diagnosis | null): void
  /** A probe was ended by an error of Postern's own: it does not count, but the next one comes as late as if it did. */
  notProbed(hold: Hold): void
  /** Whether probes of this run have shown that nothing is repaired; an earlier run knows nothing of today. */
  isProven(hold: Hold): boolean
  /** The next probe is due then. */
  schedule(hold: Hold, nextProbeAt: number): void
  /** Ends the hold; how many messages it stopped. When that cannot be stored, the hold goes on. */
  release(hold: Hold): Promise<number>
}

export interface HoldBookDeps {
  store: OutboxStore
  clock: Clock
  news: OutboxNews
  tasks: Tasks
  onChange: (profileId: string, change: 'began' | 'ended') => void
}

/** Minutes between probes; the last one for ever. */
const PROFILE_MINUTES = [1, 5, 15, 30, 60] as const
/** Exchange Online answers continuous SendAsDenied with a block of the whole mailbox (NDR 5.2.252): fewer probes. */
const SENDER_MINUTES = [15, 30, 60] as const

/** One an hour. */
export const PROBES_OF_A_DAY = 24

export function probeWaitMs(hold: Pick<Hold, 'sender' | 'probes'>): number {
  const minutes = hold.sender === '' ? PROFILE_MINUTES : SENDER_MINUTES
  return (minutes[Math.min(hold.probes, minutes.length - 1)] ?? 60) * MINUTE_MS
}

interface Probed {
  readonly since: number
  /** Without success. */
  readonly probes: number
  /** One of them told the reason. */
  readonly isTold: boolean
  /** Ended by errors of Postern's own since the last of them. */
  readonly faults: number
}

export function createHoldBook(deps: HoldBookDeps): HoldBook {
  const { store, clock, news, tasks, onChange } = deps
  const byProfile = new Map<string, Map<string, Hold>>()
  /** Of this run, by the hold. */
  const probed = new Map<string, Probed>()
  /** Changes of the store one after the other, in the order of those in memory. */
  let writing: Promise<unknown> = Promise.resolve()

  function write<T>(work: () => Promise<T>): Promise<T> {
    const done = writing.then(work, work)
    writing = done.catch(() => {})
    return done
  }

  function remember(hold: Hold): void {
    const known = byProfile.get(hold.profileId) ?? new Map<string, Hold>()
    byProfile.set(hold.profileId, known.set(hold.sender, hold))
  }

  function put(hold: Hold): Promise<void> {
    remember(hold)
    return write(() => store.putHold(hold))
  }

  function forget({ profileId, sender }: Hold): void {
    const known = byProfile.get(profileId)
    known?.delete(sender)
    if (known?.size === 0) byProfile.delete(profileId)
  }

  const probedOf = (hold: Hold): Probed => {
    const { since } = hold
    const known = probed.get(keyOfHold(hold))
    return known?.since === since ? known : { since, probes: 0, isTold: false, faults: 0 }
  }

  const findSender = (profileId: string, sender: string) => byProfile.get(profileId)?.get(sender)
  /** The hold as it is now, when it has not ended meanwhile. */
  const current = (hold: Hold) => {
    const known = findSender(hold.profileId, hold.sender)
    return known?.since === hold.since ? known : undefined
  }

  return {
    async load() {
      for (const hold of await store.holds()) remember(hold)
    },
    all: () => [...byProfile.values()].flatMap((holds) => [...holds.values()]),
    of: (profileId) => [...(byProfile.get(profileId)?.values() ?? [])],
    find: (profileId) => findSender(profileId, ''),
    findSender,

    begin({ profileId, sender, diagnosis, after }) {
      if (findSender(profileId, sender) !== undefined) return
      const now = clock.now()
      const facts = { profileId, sender, since: now, diagnosis, probes: 0 }
      const hold = { ...facts, nextProbeAt: now + probeWaitMs(facts) }
      const stored = put(hold)
      onChange(profileId, 'began')
      tasks.run('hold', async () => {
        await Promise.all([stored, after])
        news.held(hold, await store.countWaiting(profileId, sender))
      })
    },

    stillHeld(hold, diagnosis) {
      const known = current(hold)
      if (known === undefined) return
      const former = probedOf(known)
      probed.set(keyOfHold(known), {
        since: known.since,
        probes: former.probes + 1,
        isTold: former.isTold || diagnosis !== null,
        faults: 0,
      })
      const probes = known.probes + 1
      const nextProbeAt = clock.now() + probeWaitMs({ ...known, probes })
      const next = { ...known, probes, nextProbeAt, diagnosis: diagnosis ?? known.diagnosis }
      tasks.run('hold', () => put(next))
    },

    notProbed(hold) {
      const known = current(hold)
      if (known === undefined) return
      const former = probedOf(known)
      const faults = former.faults + 1
      probed.set(keyOfHold(known), { ...former, faults })
      const waitMs = probeWaitMs({ ...known, probes: known.probes + faults })
      remember({ ...known, nextProbeAt: clock.now() + waitMs })
    },

    isProven(hold) {
      const { probes, isTold } = probedOf(hold)
      return isTold || probes >= PROBES_OF_A_DAY
    },

    schedule(hold, nextProbeAt) {
      const known = current(hold)
      if (known !== undefined) remember({ ...known, nextProbeAt })
    },

    async release(hold) {
      const known = current(hold)
      if (known === undefined) return 0
      const { profileId, sender } = known
      // At once: whatever is put aside from now on is seen to have no hold.
      forget(known)
      let stopped: number
      try {
        stopped = await write(async () => {
          const count = await store.countWaiting(profileId, sender)
          if (sender === '') await store.wakeAll([profileId])
          await store.endHold(profileId, sender)
          return count
        })
      } catch (error) {
        if (findSender(profileId, sender) === undefined) remember(known)
        throw error
      }
      news.released(profileId, sender, clock.now())
      onChange(profileId, 'ended')
      return stopped
    },
  }
}

export function keyOfHold({ profileId, sender }: Pick<Hold, 'profileId' | 'sender'>): string {
  return `${profileId} ${sender}`
}
