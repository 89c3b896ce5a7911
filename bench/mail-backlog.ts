import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { DAY_MS, MINUTE_MS, systemClock } from '../src/platform/clock.ts'
import { DATABASE_FILE } from '../src/storage/index.ts'
import type { DataFolder } from './data-folder.ts'

export interface Backlog {
  /** Delivered or failed within the last weeks; their bytes are gone, their records are kept. */
  readonly finished: number
  readonly waiting: number
  /** Their messages are spread over the first so many profiles. */
  readonly profiles: number
}

const MESSAGE_BYTES = 2_000
/** Handed in by so many clients. */
const CLIENTS = 25
/** Of a hundred waiting ones. */
const DEFERRED = 10

/** What a busy outbox has gathered, written in a minute: the indexes are built at the end, and nothing is durable. */
export function fillOutbox(folder: DataFolder, { finished, waiting, profiles }: Backlog): void {
  using opened = openFast(join(folder.path, DATABASE_FILE))
  const { database } = opened
  const indexes = dropIndexes(database)
  const now = systemClock.now()
  database.exec('begin')
  database.exec(`
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${finished})
    ${insertMessages({
      profiles,
      state: `iif(i % 50 = 0, 'failed', 'delivered')`,
      body: 'null',
      // Within the time for which records are kept.
      acceptedAt: `${now - 25 * DAY_MS} + i * ${Math.floor((24 * DAY_MS) / finished)}`,
      attempts: 1,
      nextAttemptAt: 'null',
      takesMs: 2_000,
      reply: `'250 2.0.0 OK: queued as ' || i`,
    })}
  `)
  database.exec(`
    with recursive n (i) as (
      select ${finished + 1} union all select i + 1 from n where i < ${finished + waiting}
    )
    ${insertMessages({
      profiles,
      state: `iif(i % 100 < ${DEFERRED}, 'deferred', 'queued')`,
      body: 'i',
      acceptedAt: `${now - 30 * MINUTE_MS} + i % 600000`,
      attempts: 0,
      nextAttemptAt: `iif(i % 100 < ${DEFERRED}, ${now + DAY_MS} + i % 3600000, null)`,
      takesMs: null,
      reply: 'null',
    })}
  `)
  database.exec(`
    insert into message_chunk (number, first, position, data)
    select seq, null, 0, randomblob(${MESSAGE_BYTES}) from message where finished_at is null;
    insert into message_recipient
    select seq, 0, 'operator' || seq % 5000 || '@fabrikam.com', 'operator' || seq % 5000 || '@fabrikam.com', null, null,
      iif(finished_at is null, 'waiting', state), reply, null, accepted_at, finished_at from message;
    insert into message_attempt
    select seq, 1, accepted_at, finished_at, state, 'smtp.contoso.com:587', 1, reply, null
    from message where finished_at is not null;
  `)
  for (const sql of indexes) database.exec(sql)
  database.exec('commit')
}

function insertMessages(of: {
  profiles: number
  state: string
  body: string
  acceptedAt: string
  attempts: number
  nextAttemptAt: string
  takesMs: number | null
  reply: string
}): string {
  return `insert into message (
      seq, id, profile_id, source, priority, client, state, sender, sender_key, smtp_utf8, eight_bit, ret, envid, header_from,
      subject, message_id, once, bounce_to, size_bytes, body, recipient_count, accepted_at, attempts, next_attempt_at,
      finished_at, diagnosis, reply, server_message_id, report_due, bounce_due
    )
    select i, printf('%08x-0000-4000-8000-%s', i * 2654435761 % 4294967296, lower(hex(randomblob(6)))),
      printf('profile-%05d', i % ${of.profiles}), 'relay', 2 + (i % 4 = 0), 'relay:client-' || i % ${CLIENTS}, ${of.state},
      printf('profile-%05d@contoso.com', i % ${of.profiles}), printf('profile-%05d@contoso.com', i % ${of.profiles}), 0, 0,
      null, null, printf('profile-%05d@contoso.com', i % ${of.profiles}), 'Process ' || i,
      '<' || i || '@load.example>', 0, null, ${MESSAGE_BYTES}, ${of.body}, 1, ${of.acceptedAt}, ${of.attempts},
      ${of.nextAttemptAt}, ${of.takesMs === null ? 'null' : `${of.acceptedAt} + ${of.takesMs}`}, null, ${of.reply}, null, 0, 0
    from n`
}

function openFast(file: string): Disposable & { database: Sqlite.Database } {
  const database = new Sqlite(file)
  database.pragma('journal_mode = off')
  database.pragma('synchronous = off')
  database.pragma('cache_size = -400000')
  database.pragma('temp_store = memory')
  return { database, [Symbol.dispose]: () => database.close() }
}

/** Those that hold no promise; the statements that make them again. */
function dropIndexes(database: Sqlite.Database): readonly string[] {
  const indexes = database
    .prepare<[], { name: string; sql: string }>(
      `select name, sql from sqlite_schema where type = 'index' and tbl_name like 'message%' and sql is not null`,
    )
    .all()
  for (const { name } of indexes) database.exec(`drop index ${name}`)
  return indexes.map(({ sql }) => sql)
}
