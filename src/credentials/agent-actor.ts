import type { Actor } from '../access/index.ts'

/** Who did what nobody asked for: Postern itself. */
export const AGENT: Actor = { type: 'agent', id: null, name: 'Postern', address: null }
