import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A value that must not be found, by the name that a failure shows. */
export interface Guarded {
  readonly name: string
  readonly value: string | Buffer
}

/** Text or bytes in which to search, by the name that a failure shows. */
export interface Searched {
  readonly name: string
  readonly content: string | Buffer
}

/** `secret in place` for every guarded value that stands in a text or in bytes, plainly, encoded or in part. */
export function findLeaks(guarded: readonly Guarded[], searched: readonly Searched[]): string[] {
  const wanted = guarded.map(({ name, value }) => ({ name, forms: formsOf(value) }))
  const leaks: string[] = []
  for (const { name: place, content } of searched) {
    const bytes = Buffer.from(content)
    for (const { name, forms } of wanted) {
      const form = forms.find(([, needle]) => bytes.includes(needle))
      if (form !== undefined) leaks.push(`${name} (${form[0]}) in ${place}`)
    }
  }
  return leaks
}

/** Every file of a folder, whole. */
export function readFolder(folder: string): Searched[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => ({ name: `file ${name}`, content: readFileSync(join(folder, name)) }))
}

const LEAST_PART = 12

function formsOf(value: string | Buffer): (readonly [string, Buffer])[] {
  const bytes = Buffer.from(value)
  // First characters are shown on purpose; the end of a token is its signature.
  const part = bytes.subarray(Math.max(6, bytes.length - 24))
  return [
    ['plain', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ...(typeof value === 'string'
      ? [['in a URL', Buffer.from(encodeURIComponent(value))] as const]
      : []),
    ...(part.length >= LEAST_PART ? [['in part', part] as const] : []),
    ...[0, 1, 2].flatMap((shift) => {
      const text = base64Core(bytes, shift)
      const url = text.replaceAll('+', '-').replaceAll('/', '_')
      return [['base64', Buffer.from(text)] as const, ['base64url', Buffer.from(url)] as const]
    }),
  ]
}

/** What base64 makes of the bytes wherever in a longer text they begin; the edges depend on the neighbours. */
function base64Core(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const core = text.slice(shift === 0 ? 0 : shift + 1, -1)
  return core.slice(0, core.length - 1)
}
