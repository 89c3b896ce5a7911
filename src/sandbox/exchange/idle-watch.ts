import type { Clock } from '../../platform/clock.ts'
import type { Connection } from './connection.ts'

/** Closes connections whose client says nothing; one sleeper for all of them, none while there is no connection. */
export interface IdleWatch {
  add(connection: Connection, onIdle: () => void): void
  remove(connection: Connection): void
}

export function createIdleWatch(deps: { clock: Clock; limitMs: number }): IdleWatch {
  const { clock, limitMs } = deps
  const members = new Map<Connection, () => void>()
  let stop: AbortController | undefined

  async function watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = clock.now()
      let oldest = now
      for (const connection of members.keys()) {
        oldest = Math.min(oldest, connection.waitingSince() ?? now)
      }
      await clock.sleep(Math.max(1, oldest + limitMs - now), signal)
      const deadline = clock.now() - limitMs
      for (const [connection, onIdle] of [...members]) {
        const since = connection.waitingSince()
        if (since !== undefined && since <= deadline) onIdle()
      }
    }
  }

  return {
    add(connection, onIdle) {
      members.set(connection, onIdle)
      if (stop !== undefined) return
      stop = new AbortController()
      // It ends only by being stopped.
      watch(stop.signal).catch(() => undefined)
    },
    remove(connection) {
      members.delete(connection)
      if (members.size > 0) return
      stop?.abort(new Error('No connection is open.'))
      stop = undefined
    },
  }
}
