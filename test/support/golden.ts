import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export function repositoryFile(path: string): string {
  return `${ROOT}${path}`
}

/** Compares text with a file of the repository; `npm run golden` rewrites the file instead. */
export function expectGolden(path: string, text: string): void {
  const file = repositoryFile(path)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return
  }
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '', `${path}: run npm run golden`).toBe(
    text,
  )
}
