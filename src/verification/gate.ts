/** Lets a bounded number in at once; the urgent pass the others that wait. */
export interface Gate {
  /** Resolves with the function that leaves again; rejects with the signal's reason. */
  enter(options: { urgent: boolean; signal: AbortSignal | undefined }): Promise<() => void>
}

export function createGate(places: number): Gate {
  let free = places
  const urgent = new Set<() => void>()
  const others = new Set<() => void>()

  function leave(): void {
    const [next] = urgent.size > 0 ? urgent : others
    if (next === undefined) free++
    else next()
  }

  function once(): () => void {
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      leave()
    }
  }

  return {
    async enter({ urgent: isUrgent, signal }) {
      signal?.throwIfAborted()
      if (free > 0) {
        free--
        return once()
      }
      const queue = isUrgent ? urgent : others
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          queue.delete(admit)
          reject(signal?.reason)
        }
        const admit = () => {
          queue.delete(admit)
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        queue.add(admit)
      })
      return once()
    },
  }
}
