import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../storage/index.ts'
import { type ClaimedMessage, type ClaimRequest, INLINE_BYTES } from '../outbox-store.ts'
import { numberMarker, prepare, textMarker } from './prepared.ts'
import { toMessage, toRecipient } from './rows.ts'

/** Part of the transaction that is open. */
export interface Claims {
  /** `withBodies`: small ones come with their message. */
  claim(request: ClaimRequest, options: { withBodies: boolean }): readonly ClaimedMessage[]
  unclaim(messageIds: readonly string[]): void
}

/** Of a profile: the oldest message of one client in one priority. */
interface Candidate {
  readonly seq: number
  readonly priority: number
  readonly client: string
}

const LOWEST_PRIORITY = 3

/**
 * Finds the next message in the index of the queued ones, by two look-ups for each profile whatever waits there. Whose
 * turn it is among the clients is kept in memory alone: after a start the first in the alphabet begins.
 */
export function createClaims(db: Kysely<Tables>): Claims {
  /** By profiles and priority: the client that was served last. */
  const lastServed = new Map<string, string>()

  const queued = db
    .selectFrom('message')
    .select(['seq', 'priority', 'client'])
    .where('state', '=', sql.lit('queued' as const))
    .orderBy('priority')
    .orderBy('client')
    .orderBy('seq')
    .limit(sql.lit(1))
  const firstOf = prepare(
    db,
    { profileId: textMarker('profile'), most: numberMarker(0) },
    (value) =>
      queued
        .where('profile_id', '=', value.profileId)
        .where('priority', '<=', sql<never>`${value.most}`),
  )
  const nextOf = prepare(
    db,
    { profileId: textMarker('profile'), priority: numberMarker(0), after: textMarker('client') },
    (value) =>
      queued
        .where('profile_id', '=', value.profileId)
        .where('priority', '=', sql<never>`${value.priority}`)
        .where('client', '>', value.after),
  )
  const take = prepare(db, { seq: numberMarker(0) }, (value) =>
    db
      .updateTable('message')
      .set({ state: 'sending' })
      .where('seq', '=', value.seq)
      .where('state', '=', 'queued')
      .returningAll(),
  )
  const recipientsOf = prepare(db, { seq: numberMarker(0) }, (value) =>
    db
      .selectFrom('message_recipient')
      .selectAll()
      .where('message', '=', value.seq)
      .where('state', '=', 'waiting')
      .orderBy('position'),
  )
  const bodyOf = prepare(db, { number: numberMarker(0) }, (value) =>
    db.selectFrom('message_chunk').select('data').where('number', '=', value.number),
  )
  const giveBack = prepare(db, { id: textMarker('id') }, (value) =>
    db
      .updateTable('message')
      .set({ state: 'queued' })
      .where('id', '=', value.id)
      .where('state', '=', 'sending'),
  )

  function next(request: ClaimRequest): Candidate | undefined {
    const most = request.upToPriority ?? LOWEST_PRIORITY
    const firsts: Candidate[] = []
    for (const profileId of request.profileIds) {
      firsts.push(...firstOf({ profileId, most }))
    }
    const priority = Math.min(...firsts.map((candidate) => candidate.priority))
    const inTurn = firsts.filter((candidate) => candidate.priority === priority)
    if (inTurn.length === 0) return undefined

    const turn = `${priority} ${request.profileIds.join(' ')}`
    const after = lastServed.get(turn)
    const later: Candidate[] = []
    if (after !== undefined) {
      for (const profileId of request.profileIds) {
        later.push(...nextOf({ profileId, priority, after }))
      }
    }
    const chosen = earliest(later.length > 0 ? later : inTurn)
    if (chosen !== undefined) lastServed.set(turn, chosen.client)
    return chosen
  }

  return {
    claim(request, { withBodies }) {
      const claimed: ClaimedMessage[] = []
      while (claimed.length < request.limit) {
        const candidate = next(request)
        if (candidate === undefined) break
        const [row] = take(candidate)
        if (row === undefined) break
        const recipients = recipientsOf(candidate)
        const isInline = withBodies && row.size_bytes <= INLINE_BYTES
        const [chunk] = row.body !== null && isInline ? bodyOf({ number: row.body }) : []
        claimed.push({
          message: toMessage(row),
          recipients: recipients.map(toRecipient),
          body: chunk?.data ?? null,
        })
      }
      return claimed
    },
    unclaim(messageIds) {
      for (const id of messageIds) giveBack({ id })
    },
  }
}

/** By client, and of one client by age. */
function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((best, candidate) => {
    if (best === undefined || candidate.client < best.client) return candidate
    return candidate.client === best.client && candidate.seq < best.seq ? candidate : best
  }, undefined)
}
