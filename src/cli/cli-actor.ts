import type { Actor } from '../access/index.ts'

/** Changes made on the command line are audited under this name. */
export const CLI_ACTOR: Actor = { type: 'cli', id: null, name: 'command line', address: null }
