import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { type Clock, toIso } from '../platform/clock.ts'
import { codeOf, PosternError } from '../platform/errors.ts'

const LOCK_FILE = 'agent.lock'
const HOLDER_FILE = 'agent.json'

/** The sole right to run an agent on a data folder. */
export interface Claim extends Disposable {}

/**
 * Takes the claim or throws `data_folder_in_use`. It is an operating-system lock, held through SQLite on a file of
 * its own: the kernel releases it when the process ends in whatever way, so a crashed agent's claim is free.
 */
export function claimDataFolder(deps: { dataDir: string; clock: Clock }): Claim {
  const lock = new Sqlite(join(deps.dataDir, LOCK_FILE), { timeout: 0 })
  try {
    lock.exec('begin exclusive')
  } catch (cause) {
    lock.close()
    if (codeOf(cause) !== 'SQLITE_BUSY') throw cause
    throw new PosternError(
      `Another Postern agent is running on ${deps.dataDir}${holder(deps.dataDir)}. Stop it first, or give this one a data folder of its own (POSTERN_DATA_DIR).`,
      { kind: 'conflict', code: 'data_folder_in_use', cause },
    )
  }
  writeFileSync(
    join(deps.dataDir, HOLDER_FILE),
    `${JSON.stringify({ pid: process.pid, host: hostname(), startedAt: toIso(deps.clock.now()) })}\n`,
    { mode: 0o600 },
  )
  return { [Symbol.dispose]: () => lock.close() }
}

function holder(dataDir: string): string {
  try {
    const facts: unknown = JSON.parse(readFileSync(join(dataDir, HOLDER_FILE), 'utf8'))
    if (typeof facts !== 'object' || facts === null) return ''
    const { pid, host, startedAt } = { pid: '?', host: '?', startedAt: '?', ...facts }
    return ` (process ${pid} on ${host}, since ${startedAt})`
  } catch {
    return ''
  }
}
