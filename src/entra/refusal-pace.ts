import { DAY_MS, MINUTE_MS, SECOND_MS } from '../platform/clock.ts'

/** Between two token requests of an application that is being refused. */
export const REFUSED_MS = 30 * SECOND_MS
/** A credential that was not tried for so long is nobody's any more. */
export const FORGOTTEN_MS = 10 * MINUTE_MS
/** So long it counts that a credential was accepted. */
const TRUSTED_MS = DAY_MS

/**
 * Entra counts refused requests by application, whichever credential and resource they are for. So while one of its
 * credentials is refused, all requests of the application keep their distance, those of its other credentials too: a
 * fallback, a new one that is being proven, Graph. Nothing but time and Entra's own answers ends that.
 */
export interface RefusalPace {
  /** Milliseconds until the application may ask again. */
  restOf(application: string): number
  /** What a request came to; `credential` tells those of one application apart. */
  record(application: string, credential: string, answer: 'refused' | 'accepted' | 'none'): void
  /** Entra has taken this credential, and not refused it since. */
  wasAccepted(application: string, credential: string): boolean
  /**
   * The settings were changed. Where no credential of the application works beside the refused ones, somebody has
   * corrected them: the next one that is accepted ends the distance.
   */
  corrected(application: string): void
}

interface State {
  lastAt: number
  /** When each was refused last. */
  readonly refused: Map<string, number>
  /** Of those the ones that are replaced, if another one is accepted. */
  readonly replaced: Set<string>
}

export function createRefusalPace(deps: { monotonicMs: () => number }): RefusalPace {
  const { monotonicMs } = deps
  const states = new Map<string, State>()
  /** When each credential was accepted last, by application. */
  const accepted = new Map<string, Map<string, number>>()

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

  function acceptedOf(application: string): ReadonlyMap<string, number> {
    const known = accepted.get(application) ?? new Map<string, number>()
    for (const [credential, at] of known) {
      if (monotonicMs() - at >= TRUSTED_MS) known.delete(credential)
    }
    if (known.size === 0) accepted.delete(application)
    return known
  }

  function recordAccepted(application: string, credential: string, now: number): void {
    const known = accepted.get(application) ?? new Map<string, number>()
    accepted.set(application, known.set(credential, now))
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
        const state: State = known ?? { lastAt: now, refused: new Map(), replaced: new Set() }
        state.lastAt = now
        state.refused.set(credential, now)
        state.replaced.delete(credential)
        states.set(application, state)
        accepted.get(application)?.delete(credential)
        return
      }
      if (answer === 'accepted') recordAccepted(application, credential, now)
      if (known === undefined) return
      known.lastAt = now
      if (answer === 'none') return
      known.refused.delete(credential)
      for (const one of known.replaced) known.refused.delete(one)
      known.replaced.clear()
    },
    wasAccepted: (application, credential) => acceptedOf(application).has(credential),
    corrected(application) {
      const state = stateOf(application)
      if (state === undefined || acceptedOf(application).size > 0) return
      for (const credential of state.refused.keys()) state.replaced.add(credential)
    },
  }
}
