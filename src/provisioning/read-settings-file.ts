import { createHash, createHmac } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { decodeUtf8, readBounded } from './bounded-file.ts'
import { createPositions, type Positions } from './positions.ts'
import { isRecord, readSecretFiles, type Told } from './secret-files.ts'
import { yamlSentence } from './yaml-sentences.ts'

const LONGEST_SETTINGS_FILE = 8 * 1024 * 1024
/** One mistake can make a parser stumble over everything behind it. */
const MOST_YAML_ERRORS = 10
const MOST_ALIASES = 100
const MOST_PROFILES = 10_000

/** The settings file and its secret files as they are at one moment. */
export interface SettingsFile {
  /** Entries in the form of the API; undefined when the form of the file is wrong. */
  readonly inputs: readonly unknown[] | undefined
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  readonly hash: string | null
  /** Changes with any byte of any of the files; means nothing outside this process. */
  readonly fingerprint: string
  /** The settings file and every secret file. */
  readonly files: readonly string[]
  /** `file:line:column: sentence` for what the profiles found. */
  lineOf(problem: Told): string
}

/**
 * `key` makes the fingerprint useless to whoever sees it. `file` is shown as the operator wrote it.
 */
export async function readSettingsFile(file: string, key: Buffer): Promise<SettingsFile> {
  const path = resolve(file)
  const content = await readBounded(path, LONGEST_SETTINGS_FILE)
  const fingerprint = (contents: readonly (Buffer | undefined)[]) => fingerprintOf(contents, key)
  const refused = (facts: { problems: readonly string[]; hash: string | null }): SettingsFile => ({
    ...facts,
    inputs: undefined,
    warnings: [],
    fingerprint: fingerprint([content.bytes]),
    files: [path],
    lineOf: ({ message }) => `${file}:1:1: ${message}`,
  })
  if (content.bytes === undefined) {
    const problem = `${file}:1:1: The settings file ${content.problem}: correct POSTERN_SETTINGS_FILE or the file.`
    return refused({ problems: [problem], hash: null })
  }
  const text = decodeUtf8(content.bytes)
  if (text === undefined) {
    const problem = `${file}:1:1: The settings file is not UTF-8 text: save it as UTF-8.`
    return refused({ problems: [problem], hash: null })
  }

  const parsed = parse(text)
  const line = ({ field, message }: Told) => `${file}:${parsed.positions.of(field)}: ${message}`
  if (parsed.entries === undefined) {
    // What cannot be parsed may hold a secret at a place that nobody knows, so its bytes are not hashed.
    const problems = parsed.problems.map(({ at, message }) => `${file}:${at}: ${message}`)
    return refused({ problems, hash: null })
  }
  const secrets = await readSecretFiles(parsed.entries, dirname(path))
  return {
    inputs: secrets.inputs,
    problems: [
      ...parsed.problems.map(({ at, message }) => `${file}:${at}: ${message}`),
      ...secrets.problems.map(line),
    ],
    warnings: secrets.warnings.map(line),
    hash: hashOf(content.bytes, text, secrets.inline, parsed.positions),
    fingerprint: fingerprint([content.bytes, ...secrets.contents]),
    files: [path, ...secrets.files],
    lineOf: line,
  }
}

/** The fingerprint of the same files as they are now, without parsing them: the cheap look that finds nothing new. */
export async function fingerprintNow(files: readonly string[], key: Buffer): Promise<string> {
  const contents: (Buffer | undefined)[] = []
  for (const file of files) contents.push((await readBounded(file, LONGEST_SETTINGS_FILE)).bytes)
  return fingerprintOf(contents, key)
}

function fingerprintOf(contents: readonly (Buffer | undefined)[], key: Buffer): string {
  const mac = createHmac('sha256', key)
  for (const bytes of contents) mac.update(`${bytes?.length ?? 'none'}:`).update(bytes ?? '')
  return mac.digest('hex')
}

interface Parsed {
  readonly positions: Positions
  readonly entries: readonly unknown[] | undefined
  readonly problems: readonly { readonly at: string; readonly message: string }[]
}

function parse(text: string): Parsed {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Warnings of the parser quote the text, which may hold a secret.
    logLevel: 'error',
  })
  const positions = createPositions(document, lines)
  const wrong = [...document.errors, ...document.warnings].slice(0, MOST_YAML_ERRORS)
  if (wrong.length > 0) {
    const problems = wrong.map((e) => ({ at: positions.at(e.pos[0]), message: yamlSentence(e) }))
    return { positions, entries: undefined, problems }
  }
  const refuse = (field: string, message: string): Parsed => ({
    positions,
    entries: undefined,
    problems: [{ at: positions.of(field), message }],
  })
  const value = toPlain(() => document.toJS({ maxAliasCount: MOST_ALIASES }))
  if (value === undefined) return refuse('', 'The aliases in the file cannot be resolved.')
  if (!isRecord(value)) return refuse('', 'The file must hold one key, profiles, with a list.')
  const problems = Object.keys(value)
    .filter((key) => key !== 'profiles')
    .map((key) => ({
      at: positions.of(key),
      message: 'This key is not known: at the top of the file stands profiles alone.',
    }))
  const { profiles } = value
  if (Array.isArray(profiles) && profiles.length > MOST_PROFILES) {
    return refuse(
      'profiles',
      `profiles has ${profiles.length} entries; at most ${MOST_PROFILES} are taken.`,
    )
  }
  if (Array.isArray(profiles)) return { positions, entries: [...profiles], problems }
  const message =
    'profiles must be a list. (An empty list, profiles: [], removes every profile that came from the file.)'
  return {
    positions,
    entries: undefined,
    problems: [...problems, { at: positions.of('profiles'), message }],
  }
}

function toPlain(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** What `sha256sum` prints for the file, unless a secret stands in it: then the word [secret] stands in its place. */
function hashOf(
  bytes: Buffer,
  text: string,
  inline: readonly string[],
  positions: Positions,
): string {
  const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')
  if (inline.length === 0) return sha256(bytes)
  const ranges = inline
    .flatMap((field) => {
      const range = positions.nodeOf(field)?.range
      return range === undefined || range === null ? [] : [range]
    })
    .sort((a, b) => b[0] - a[0])
  let blanked = text
  for (const [start, end] of ranges)
    blanked = `${blanked.slice(0, start)}[secret]${blanked.slice(end)}`
  return sha256(blanked)
}
