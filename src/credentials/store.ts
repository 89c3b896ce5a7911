import type { Storage } from '../storage/index.ts'

/** When each threshold of a credential was announced, or silently passed. */
export type Reminders = Map<number, number>

export interface ReminderChange {
  readonly credentialId: string
  /** Thresholds that are no longer true of the credential. */
  readonly forget: readonly number[]
  /** Thresholds reached now. */
  readonly record: readonly number[]
}

export interface ReminderStore {
  all(): Promise<Map<string, Reminders>>
  /** All of it in one transaction; what belongs to a credential that is gone is left out. */
  apply(changes: readonly ReminderChange[], at: number): Promise<void>
}

export function createReminderStore(deps: { storage: Pick<Storage, 'db'> }): ReminderStore {
  const { db } = deps.storage
  return {
    async all() {
      const found = new Map<string, Reminders>()
      for (const row of await db.selectFrom('expiry_reminder').selectAll().execute()) {
        const reminders: Reminders = found.get(row.credential_id) ?? new Map()
        found.set(row.credential_id, reminders.set(row.threshold_days, row.reminded_at))
      }
      return found
    },
    async apply(changes, at) {
      await db.transaction().execute(async (trx) => {
        for (const { credentialId, forget, record } of changes) {
          if (forget.length > 0) {
            await trx
              .deleteFrom('expiry_reminder')
              .where('credential_id', '=', credentialId)
              .where('threshold_days', 'in', forget)
              .execute()
          }
          if (record.length === 0) continue
          const known = await trx
            .selectFrom('credential')
            .select('id')
            .where('id', '=', credentialId)
            .executeTakeFirst()
          if (known === undefined) continue
          await trx
            .insertInto('expiry_reminder')
            .values(
              record.map((threshold) => ({
                credential_id: credentialId,
                threshold_days: threshold,
                reminded_at: at,
              })),
            )
            .onConflict((conflict) =>
              conflict
                .columns(['credential_id', 'threshold_days'])
                .doUpdateSet({ reminded_at: at }),
            )
            .execute()
        }
      })
    },
  }
}
