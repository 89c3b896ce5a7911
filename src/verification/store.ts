import { type Kysely, type Selectable, sql } from 'kysely'
import { Value } from 'typebox/value'
import { readStoredDiagnosis } from '../diagnosis/index.ts'
import { parseInstant, toIso } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Storage, Tables } from '../storage/index.ts'
import { Report, type ReportSummary, TokenFacts, VerifyReason } from './api.ts'
import type { Health } from './verification.ts'

export interface ReportStore {
  /** Report and health together, or neither. */
  save(report: Report, health: Health): Promise<void>
  /** When the server last accepted a message; for a profile that was never verified, too. */
  saveDelivered(health: Health, at: number): Promise<void>
  /** The health of every profile as last stored. */
  healths(): Promise<readonly Health[]>
  list(
    profileId: string,
    page: { limit: number; before?: number | undefined },
  ): Promise<readonly ReportSummary[]>
  /** Throws report_not_found. */
  get(id: string): Promise<Report>
  /** Ids of at most `limit` reports that began before `before`. */
  findOlder(before: number, limit: number): Promise<readonly string[]>
  /** Ids of at most `limit` reports behind the newest `keep` of a profile. */
  findBeyond(profileId: string, keep: number, limit: number): Promise<readonly string[]>
  /** In one commit; keep the list short. */
  delete(ids: readonly string[]): Promise<void>
}

export function createReportStore({ db }: Pick<Storage, 'db'>): ReportStore {
  return {
    async save(report, health) {
      await db.transaction().execute(async (trx) => {
        await insertReport(trx, report)
        await upsertHealth(trx, health)
      })
    },

    async saveDelivered(health, at) {
      const row = { ...healthColumns(health), last_delivered_at: at }
      await db
        .insertInto('profile_health')
        .values({ profile_id: health.profileId, ...row })
        .onConflict((conflict) =>
          conflict.column('profile_id').doUpdateSet({ last_delivered_at: at }),
        )
        .execute()
    },

    async healths() {
      const rows = await db.selectFrom('profile_health').selectAll().execute()
      return rows.map(toHealth)
    },

    async list(profileId, { limit, before }) {
      const rows = await db
        .selectFrom('report')
        .select(['id', 'profile_id', 'reason', 'outcome', 'started_at', 'finished_at'])
        .select([WITH_MESSAGE.as('with_message'), TOKEN_FACTS.as('token_facts')])
        .where('profile_id', '=', profileId)
        .$if(before !== undefined, (query) => query.where('started_at', '<', before ?? 0))
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(toSummary)
    },

    async get(id) {
      const row = await db
        .selectFrom('report')
        .select('body')
        .where('id', '=', id)
        .executeTakeFirst()
      if (row === undefined) {
        throw new PosternError(
          `There is no report ${id}. It may have been deleted because of its age; the reports of a profile are listed under its reports.`,
          { kind: 'not_found', code: 'report_not_found' },
        )
      }
      return readReport(row.body)
    },

    async findOlder(before, limit) {
      const rows = await db
        .selectFrom('report')
        .select('id')
        .where('started_at', '<', before)
        .orderBy('started_at')
        .limit(limit)
        .execute()
      return rows.map(({ id }) => id)
    },

    async findBeyond(profileId, keep, limit) {
      const rows = await db
        .selectFrom('report')
        .select('id')
        .where('profile_id', '=', profileId)
        .orderBy('started_at', 'desc')
        .limit(limit)
        .offset(keep)
        .execute()
      return rows.map(({ id }) => id)
    },

    async delete(ids) {
      if (ids.length === 0) return
      await db.deleteFrom('report').where('id', 'in', ids).execute()
    },
  }
}

async function insertReport(trx: Kysely<Tables>, report: Report): Promise<void> {
  await trx
    .insertInto('report')
    .values({
      id: report.id,
      profile_id: report.profileId,
      reason: report.reason,
      outcome: report.outcome,
      diagnosis_code: report.diagnosis?.code ?? null,
      started_at: parseInstant(report.startedAt) ?? 0,
      finished_at: parseInstant(report.finishedAt) ?? 0,
      body: JSON.stringify(report),
    })
    .execute()
}

/** Leaves the last delivery alone: saveDelivered may have written a later one meanwhile. */
async function upsertHealth(trx: Kysely<Tables>, health: Health): Promise<void> {
  const columns = healthColumns(health)
  const { lastDeliveredAt, profileId } = health
  await trx
    .insertInto('profile_health')
    .values({ profile_id: profileId, last_delivered_at: lastDeliveredAt, ...columns })
    .onConflict((conflict) => conflict.column('profile_id').doUpdateSet(columns))
    .execute()
}

function healthColumns(health: Health) {
  return {
    health: health.state,
    since: health.since,
    failures_in_row: health.failuresInRow,
    last_verified_at: health.lastVerifiedAt,
    last_succeeded_at: health.lastSucceededAt,
    last_report_id: health.lastReportId,
    diagnosis: health.diagnosis === null ? null : JSON.stringify(health.diagnosis),
  }
}

function toHealth(row: Selectable<Tables['profile_health']>): Health {
  return {
    profileId: row.profile_id,
    state: row.health,
    since: row.since,
    failuresInRow: row.failures_in_row,
    lastVerifiedAt: row.last_verified_at,
    lastSucceededAt: row.last_succeeded_at,
    lastDeliveredAt: row.last_delivered_at,
    lastReportId: row.last_report_id,
    diagnosis: readStoredDiagnosis(row.diagnosis),
  }
}

function readReport(body: string): Report {
  // What an older version has not stored yet gets its default.
  const value = Value.Default(Report, parse(body))
  if (Value.Check(Report, value)) return value
  throw new PosternError(
    'A stored report cannot be read. Verify the profile again to get a new one.',
    { kind: 'internal', code: 'report_unreadable' },
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** 1 or 0; also 0 when the body is damaged, which must not keep the others out of a list. */
const WITH_MESSAGE = sql<number>`iif(json_valid(body), coalesce(body ->> '$.withMessage', 0), 0)`

/** As JSON; null when there are none, or when the body is damaged. */
const TOKEN_FACTS = sql<string | null>`iif(json_valid(body), body -> '$.tokenFacts', null)`

type SummaryRow = Omit<Selectable<Tables['report']>, 'body' | 'diagnosis_code'> & {
  with_message: number
  token_facts: string | null
}

function toSummary(row: SummaryRow): ReportSummary {
  return {
    id: row.id,
    profileId: row.profile_id,
    reason: Value.Check(VerifyReason, row.reason) ? row.reason : 'schedule',
    outcome: row.outcome,
    startedAt: toIso(row.started_at),
    finishedAt: toIso(row.finished_at),
    durationMs: Math.max(0, row.finished_at - row.started_at),
    withMessage: row.with_message === 1,
    tokenFacts: readTokenFacts(row.token_facts),
  }
}

function readTokenFacts(text: string | null): TokenFacts | null {
  const value = text === null ? null : parse(text)
  return Value.Check(TokenFacts, value) ? value : null
}
