import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { PosternError } from '../platform/errors.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/

/** The numbered files of `migrations/`, in order and without a gap. */
export function readMigrations(
  folder = fileURLToPath(new URL('../../migrations/', import.meta.url)),
): readonly Migration[] {
  const migrations = readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const [, number, name] = FILE_NAME.exec(file) ?? []
      if (number === undefined || name === undefined) return []
      return [{ number: Number(number), name, sql: readFileSync(`${folder}/${file}`, 'utf8') }]
    })
  migrations.forEach(({ number, name }, index) => {
    if (number !== index + 1) throw new Error(`migration ${name}: expected number ${index + 1}`)
  })
  return migrations
}

/** The number of the last migration that the file has seen; SQLite keeps it in its header. */
export function schemaVersion(sqlite: Sqlite.Database): number {
  return Number(sqlite.pragma('user_version', { simple: true }))
}

/** Brings the file to the newest schema: every pending migration in one transaction, or none. */
export function migrate(sqlite: Sqlite.Database, migrations: readonly Migration[]): number {
  const version = schemaVersion(sqlite)
  const pending = migrations.slice(version)
  if (pending.length === 0) return 0
  sqlite.transaction(() => {
    for (const { sql } of pending) sqlite.exec(sql)
    sqlite.pragma(`user_version = ${migrations.length}`)
  })()
  return pending.length
}

export function assertNotNewer(
  version: number,
  migrations: readonly Migration[],
  file: string,
): void {
  if (version <= migrations.length) return
  throw new PosternError(
    `${file} was written by a newer Postern (schema ${version}, this version knows ${migrations.length}); it was not changed. Start that newer version, or restore the backup made before the upgrade.`,
    { kind: 'unavailable', code: 'database_newer' },
  )
}
