import { createHash } from 'node:crypto'

export interface Spread {
  readonly id: string
  readonly offsetMs: number
}

/** Gives each id its own place within `spreadMs`, always the same one, in the order of time. */
export function spreadOver(ids: readonly string[], spreadMs: number): readonly Spread[] {
  return ids
    .map((id) => ({ id, offsetMs: Math.floor(share(id) * spreadMs) }))
    .sort((a, b) => a.offsetMs - b.offsetMs || (a.id < b.id ? -1 : 1))
}

/** From 0 up to, but not including, 1. */
function share(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32
}
