import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Random } from './random.ts'

/**
 * What SQLite had committed at an instant: so many frames of the log with this salt. Each commit waits for the disk
 * (synchronous=FULL) before it counts the frames here, so a loss of power leaves at least these.
 */
export interface Committed {
  readonly salt: string
  readonly endsAt: number
}

// sqlite.org/walformat.html: §2.1 (the shared-memory index), §1.3 (the log).
const INDEX_HEADER_BYTES = 48
const LOG_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/** Looks at the index that the agent's connections share. */
export function openCommitted(dataDir: string): Disposable & { look(): Committed | undefined } {
  const file = openSync(join(dataDir, 'postern.db-shm'), 'r')
  return {
    look() {
      const both = Buffer.alloc(2 * INDEX_HEADER_BYTES)
      readSync(file, both, 0, both.length, 0)
      const [first, second] = [
        both.subarray(0, INDEX_HEADER_BYTES),
        both.subarray(INDEX_HEADER_BYTES),
      ]
      // Just being written, or made anew.
      if (!first.equals(second) || first[12] !== 1) return undefined
      const pageBytes = first.readUInt16LE(14)
      const frames = first.readUInt32LE(16)
      const endsAt = LOG_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + (pageBytes || 65_536))
      return { salt: first.toString('hex', 32, 40), endsAt }
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}

const LOSSES = ['cut off', 'zeros', 'garbage', 'damaged'] as const

/**
 * Copies the files of a database as a loss of power may leave them: of the log's bytes behind what was committed any
 * number is missing or wrong. Answers what was done.
 */
export function copyAfterPowerLoss(options: {
  from: string
  to: string
  committed: Committed
  random: Random
}): string {
  const { from, to, committed, random } = options
  mkdirSync(to, { recursive: true })
  for (const name of ['postern.db', 'postern.db-wal', 'master.key']) {
    copyFileSync(join(from, name), join(to, name))
  }
  rmSync(join(to, 'postern.db-shm'), { force: true })
  const log = openSync(join(to, 'postern.db-wal'), 'r+')
  try {
    const { size } = fstatSync(log)
    const header = Buffer.alloc(LOG_HEADER_BYTES)
    readSync(log, header, 0, header.length, 0)
    // Begun anew since: everything of then is in the database itself.
    const isSame = header.toString('hex', 16, 24) === committed.salt
    const least = Math.min(size, isSame ? committed.endsAt : LOG_HEADER_BYTES)
    // Each third time right behind what is promised.
    const at = random.next() < 0.3 ? least : random.between(least, size)
    const loss = LOSSES[random.between(0, LOSSES.length - 1)] ?? 'cut off'
    if (loss === 'cut off') ftruncateSync(log, at)
    else {
      const length = loss === 'damaged' ? Math.min(512, size - at) : size - at
      const bytes = Buffer.alloc(length)
      if (loss !== 'zeros') for (let i = 0; i < length; i++) bytes[i] = random.between(0, 255)
      writeSync(log, bytes, 0, length, at)
    }
    return `${loss} at ${at} of ${size}, committed ${isSame ? committed.endsAt : 'before this log'}`
  } finally {
    closeSync(log)
  }
}
