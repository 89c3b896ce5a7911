import { createHash, type Hash } from 'node:crypto'

/** SHA-256 of a JSON value, the same in whatever order its members came. */
export function fingerprintOf(value: unknown): string {
  const hash = createHash('sha256')
  add(hash, value)
  return hash.digest('hex')
}

function add(hash: Hash, value: unknown): void {
  if (Array.isArray(value)) {
    hash.update('[')
    for (const item of value) add(hash, item)
    hash.update(']')
  } else if (typeof value === 'object' && value !== null) {
    hash.update('{')
    for (const [key, item] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
      add(hash, key)
      add(hash, item)
    }
    hash.update('}')
  } else {
    const text = String(value)
    hash.update(`${typeof value} ${text.length} `)
    hash.update(text)
  }
}

/** Passes bytes on and keeps their SHA-256. */
export function createHashedStream(source: AsyncIterable<Uint8Array>): {
  bytes: AsyncIterable<Uint8Array>
  /** Once, when all bytes have passed. */
  digest(): string
} {
  const hash = createHash('sha256')
  return {
    bytes: (async function* () {
      for await (const chunk of source) {
        hash.update(chunk)
        yield chunk
      }
    })(),
    digest: () => hash.digest('hex'),
  }
}
