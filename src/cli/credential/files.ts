import { constants } from 'node:fs'
import { access, open, readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CertificatePair } from '../../entra/index.ts'
import { codeOf, messageOf, PosternError } from '../../platform/errors.ts'
import { Secret } from '../../platform/secret.ts'

export interface PairFiles {
  /** Public; what is uploaded. */
  readonly certificateFile: string
  /** Mode 0600. */
  readonly privateKeyFile: string
}

/** Where a pair of this name is to be written; throws when either file is there already or the folder is not. */
export async function freePairFiles(folder: string, name: string): Promise<PairFiles> {
  await assertFolder(folder)
  const files = {
    certificateFile: join(folder, `${name}.cer.pem`),
    privateKeyFile: join(folder, `${name}.key.pem`),
  }
  for (const file of Object.values(files)) {
    if (await exists(file)) throw taken(file)
  }
  return files
}

/** Both files or neither; never over a file that is there. */
export async function writePair(files: PairFiles, pair: CertificatePair): Promise<void> {
  const { certificateFile, privateKeyFile } = files
  await writeNew(privateKeyFile, pair.privateKey.reveal(), 0o600)
  try {
    await writeNew(certificateFile, pair.certificate, 0o644)
  } catch (error) {
    await rm(privateKeyFile, { force: true })
    throw error
  }
}

async function writeNew(file: string, content: string, mode: number): Promise<void> {
  try {
    await using handle = await open(file, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } catch (error) {
      await rm(file, { force: true })
      throw error
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw taken(file)
    throw fileTrouble(`${file} cannot be written (${codeOf(error) ?? messageOf(error)})`, error)
  }
}

/** Far more than a certificate with its chain and key takes. */
const LARGEST_FILE = 1_048_576

export async function readSmall(file: string): Promise<Buffer> {
  const { isFile, size } = await factsOf(file)
  if (!isFile) throw fileTrouble(`${file} is not a file`)
  if (size > LARGEST_FILE)
    throw fileTrouble(`${file} is far too large for a certificate or password`)
  try {
    return await readFile(file)
  } catch (error) {
    throw fileTrouble(`${file} cannot be read (${codeOf(error) ?? messageOf(error)})`, error)
  }
}

/** The password in a file; editors end the line, which is no part of it. */
export async function readPassword(file: string): Promise<Secret> {
  const text = (await readSmall(file)).toString('utf8')
  return new Secret(text.replace(/^\uFEFF/, '').replace(/\r?\n$/, ''))
}

/** `client` for `/tmp/client.pfx` and for `client.cer.pem`. */
export function stemOf(file: string): string {
  return basename(file).replace(/(\.cer|\.key)?\.[^.]+$/, '')
}

async function factsOf(file: string): Promise<{ isFile: boolean; size: number }> {
  try {
    const facts = await stat(file)
    return { isFile: facts.isFile(), size: facts.size }
  } catch (error) {
    const reason = isAbsent(error) ? 'does not exist' : `cannot be read (${codeOf(error)})`
    throw fileTrouble(`${file} ${reason}`, error)
  }
}

async function assertFolder(folder: string): Promise<void> {
  try {
    if (!(await stat(folder)).isDirectory()) throw fileTrouble(`${folder} is not a folder`)
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof PosternError) throw error
    const reason = isAbsent(error) ? 'does not exist: create it first' : 'cannot be written'
    throw fileTrouble(`The folder ${folder} ${reason}`, error)
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file)
    return true
  } catch (error) {
    return !isAbsent(error)
  }
}

function isAbsent(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function taken(file: string): PosternError {
  return fileTrouble(
    `${file} exists already and is not overwritten: choose another name or folder, or move it away`,
  )
}

function fileTrouble(message: string, cause?: unknown): PosternError {
  return new PosternError(`${message}.`, { kind: 'invalid', code: 'usage', cause })
}
