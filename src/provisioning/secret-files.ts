import { resolve } from 'node:path'
import { decodeUtf8, readBounded } from './bounded-file.ts'

const LONGEST_SECRET_FILE = 16 * 1024
const CERTIFICATE = { plain: 'certificate', file: 'certificateFile', isPublic: true }
const PRIVATE_KEY = { plain: 'privateKey', file: 'privateKeyFile' }

export interface Told {
  readonly field: string
  readonly message: string
}

/** What the entries of the settings file became once the secret files were read. */
export interface SecretReading {
  /** Entries in the form of the API: `value`, `password`, … in place of their files. */
  readonly inputs: readonly unknown[]
  readonly problems: readonly Told[]
  readonly warnings: readonly Told[]
  /** Every file that was named, whether it could be read or not. */
  readonly files: readonly string[]
  /** Their contents, in the same order; for noticing a change. */
  readonly contents: readonly (Buffer | undefined)[]
  /** Fields whose secret stands in the settings file itself. */
  readonly inline: readonly string[]
}

/** Puts the content of each `valueFile`, `passwordFile`, `certificateFile` and `privateKeyFile` in its place. */
export async function readSecretFiles(
  entries: readonly unknown[],
  folder: string,
): Promise<SecretReading> {
  const problems: Told[] = []
  const warnings: Told[] = []
  const inline: string[] = []
  const files: string[] = []
  const contents: (Buffer | undefined)[] = []

  async function take(
    given: Readonly<Record<string, unknown>>,
    place: string,
    names: { plain: string; file: string; isPublic?: boolean },
  ): Promise<Record<string, unknown>> {
    const { [names.file]: named, ...rest } = given
    if (typeof rest[names.plain] === 'string' && names.isPublic !== true) {
      inline.push(`${place}.${names.plain}`)
      warnings.push({
        field: `${place}.${names.plain}`,
        message: `The secret stands in the settings file itself, where everybody who reads the file reads it: put it into a file of its own and name that in ${names.file}.`,
      })
    }
    if (named === undefined) return rest
    const field = `${place}.${names.file}`
    if (typeof named !== 'string' || named.trim() === '') {
      problems.push({ field, message: `${names.file} must be the path of a file.` })
      return rest
    }
    if (names.plain in rest) {
      problems.push({
        field,
        message: `${names.plain} and ${names.file} cannot both stand here: remove one.`,
      })
    }
    const file = resolve(folder, named)
    const content = await readBounded(file, LONGEST_SECRET_FILE)
    files.push(file)
    contents.push(content.bytes)
    if (content.bytes === undefined) {
      problems.push({
        field,
        message: `The secret file ${file} ${content.problem}: put the secret there, or correct the path.`,
      })
      return rest
    }
    const text = decodeUtf8(content.bytes)?.replace(/\r?\n$/, '')
    if (text === undefined || text === '') {
      const what = text === '' ? 'is empty' : 'does not hold text'
      problems.push({ field, message: `The secret file ${file} ${what}: put the secret there.` })
      return rest
    }
    return { ...rest, [names.plain]: text }
  }

  const inputs: unknown[] = []
  for (const [index, entry] of entries.entries()) {
    if (!isRecord(entry) || !isRecord(entry['authentication'])) {
      inputs.push(entry)
      continue
    }
    const place = `profiles[${index}].authentication`
    const { authentication } = entry
    const given = authentication['credential']
    if (authentication['type'] === 'basic') {
      const names = { plain: 'password', file: 'passwordFile' }
      inputs.push({ ...entry, authentication: await take(authentication, place, names) })
    } else if (isRecord(given)) {
      const at = `${place}.credential`
      const credential =
        given['type'] === 'certificate'
          ? await take(await take(given, at, CERTIFICATE), at, PRIVATE_KEY)
          : await take(given, at, { plain: 'value', file: 'valueFile' })
      inputs.push({ ...entry, authentication: { ...authentication, credential } })
    } else {
      inputs.push(entry)
    }
  }
  return { inputs, problems, warnings, files, contents, inline }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
