/** What a transaction has changed in the numbers of the queue; it counts only after the commit. */
export interface Effects {
  /** A row was added under this number, the next one after the last. */
  added(seq: number): void
  /** A message of the profile began to wait. */
  joined(message: Waiting): void
  /** It ended. */
  left(message: Waiting): void
  /** So many more of its messages are `held` now; negative: less. */
  held(profileId: string, by: number): void
  /** Bytes kept of finished messages. */
  keptBytes(by: number): void
  readonly addedSeqs: readonly number[]
  readonly changes: ReadonlyMap<string, QueueChange>
  readonly keptBytesBy: number
}

export interface Waiting {
  readonly profileId: string
  readonly acceptedAt: number
}

export interface QueueChange {
  readonly waiting: number
  readonly held: number
  /** The oldest of those that joined, and of those that left. */
  readonly joinedAt: number
  readonly leftAt: number
}

const NONE: QueueChange = {
  waiting: 0,
  held: 0,
  joinedAt: Number.POSITIVE_INFINITY,
  leftAt: Number.POSITIVE_INFINITY,
}

export function createEffects(): Effects {
  const changes = new Map<string, QueueChange>()
  const addedSeqs: number[] = []
  let keptBytesBy = 0
  const change = (profileId: string, alter: (before: QueueChange) => Partial<QueueChange>) => {
    const before = changes.get(profileId) ?? NONE
    changes.set(profileId, { ...before, ...alter(before) })
  }
  return {
    added(seq) {
      addedSeqs.push(seq)
    },
    joined({ profileId, acceptedAt }) {
      change(profileId, ({ waiting, joinedAt }) => ({
        waiting: waiting + 1,
        joinedAt: Math.min(joinedAt, acceptedAt),
      }))
    },
    left({ profileId, acceptedAt }) {
      change(profileId, ({ waiting, leftAt }) => ({
        waiting: waiting - 1,
        leftAt: Math.min(leftAt, acceptedAt),
      }))
    },
    held(profileId, by) {
      change(profileId, ({ held }) => ({ held: held + by }))
    },
    keptBytes(by) {
      keptBytesBy += by
    },
    addedSeqs,
    changes,
    get keptBytesBy() {
      return keptBytesBy
    },
  }
}
