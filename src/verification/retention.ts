import { DAY_MS } from '../platform/clock.ts'
import type { ReportStore } from './store.ts'

/** One deletion stays short, so that nothing else waits long for the database. */
const ROWS_AT_ONCE = 200
/** Per job; what is left goes with the next one. */
const MOST_ROWS = 20_000

export interface RetentionRules {
  retentionDays: number
  reportsPerProfile: number
}

/** Deletes reports that are too old, and those behind the newest of each profile. Returns how many. */
export async function deleteOldReports(options: {
  store: ReportStore
  profileIds: readonly string[]
  rules: RetentionRules
  now: number
  signal: AbortSignal
}): Promise<number> {
  const { store, profileIds, rules, now, signal } = options
  const oldest = now - rules.retentionDays * DAY_MS
  let deleted = 0
  let ids: string[] = []

  async function flush(): Promise<void> {
    await store.delete(ids)
    deleted += ids.length
    ids = []
  }

  while (deleted < MOST_ROWS && !signal.aborted) {
    ids = [...(await store.findOlder(oldest, ROWS_AT_ONCE))]
    if (ids.length === 0) break
    await flush()
  }
  for (const profileId of profileIds) {
    if (deleted >= MOST_ROWS || signal.aborted) break
    ids.push(...(await store.findBeyond(profileId, rules.reportsPerProfile, ROWS_AT_ONCE)))
    if (ids.length >= ROWS_AT_ONCE) await flush()
  }
  await flush()
  return deleted
}
