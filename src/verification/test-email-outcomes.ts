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
  const known = new Map(rows.map((row) => [row.profile_id, toOutcome(row)]))
  const unsubscribe = events.on('profile.removed', ({ profile }) => void known.delete(profile.id))

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
      known.set(profileId, outcome)
      events.emit('test_email.ended', { profileId, ...outcome })
      await store(profileId, outcome).catch((error: unknown) => {
        log.error({ profileId, err: error }, messageOf(error))
      })
    },
    [Symbol.dispose]: unsubscribe,
  }
}

function toOutcome(row: Selectable<Tables['test_email']>): LastTestEmail {
  const { recipient, reply } = row
  return { recipient, at: row.finished_at, reply, diagnosis: readStoredDiagnosis(row.diagnosis) }
}
