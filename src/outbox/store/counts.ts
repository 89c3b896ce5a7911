import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import type { QueueCounts } from '../message.ts'
import type { Effects, QueueChange } from './effects.ts'
import { numberMarker, prepare, textMarker } from './prepared.ts'

/**
 * The numbers of the queue in memory. They follow each commit, and are counted in the file at the start and when another
 * process has accepted messages, which the numbers of the rows tell.
 */
export interface Counts {
  readonly byProfile: ReadonlyMap<string, QueueCounts>
  /** Counts in the file; the profiles whose numbers are other ones now. */
  load(): Promise<readonly string[]>
  /** As `load`, when another process has accepted messages since. */
  refresh(): Promise<readonly string[]>
  /** The profiles whose numbers are other ones now. */
  follow(effects: Effects): Promise<readonly string[]>
}

const NOTHING: QueueCounts = { queued: 0, held: 0, oldestAcceptedAt: null }

export function createCounts(db: Kysely<Tables>): Counts {
  const byProfile = new Map<string, QueueCounts>()
  let isStale = false
  let lastSeq = 0

  const oldestOf = prepare(
    db,
    { profileId: textMarker('profile'), from: numberMarker(0) },
    (value) =>
      db
        .selectFrom('message')
        .select('accepted_at')
        .where('finished_at', 'is', null)
        .where('profile_id', '=', value.profileId)
        .where('accepted_at', '>=', value.from)
        .orderBy('accepted_at')
        .limit(sql.lit(1)),
  )

  async function newestSeq(): Promise<number> {
    const newest = await db
      .selectFrom('message')
      .select('seq')
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    return newest?.seq ?? 0
  }

  async function load(): Promise<readonly string[]> {
    // Before the counting: a message that is accepted in between is counted again.
    const newest = await newestSeq()
    const waiting = await db
      .selectFrom('message')
      .select(['profile_id', db.fn.countAll<number>().as('waiting')])
      .select(db.fn.min('accepted_at').as('oldest'))
      .where('finished_at', 'is', null)
      .groupBy('profile_id')
      .execute()
    const held = await db
      .selectFrom('message')
      .select(['profile_id', db.fn.countAll<number>().as('held')])
      .where('state', '=', sql.lit('held' as const))
      .groupBy('profile_id')
      .execute()
    const heldOf = new Map(held.map((row) => [row.profile_id, Number(row.held)]))
    const before = new Map(byProfile)
    byProfile.clear()
    for (const row of waiting) {
      const ofHeld = heldOf.get(row.profile_id) ?? 0
      set(row.profile_id, {
        queued: Number(row.waiting) - ofHeld,
        held: ofHeld,
        oldestAcceptedAt: row.oldest,
      })
    }
    isStale = false
    lastSeq = newest
    const names = new Set([...before.keys(), ...byProfile.keys()])
    return [...names].filter((name) => !isSame(before.get(name), byProfile.get(name)))
  }

  function set(profileId: string, counts: QueueCounts): void {
    if (counts.queued + counts.held === 0) byProfile.delete(profileId)
    else byProfile.set(profileId, counts)
  }

  async function next(profileId: string, change: QueueChange): Promise<QueueCounts> {
    const before = byProfile.get(profileId) ?? NOTHING
    const held = before.held + change.held
    const queued = before.queued + change.waiting - change.held
    const oldest = Math.min(before.oldestAcceptedAt ?? Number.POSITIVE_INFINITY, change.joinedAt)
    if (queued + held === 0) return NOTHING
    if (change.leftAt > oldest) return { queued, held, oldestAcceptedAt: oldest }
    // The clock may have been set back since: the next oldest can be of any time, but none is older than the one gone.
    const [row] = oldestOf({ profileId, from: oldest })
    return { queued, held, oldestAcceptedAt: row?.accepted_at ?? null }
  }

  return {
    byProfile,
    load,
    async refresh() {
      return isStale || (await newestSeq()) !== lastSeq ? await load() : []
    },
    async follow(effects) {
      for (const seq of effects.addedSeqs) {
        if (seq !== lastSeq + 1) isStale = true
        lastSeq = seq
      }
      if (isStale) return await load()
      const changed: string[] = []
      // Set again below: a reading that fails half-way leaves the numbers to be counted anew.
      isStale = true
      for (const [profileId, change] of effects.changes) {
        if (change.waiting === 0 && change.held === 0 && change.joinedAt === change.leftAt) continue
        const counts = await next(profileId, change)
        // More have ended than were known: another process has accepted some.
        if (counts.queued < 0 || counts.held < 0) return await load()
        set(profileId, counts)
        changed.push(profileId)
      }
      isStale = false
      return changed
    },
  }
}

function isSame(one: QueueCounts | undefined, other: QueueCounts | undefined): boolean {
  return (
    one?.queued === other?.queued &&
    one?.held === other?.held &&
    one?.oldestAcceptedAt === other?.oldestAcceptedAt
  )
}
