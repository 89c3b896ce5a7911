import type { Selectable } from 'kysely'
import { type Diagnosis, readStoredDiagnosis } from '../diagnosis/index.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { ProfileEvents } from '../profiles/index.ts'
import type { Storage, Tables } from '../storage/index.ts'
import type { VerificationEvents } from './verification.ts'

/** What became of a test email. */
export interface LastTestEmail {
  readonly recipient: string
  readonly at: number
  /** Of the server that took it over; null when it did not. */
  readonly reply: string | null
  /** Why it was not sent; null when it was. */
  readonly diagnosis: Diagnosis | null
}

/** The last test email of every profile: in memory, and stored for the next start. */
export interface TestEmailOutcomes extends Disposable {
  lastOf(profileId: string): LastTestEmail | undefined
  /** Never rejects: an answer is worth more than its record. */
  record(profileId: string, outcome: LastTestEmail): Promise<void>
}

export async function createTestEmailOutcomes(deps: {
  storage: Pick<Storage, 'db'>
  log: Logger
  events: EventBus<VerificationEvents & ProfileEvents>
}): Promise<TestEmailOutcomes> {
  const { log, events } = deps
  const { db } = deps.storage
  const rows = await db.selectFrom('test_email').selectAll().execute()
  const known = new Map<string, LastTestEmail>()
  for (const row of rows) {
    const outcome = toOutcome(row)
    if (outcome !== undefined) known.set(row.profile_id, outcome)
  }
  /** A test email may end after its profile was removed, and one of that name may be made again. */
  const removed = new Set<string>()
  const subscriptions = [
    events.on('profile.created', ({ profile }) => void removed.delete(profile.id)),
    events.on('profile.removed', ({ profile }) => {
      known.delete(profile.id)
      removed.add(profile.id)
    }),
  ]

  async function store(profileId: string, outcome: LastTestEmail): Promise<void> {
    const { recipient, at, reply, diagnosis } = outcome
    const row = {
      recipient,
      finished_at: at,
      reply,
      diagnosis: diagnosis === null ? null : JSON.stringify(diagnosis),
    }
    await db
      .insertInto('test_email')
      .values({ profile_id: profileId, ...row })
      .onConflict((conflict) => conflict.column('profile_id').doUpdateSet(row))
      .execute()
  }

  return {
    lastOf: (profileId) => known.get(profileId),
    async record(profileId, outcome) {
      if (removed.has(profileId)) return
      known.set(profileId, outcome)
      events.emit('test_email.ended', { profileId, ...outcome })
      await store(profileId, outcome).catch((error: unknown) => {
        log.error({ profileId, err: error }, messageOf(error))
      })
    },
    [Symbol.dispose]() {
      for (const end of subscriptions) end()
    },
  }
}

/** Undefined when the reason of a failure cannot be read: without one it would look like a success. */
function toOutcome(row: Selectable<Tables['test_email']>): LastTestEmail | undefined {
  const { recipient, reply } = row
  const diagnosis = readStoredDiagnosis(row.diagnosis)
  if (diagnosis === null && row.diagnosis !== null) return undefined
  return { recipient, at: row.finished_at, reply, diagnosis }
}
