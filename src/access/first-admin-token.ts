import { join } from 'node:path'
import { Secret } from '../platform/secret.ts'
import { writePrivateFile } from '../storage/index.ts'
import type { Tokens } from './access.ts'

export const INITIAL_TOKEN_FILE = 'initial-admin-token'

export interface FirstAdminToken {
  readonly token: Secret
  readonly file: string
}

/**
 * The preset token, or on the very first start a new one, which is also kept in a file of the data folder. Null when
 * none was made.
 */
export async function prepareAdminToken(
  tokens: Tokens,
  config: { dataDir: string; adminToken: Secret | undefined },
): Promise<FirstAdminToken | null> {
  if (config.adminToken !== undefined) {
    await tokens.ensurePreset(config.adminToken.reveal())
    return null
  }
  await tokens.warnOfFormerPreset()
  const file = join(config.dataDir, INITIAL_TOKEN_FILE)
  const token = await tokens.ensureFirst((made) => writePrivateFile(file, `${made}\n`))
  if (token === undefined) return null
  return { token: new Secret(token), file }
}
