import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Kysely } from 'kysely'
import type { Clock } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Secret } from '../platform/secret.ts'
import { claimDataFolder } from './claim.ts'
import { createKeyRing, type KeyRing } from './key-ring.ts'
import { loadMasterKey } from './master-key.ts'
import { assertNotNewer, migrate, readMigrations, schemaVersion } from './migrate.ts'
import {
  accessDenied,
  BUSY_TIMEOUT_MS,
  CHECKPOINT_PAGES,
  createQueryBuilder,
  guard,
  openSqlite,
  storageError,
} from './sqlite.ts'
import type { Tables } from './tables.ts'
import { createFirstGate, createThreadGate, createWriteTurns } from './write-gate.ts'

export const DATABASE_FILE = 'postern.db'

export interface Storage extends AsyncDisposable {
  readonly db: Kysely<Tables>
  readonly keyRing: KeyRing
  /** Changes whenever another process has written to the file (SQLite's data_version). */
  foreignChanges(): number
  /** Throws when the file cannot be read now. */
  check(): void
  /** For a thread of this process that opens the file a second time. */
  readonly location: StorageLocation
  /**
   * While another connection writes much more than this one, the copying from the write-ahead log into the file is left
   * to it: it takes a disk's time.
   */
  leaveCheckpoints(toOthers: boolean): void
}

/** Where the file is, and how its connections take turns. It may be sent to a thread. */
export interface StorageLocation {
  readonly file: string
  readonly turns: SharedArrayBuffer
}

/** A further connection of a thread to the file of an open storage. */
export interface Connection extends Disposable {
  readonly db: Kysely<Tables>
}

/** Without a claim, migration or check: whoever opened the storage has seen to them, and keeps it open longer. */
export function openConnection(location: StorageLocation): Connection {
  const sqlite = guard(() => openSqlite(location.file, BUSY_TIMEOUT_MS.thread))
  return {
    db: createQueryBuilder(sqlite, createThreadGate(location.turns)),
    [Symbol.dispose]: () => {
      sqlite.close()
    },
  }
}

export interface StorageOptions {
  dataDir: string
  masterKey?: Secret | undefined
  /**
   * `agent` owns the folder: takes the claim, creates and migrates. `companion` is a command beside it: no claim,
   * and the file must exist with the current schema.
   */
  role: 'agent' | 'companion'
  clock: Clock
  log: Logger
}

/** Larger files are not read through at every start; SQLite still reports damage where it meets it. */
const FULLY_CHECKED_BYTES = 64 * 1024 * 1024
/** So many times the pages may wait before this connection copies them all the same. */
const LEFT_TO_OTHERS = 16

export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { dataDir, role, clock, log } = options
  const file = join(dataDir, DATABASE_FILE)
  const migrations = readMigrations()
  await using closers = new AsyncDisposableStack()

  if (role === 'agent') {
    prepareFolder(dataDir)
    closers.use(claimDataFolder({ dataDir, clock }))
  } else if (!isThere(file)) {
    throw new PosternError(
      `There is no Postern database in ${dataDir}. Start the agent once, or name its folder in POSTERN_DATA_DIR.`,
      { kind: 'not_found', code: 'database_missing' },
    )
  }
  inspectFile(file, (version) => {
    assertNotNewer(version, migrations, file)
    if (role === 'companion' && version < migrations.length) {
      throw new PosternError(
        `${file} has an older schema. Start the agent of this version once: it brings the database up to date.`,
        { kind: 'unavailable', code: 'database_older' },
      )
    }
  })

  const masterKey = guard(() =>
    loadMasterKey({ dataDir, given: options.masterKey, mayReplace: role === 'agent', clock, log }),
  )
  const keyRing = createKeyRing(masterKey)
  const sqlite = guard(() => openSqlite(file, BUSY_TIMEOUT_MS[role]))
  closers.defer(() => {
    sqlite.close()
  })
  if (role === 'agent') {
    const applied = guard(() => migrate(sqlite, migrations))
    if (applied > 0) log.info({ applied, schema: migrations.length }, 'database migrated')
  }
  const turns = createWriteTurns()
  const db = createQueryBuilder(sqlite, createFirstGate(turns))
  const dataVersion = sqlite.prepare<[], number>('pragma data_version').pluck()
  const probe = sqlite.prepare('select count(*) from sqlite_schema')

  const held = closers.move()
  return {
    db,
    keyRing,
    foreignChanges: () => dataVersion.get() ?? 0,
    check: () => {
      guard(() => probe.get())
    },
    location: { file, turns },
    leaveCheckpoints(toOthers) {
      const pages = CHECKPOINT_PAGES * (toOthers ? LEFT_TO_OTHERS : 1)
      guard(() => sqlite.pragma(`wal_autocheckpoint = ${pages}`))
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Of a folder that may not be looked into, nobody can tell. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined
  } catch (cause) {
    throw storageError(cause) === undefined ? cause : accessDenied(file, cause)
  }
}

function prepareFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new PosternError(
      `The data folder ${dataDir} cannot be written. Give it to the user that runs Postern, or set POSTERN_DATA_DIR to a folder that can be written.`,
      { kind: 'unavailable', code: 'data_folder_unusable', cause },
    )
  }
}

/** Looks at an existing file without changing it: a damaged or newer one stops the start here. */
function inspectFile(file: string, checkVersion: (version: number) => void): void {
  if (!isThere(file)) return
  try {
    const sqlite = new Sqlite(file, { readonly: true })
    try {
      checkVersion(schemaVersion(sqlite))
      if (statSync(file).size <= FULLY_CHECKED_BYTES) {
        const verdict = sqlite.pragma('quick_check(1)', { simple: true })
        if (verdict !== 'ok') throw damaged(file, new Error(String(verdict)))
      }
    } finally {
      sqlite.close()
    }
  } catch (cause) {
    if (cause instanceof PosternError) throw cause
    const known = storageError(cause)
    if (known?.code === 'database_damaged') throw damaged(file, cause)
    if (known?.code === 'data_folder_unusable') throw accessDenied(file, cause)
    throw known ?? cause
  }
}

function damaged(file: string, cause: unknown): PosternError {
  return new PosternError(
    `${file} is damaged; it was not changed. Move it away and restore the newest backup, or start with an empty data folder and enter the settings again.`,
    { kind: 'unavailable', code: 'database_damaged', cause },
  )
}
