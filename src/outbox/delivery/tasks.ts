import { messageOf } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'

/** Work that nobody waits for, and the moments at which all may have become quiet. */
export interface Tasks {
  /** A failure is logged here and ends here. */
  run(what: string, work: () => Promise<unknown>): void
  /** The same for what goes on until the end: it does not keep `idle` waiting. */
  background(what: string, work: () => Promise<unknown>): void
  readonly running: number
  /** Something has ended: whoever waits for quiet looks again. */
  pulse(): void
  nextPulse(): Promise<void>
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

export function createTasks(deps: { log: Logger; signal: AbortSignal }): Tasks {
  const { log, signal } = deps
  let running = 0
  let waiting: PromiseWithResolvers<void> | undefined

  function pulse(): void {
    waiting?.resolve()
    waiting = undefined
  }
  function nextPulse(): Promise<void> {
    waiting ??= Promise.withResolvers<void>()
    return waiting.promise
  }

  async function guarded(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, task: what }, messageOf(error))
    }
  }

  return {
    run(what, work) {
      running++
      void guarded(what, work).finally(() => {
        running--
        pulse()
      })
    },
    background: (what, work) => void guarded(what, work),
    get running() {
      return running
    },
    pulse,
    nextPulse,
    async idle() {
      while (running > 0) await nextPulse()
    },
  }
}
