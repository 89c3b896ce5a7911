import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { codeOf } from '../platform/errors.ts'

export type FileContent =
  | { readonly bytes: Buffer; readonly problem: undefined }
  | { readonly bytes: undefined; readonly problem: string }

/** Reads a regular file of at most `maxBytes`. What hinders it is told as the end of a sentence ("… does not exist"). */
export async function readBounded(file: string, maxBytes: number): Promise<FileContent> {
  const refuse = (problem: string) => ({ bytes: undefined, problem })
  try {
    // O_NONBLOCK: a named pipe would otherwise wait for its writer.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const facts = await handle.stat()
    if (!facts.isFile()) return refuse('is not a file')
    if (facts.size > maxBytes) return refuse(`is larger than ${maxBytes} bytes`)
    const bytes = await handle.readFile()
    return bytes.length > maxBytes
      ? refuse(`is larger than ${maxBytes} bytes`)
      : { bytes, problem: undefined }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return refuse('does not exist')
    if (code === 'EACCES' || code === 'EPERM') {
      return refuse('cannot be read by the user that runs Postern')
    }
    if (code === 'EISDIR') return refuse('is a folder')
    return refuse(`cannot be read (${code ?? 'unknown error'})`)
  }
}

/** The text, or undefined when the bytes are no UTF-8. A byte order mark is dropped. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
