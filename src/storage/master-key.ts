import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, toIso } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Secret } from '../platform/secret.ts'
import { MASTER_KEY_BYTES } from './key-ring.ts'
import { writePrivateFile } from './private-file.ts'

const MASTER_KEY_FILE = 'master.key'

/**
 * The given key, or the one in the data folder; on the first start a new one is made and kept there. A key file that
 * holds no key is put aside and replaced, so that the agent starts and the secrets can be entered again.
 */
export function loadMasterKey(options: {
  dataDir: string
  given: Secret | undefined
  /** Whether a missing or damaged key file may be replaced; a command must not. */
  mayReplace: boolean
  clock: Clock
  log: Logger
}): Buffer {
  const { given, mayReplace, clock, log } = options
  if (given !== undefined) {
    const key = decode(given.reveal())
    if (key === undefined) throw noKey('POSTERN_MASTER_KEY')
    return key
  }
  const file = join(options.dataDir, MASTER_KEY_FILE)
  if (existsSync(file)) {
    const key = decode(readFileSync(file, 'utf8'))
    if (key !== undefined) return key
    if (!mayReplace) throw noKey(file)
    const aside = `${file}.damaged-${toIso(clock.now()).replaceAll(':', '')}`
    renameSync(file, aside)
    log.error(
      { file, aside },
      'master key file damaged: a new key is used, restore the right file or enter every secret again',
    )
  } else if (!mayReplace) {
    throw noKey(file)
  }
  const key = randomBytes(MASTER_KEY_BYTES)
  writePrivateFile(file, `${key.toString('base64')}\n`)
  return key
}

/** Base64 (RFC 4648 §4 or §5) of exactly 32 bytes. */
function decode(text: string): Buffer | undefined {
  const trimmed = text.trim()
  const key = Buffer.from(trimmed, 'base64')
  const isKey = key.length === MASTER_KEY_BYTES && /^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)
  return isKey ? key : undefined
}

function noKey(origin: string): PosternError {
  return new PosternError(
    `${origin} does not hold a master key: expected ${MASTER_KEY_BYTES} bytes in base64. Restore the right key; with a new one every stored secret must be entered again.`,
    { kind: 'invalid', code: 'master_key_invalid' },
  )
}
