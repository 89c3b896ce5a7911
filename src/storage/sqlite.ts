import { userInfo } from 'node:os'
import Sqlite from 'better-sqlite3'
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely'
import { codeOf, PosternError } from '../platform/errors.ts'
import type { Tables } from './tables.ts'
import type { WriteGate } from './write-gate.ts'

/**
 * How long a statement waits for another writer. The wait blocks the thread, so the agent's main one, which others
 * poll, gives up soon and says so; a command and a thread beside it can afford to wait.
 */
export const BUSY_TIMEOUT_MS = { agent: 200, companion: 5_000, thread: 5_000 } as const
/**
 * Whoever commits beyond so many pages (4 MB) of the write-ahead log copies them into the file before its commit is
 * over. A large message comes in with a commit for each of its chunks, so it never adds much to what one copying takes:
 * 35 MB are nine of them, and the commits of others go between.
 */
export const CHECKPOINT_PAGES = 1_000
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
export function createQueryBuilder(
  sqlite: Sqlite.Database,
  gate: WriteGate = OPEN_GATE,
): Kysely<Tables> {
  const prepared = new Map<string, Wrapped>()
  const ofTransaction = boundaries(sqlite, gate)
  const db = new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        prepare(sql) {
          let statement = ofTransaction.get(sql) ?? prepared.get(sql)
          if (statement === undefined) {
            statement = wrap(sql, sqlite, gate)
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
  connections.set(db, { sqlite, gate })
  return db
}

const connections = new WeakMap<Kysely<Tables>, { sqlite: Sqlite.Database; gate: WriteGate }>()

/** Runs a query; the rows that it returns. */
export type Statement<Row> = (parameters: readonly unknown[]) => readonly Row[]

/**
 * A compiled query on the connection of `db`, without what Kysely does around each execution, which costs more than a
 * small statement itself. It belongs to the transaction that is open there, if any.
 */
export function statementOf<Row>(db: Kysely<Tables>, query: CompiledQuery<Row>): Statement<Row> {
  const connection = connections.get(db)
  if (connection === undefined) throw new Error('not the database itself, or of another storage')
  const { sqlite, gate } = connection
  let statement: Wrapped<Row> | undefined
  return (parameters) => {
    // At its first use: the file may not be ready before.
    statement ??= wrap<Row>(query.sql, sqlite, gate)
    if (statement.reader) return statement.all(parameters)
    statement.run(parameters)
    return []
  }
}

const MOST_PREPARED = 500
const OPEN_GATE: WriteGate = { enter() {}, leave() {} }

interface Wrapped<Row = unknown> {
  readonly reader: boolean
  all(parameters: readonly unknown[]): Row[]
  run(parameters: readonly unknown[]): Sqlite.RunResult
  iterate(parameters: readonly unknown[]): IterableIterator<Row>
}

/**
 * Begin, commit and rollback. A transaction takes the lock for writing at once: one that reads first and then finds that
 * another connection has written meanwhile would fail without waiting (sqlite.org/isolation.html).
 */
function boundaries(sqlite: Sqlite.Database, gate: WriteGate): ReadonlyMap<string, Wrapped> {
  const statement = (sql: string, run: () => Sqlite.RunResult): [string, Wrapped] => [
    sql,
    { reader: false, all: () => [], iterate: () => [].values(), run: () => guard(run) },
  ]
  const beginImmediate = sqlite.prepare('begin immediate')
  const commit = sqlite.prepare('commit')
  return new Map([
    statement('begin', () => {
      gate.enter()
      try {
        return beginImmediate.run()
      } catch (error) {
        gate.leave()
        throw error
      }
    }),
    // One that fails is followed by a rollback.
    statement('commit', () => {
      const result = commit.run()
      gate.leave()
      return result
    }),
    statement('rollback', () => {
      try {
        return rollBack(sqlite)
      } finally {
        gate.leave()
      }
    }),
  ])
}

/**
 * SQLite has rolled back by itself after a full disk or a failed read or write (sqlite.org/lang_transaction.html §3.1):
 * a second rollback would fail, and its error would stand in the place of the reason.
 */
function rollBack(sqlite: Sqlite.Database): Sqlite.RunResult {
  if (sqlite.inTransaction) return sqlite.prepare('rollback').run()
  return { changes: 0, lastInsertRowid: 0 }
}

function wrap<Row>(sql: string, sqlite: Sqlite.Database, gate: WriteGate): Wrapped<Row> {
  const statement = guard(() => sqlite.prepare<unknown[], Row>(sql))
  const inTurn = <Result>(call: () => Result): Result => {
    if (statement.readonly || sqlite.inTransaction) return guard(call)
    gate.enter()
    try {
      return guard(call)
    } finally {
      gate.leave()
    }
  }
  return {
    reader: statement.reader,
    all: (parameters) => inTurn(() => statement.all(...parameters)),
    run: (parameters) => inTurn(() => statement.run(...parameters)),
    iterate: (parameters) => guard(() => statement.iterate(...parameters)),
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
  if (DENIED.test(code)) return accessDenied('The database file', cause)
  if (code.startsWith('SQLITE_IOERR')) {
    return new PosternError(
      'The database file cannot be read or written. Check the disk and the permissions of the data folder.',
      { kind: 'unavailable', code: 'storage_failed', cause },
    )
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new PosternError(
      'The database file is damaged. Stop Postern and restore the newest backup.',
      { kind: 'unavailable', code: 'database_damaged', cause },
    )
  }
  return undefined
}

/** Of SQLite (sqlite.org/rescode.html) and of the operating system. */
const DENIED = /^(SQLITE_(CANTOPEN|READONLY|AUTH|PERM)|EACCES$|EPERM$)/

/** `what` may not be opened by the user of this process. */
export function accessDenied(what: string, cause: unknown): PosternError {
  return new PosternError(
    `${what} cannot be opened by the user ${currentUser()}, who may not read and write it. Run this as the user that runs the agent, such as with “sudo -u”, or give that user the data folder with everything in it.`,
    { kind: 'unavailable', code: 'data_folder_unusable', cause },
  )
}

/** A user without a name is its number. */
function currentUser(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.geteuid?.() ?? 'of this process')
  }
}
