/**
 * Storage: one SQLite file per data folder, and the key ring that seals single columns in it.
 *
 * Promises: a commit is on disk before its promise resolves (WAL, synchronous=FULL); one agent per folder, and a
 * crashed agent's claim is free at once; migrations run all together or not at all; a damaged or newer file stops the
 * start and is not changed; a secret opens only with the master key that sealed it and only in its own row. A thread may
 * open the file a second time; the main thread's writes go before its.
 *
 * What survives a crash: every committed row. What does not: nothing is kept outside the file.
 */
export { createKeyRing, type KeyRing, type SealedPlace } from './key-ring.ts'
export { type Migration, readMigrations } from './migrate.ts'
export {
  type Connection,
  DATABASE_FILE,
  openConnection,
  openStorage,
  type Storage,
  type StorageLocation,
  type StorageOptions,
} from './open.ts'
export { writePrivateFile } from './private-file.ts'
export { type Statement, statementOf, storageError } from './sqlite.ts'
export type { Tables } from './tables.ts'
