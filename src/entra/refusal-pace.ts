import { MINUTE_MS, SECOND_MS } from '../platform/clock.ts'

/** Between two token requests of an application that is being refused. */
export const REFUSED_MS = 30 * SECOND_MS
/** A credential that was not tried for so long is nobody's any more. */
const FORGOTTEN_MS = 10 * MINUTE_MS

/**
 * Entra counts refused requests by application, whichever credential and resource they are for. So while one of its
 * credentials is refused, all requests of the application keep their distance, those of its other credentials too: a
 * fallback, a new one that is being proven, Graph.
 */
export interface RefusalPace {
  /** Milliseconds until the application may ask again. */
  restOf(application: string): number
  /** What a request came to; `credential` tells those of one application apart. */
  record(application: string, credential: string, answer: 'refused' | 'accepted' | 'none'): void
  forget(application: string): void
}

interface State {
  lastAt: number
  /** When each was refused last. */
  readonly refused: Map<string, number>
}

export function createRefusalPace(deps: { monotonicMs: () => number }): RefusalPace {
  const { monotonicMs } = deps
  const states = new Map<string, State>()

  /** Undefined when no credential of the application is being refused. */
  function stateOf(application: string): State | undefined {
    const state = states.get(application)
    if (state === undefined) return undefined
    for (const [credential, at] of state.refused) {
      if (monotonicMs() - at >= FORGOTTEN_MS) state.refused.delete(credential)
    }
    if (state.refused.size > 0) return state
    states.delete(application)
    return undefined
  }

  return {
    restOf(application) {
      const state = stateOf(application)
      return state === undefined ? 0 : Math.max(0, state.lastAt + REFUSED_MS - monotonicMs())
    },
    record(application, credential, answer) {
      const now = monotonicMs()
      const known = stateOf(application)
      if (answer === 'refused') {
        const state: State = known ?? { lastAt: now, refused: new Map() }
        state.lastAt = now
        state.refused.set(credential, now)
        states.set(application, state)
      } else if (known !== undefined) {
        known.lastAt = now
        if (answer === 'accepted') known.refused.delete(credential)
      }
    },
    forget: (application) => void states.delete(application),
  }
}
