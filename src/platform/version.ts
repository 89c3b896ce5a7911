import { readFileSync } from 'node:fs'

/** The product's version, from package.json. */
export function productVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version)
  }
  throw new Error('package.json names no version')
}
