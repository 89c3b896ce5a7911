import type { Clock } from '../platform/clock.ts'
import type { RefusalPace } from './refusal-pace.ts'

export interface Waiter {
  /** Waiters of the same key share one request. */
  readonly key: string
  readonly credential: string
  readonly longestMs: number
  readonly signal: AbortSignal | undefined
  /** Sends the request; must not reject. */
  ask(): Promise<unknown>
}

/** Who of a refused application asks next: one at a time, at the distance that its pace wants. */
export interface Turns {
  isWaiting(application: string): boolean
  /**
   * Resolves with true when the request is on its way, with false when others were asked about for so long. Rejects
   * with the signal's reason.
   */
  wait(application: string, waiter: Waiter): Promise<boolean>
}

interface Place {
  readonly waiter: Waiter
  readonly since: number
  settle(isTurn: boolean): void
}

interface Line {
  readonly places: Set<Place>
  /** Ends the wait when nobody is left. */
  readonly left: AbortController
  /** The last turn was that of a credential that is known to work. */
  lastWasAccepted: boolean
}

/**
 * A credential that Entra has accepted goes first: those that are refused must not keep it waiting. But not twice in
 * turn, or one that was just corrected would never be asked about.
 */
export function createTurns(deps: {
  clock: Clock
  monotonicMs: () => number
  pace: Pick<RefusalPace, 'restOf' | 'wasAccepted'>
}): Turns {
  const { clock, monotonicMs, pace } = deps
  const lines = new Map<string, Line>()

  function nextOf(application: string, line: Line): Place | undefined {
    const places = [...line.places]
    const isWanted = ({ waiter }: Place) =>
      pace.wasAccepted(application, waiter.credential) !== line.lastWasAccepted
    return places.find(isWanted) ?? places[0]
  }

  async function serve(application: string, line: Line): Promise<void> {
    while (line.places.size > 0) {
      const rest = pace.restOf(application)
      if (rest > 0) {
        await clock.sleep(rest, line.left.signal).catch(() => {})
        continue
      }
      const next = nextOf(application, line)
      if (next === undefined) break
      const { key, credential, ask } = next.waiter
      line.lastWasAccepted = pace.wasAccepted(application, credential)
      const asking = ask()
      for (const place of line.places) if (place.waiter.key === key) place.settle(true)
      await asking
      for (const place of line.places) {
        if (monotonicMs() - place.since >= place.waiter.longestMs) place.settle(false)
      }
    }
    if (lines.get(application) === line) lines.delete(application)
  }

  function join(application: string, place: Place): Line {
    const known = lines.get(application)
    if (known !== undefined && !known.left.signal.aborted) {
      known.places.add(place)
      return known
    }
    const line = {
      places: new Set([place]),
      left: new AbortController(),
      lastWasAccepted: false,
    }
    lines.set(application, line)
    return line
  }

  return {
    isWaiting: (application) => (lines.get(application)?.places.size ?? 0) > 0,
    wait(application, waiter) {
      const { signal } = waiter
      return new Promise((resolve, reject) => {
        const leave = () => {
          line.places.delete(place)
          signal?.removeEventListener('abort', onAbort)
        }
        const onAbort = () => {
          leave()
          if (line.places.size === 0) line.left.abort(new Error('nobody waits'))
          reject(signal?.reason)
        }
        const place: Place = {
          waiter,
          since: monotonicMs(),
          settle(isTurn) {
            leave()
            resolve(isTurn)
          },
        }
        const isFirst = lines.get(application)?.left.signal.aborted !== false
        const line = join(application, place)
        signal?.addEventListener('abort', onAbort, { once: true })
        if (isFirst) void serve(application, line)
      })
    },
  }
}
