import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PosternError } from '../platform/errors.ts'
import type { Secret } from '../platform/secret.ts'
import { MASTER_KEY_BYTES } from './key-ring.ts'
import { writePrivateFile } from './private-file.ts'

export const MASTER_KEY_FILE = 'master.key'

/** The given key, or the one in the data folder; on the first start a new one is made and kept there. */
export function loadMasterKey(options: { dataDir: string; given: Secret | undefined }): Buffer {
  if (options.given !== undefined) return decode(options.given.reveal(), 'POSTERN_MASTER_KEY')
  const file = join(options.dataDir, MASTER_KEY_FILE)
  if (existsSync(file)) return decode(readFileSync(file, 'utf8'), file)
  const key = randomBytes(MASTER_KEY_BYTES)
  writePrivateFile(file, `${key.toString('base64')}\n`)
  return key
}

/** Base64 (RFC 4648 §4 or §5) of exactly 32 bytes, or an error that names where it came from. */
function decode(text: string, origin: string): Buffer {
  const trimmed = text.trim()
  const key = Buffer.from(trimmed, 'base64')
  if (key.length !== MASTER_KEY_BYTES || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)) {
    throw new PosternError(
      `${origin} does not hold a master key: expected ${MASTER_KEY_BYTES} bytes in base64. Restore the right key; with a new one every stored secret must be entered again.`,
      { kind: 'invalid', code: 'master_key_invalid' },
    )
  }
  return key
}
