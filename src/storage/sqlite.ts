import Sqlite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { codeOf, PosternError } from '../platform/errors.ts'
import type { Tables } from './tables.ts'

/**
 * How long a statement waits for a writer of another process. The wait blocks the process, so the agent, which others
 * poll, gives up soon and says so; a command can afford to wait.
 */
export const BUSY_TIMEOUT_MS = { agent: 200, companion: 5_000 } as const
const CHECKPOINT_PAGES = 1_000
/** The features keep what they read often in memory themselves; better-sqlite3's own 16 MB would fill up with reports. */
const CACHE_KIB = 2_000

/** Opens the file for reading and writing: WAL, every commit durable, foreign keys enforced. */
export function openSqlite(file: string, busyTimeoutMs: number): Sqlite.Database {
  const sqlite = new Sqlite(file, { timeout: busyTimeoutMs })
  sqlite.pragma('journal_mode = WAL')
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma('foreign_keys = ON')
  sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  sqlite.pragma(`cache_size = -${CACHE_KIB}`)
  sqlite.pragma('trusted_schema = OFF')
  return sqlite
}

/** Kysely on one connection; statements are prepared once, errors of the file become PosternErrors. */
export function createQueryBuilder(sqlite: Sqlite.Database): Kysely<Tables> {
  const prepared = new Map<string, ReturnType<typeof wrap>>()
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        prepare(sql) {
          let statement = prepared.get(sql)
          if (statement === undefined) {
            statement = wrap(guard(() => sqlite.prepare<unknown[]>(sql)))
            if (sql === 'rollback') statement = { ...statement, run: () => rollBack(sqlite) }
            if (prepared.size >= MOST_PREPARED) prepared.clear()
            prepared.set(sql, statement)
          }
          return statement
        },
        close: () => {
          sqlite.close()
        },
      },
    }),
  })
}

const MOST_PREPARED = 500

/**
 * SQLite has rolled back by itself after a full disk or a failed read or write (sqlite.org/lang_transaction.html §3.1):
 * a second rollback would fail, and its error would stand in the place of the reason.
 */
function rollBack(sqlite: Sqlite.Database): Sqlite.RunResult {
  if (sqlite.inTransaction) return guard(() => sqlite.prepare('rollback').run())
  return { changes: 0, lastInsertRowid: 0 }
}

function wrap(statement: Sqlite.Statement<unknown[]>) {
  return {
    reader: statement.reader,
    all: (parameters: readonly unknown[]) => guard(() => statement.all(...parameters)),
    run: (parameters: readonly unknown[]) => guard(() => statement.run(...parameters)),
    iterate: (parameters: readonly unknown[]) => guard(() => statement.iterate(...parameters)),
  }
}

export function guard<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw storageError(error) ?? error
  }
}

/** What a failure of the database file means for the one who asked; undefined for errors of our own. */
export function storageError(cause: unknown): PosternError | undefined {
  const code = codeOf(cause)
  if (code === undefined) return undefined
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new PosternError(
      'The disk of the data folder is full; nothing was changed. Free some space there: Postern goes on by itself.',
      { kind: 'unavailable', code: 'disk_full', cause },
    )
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new PosternError(
      'The database is locked by another program; nothing was changed. End that program, or try again.',
      { kind: 'unavailable', code: 'database_locked', cause },
    )
  }
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_READONLY')) {
    return new PosternError(
      'The database file cannot be read or written. Check the disk and the permissions of the data folder.',
      { kind: 'unavailable', code: 'storage_failed', cause },
    )
  }
  if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') {
    return new PosternError(
      'The database file is damaged. Stop Postern and restore the newest backup.',
      { kind: 'unavailable', code: 'database_damaged', cause },
    )
  }
  return undefined
}
