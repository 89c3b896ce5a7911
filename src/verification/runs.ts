import { PosternError } from '../platform/errors.ts'
import type { Report, VerifyReason } from './api.ts'
import { createGate } from './gate.ts'

export interface RunOrder {
  readonly reason: VerifyReason
  readonly sendTo: string | undefined
}

export interface Runs extends AsyncDisposable {
  /** Shares a run of the profile that waits or is under way; with `sendTo` it is always one of its own, in turn. */
  request(
    profileId: string,
    order: RunOrder & { signal?: AbortSignal | undefined },
  ): Promise<Report>
  /**
   * Runs with the settings as they are from now on: a run that already read older ones begins again, unless it hands a
   * message over; then a further run follows it.
   */
  renew(profileId: string): Promise<Report>
  /** Ends the runs of a removed profile; those who wait get `reason`. */
  cancel(profileId: string, reason: PosternError): void
  idle(): Promise<void>
}

interface Run {
  order: RunOrder
  /** Ends the run for good. */
  readonly end: AbortController
  /** Ends the attempt under way; undefined while the run waits. */
  attempt: AbortController | undefined
  waiting: number
  readonly result: Promise<Report>
}

/**
 * Who may run when: at most `concurrency` at once, a profile never twice at once, requests of people before the
 * schedule. `execute` does the work; it rejects when its signal is aborted.
 */
export function createRuns(deps: {
  concurrency: number
  execute(
    profileId: string,
    order: RunOrder,
    options: {
      signal: AbortSignal
      /** Lets another run begin: this one only waits now, for a long time. */
      stepAside: () => void
    },
  ): Promise<Report>
}): Runs {
  const { execute } = deps
  const gate = createGate(deps.concurrency)
  /** Of each profile: the run under way, and those behind it. */
  const lanes = new Map<string, Run[]>()
  let stopped: PosternError | undefined

  function enqueue(profileId: string, order: RunOrder): Run {
    const lane = lanes.get(profileId) ?? []
    lanes.set(profileId, lane)
    const before = lane.at(-1)?.result ?? Promise.resolve()
    const run: Run = {
      order,
      end: new AbortController(),
      attempt: undefined,
      waiting: 0,
      result: Promise.resolve(before)
        .catch(() => {})
        .then(() => drive(profileId, run))
        .finally(() => leaveLane(profileId, run)),
    }
    // Whoever waits gets the rejection; when nobody does any more, nobody misses it.
    run.result.catch(() => {})
    lane.push(run)
    return run
  }

  function leaveLane(profileId: string, run: Run): void {
    const lane = lanes.get(profileId)
    lane?.splice(lane.indexOf(run), 1)
    if (lane?.length === 0) lanes.delete(profileId)
  }

  async function drive(profileId: string, run: Run): Promise<Report> {
    const leave = await gate.enter({ urgent: isUrgent(run.order), signal: run.end.signal })
    try {
      for (;;) {
        const attempt = new AbortController()
        run.attempt = attempt
        const signal = AbortSignal.any([run.end.signal, attempt.signal])
        try {
          const report = await execute(profileId, run.order, { signal, stepAside: leave })
          if (!attempt.signal.aborted) return report
        } catch (error) {
          if (!attempt.signal.aborted || run.end.signal.aborted) throw error
        }
      }
    } finally {
      leave()
    }
  }

  /** A run that everybody has left is ended; one that somebody awaits without a signal never is. */
  async function wait(run: Run, signal: AbortSignal | undefined): Promise<Report> {
    run.waiting++
    if (signal === undefined) return run.result
    let onAbort: (() => void) | undefined
    const left = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([run.result, left])
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
      run.waiting--
      if (run.waiting === 0 && signal.aborted) run.end.abort(signal.reason)
    }
  }

  async function idle(): Promise<void> {
    while (lanes.size > 0) {
      await Promise.allSettled([...lanes.values()].flat().map((run) => run.result))
    }
  }

  return {
    async request(profileId, { reason, sendTo, signal }) {
      if (stopped !== undefined) throw stopped
      signal?.throwIfAborted()
      const shared = lanes.get(profileId)?.find((run) => !run.end.signal.aborted)
      const run =
        sendTo === undefined && shared !== undefined
          ? shared
          : enqueue(profileId, { reason, sendTo })
      return wait(run, signal)
    },
    async renew(profileId) {
      if (stopped !== undefined) throw stopped
      const order = { reason: 'saved', sendTo: undefined } as const
      const lane = (lanes.get(profileId) ?? []).filter((run) => !run.end.signal.aborted)
      const waits = lane.find((run) => run.attempt === undefined)
      const restarts = lane.find((run) => run.order.sendTo === undefined)
      if (waits !== undefined) {
        if (!isUrgent(waits.order)) waits.order = order
        return wait(waits, undefined)
      }
      if (restarts !== undefined) {
        restarts.order = order
        restarts.attempt?.abort(new Error('the settings were changed'))
        return wait(restarts, undefined)
      }
      return wait(enqueue(profileId, order), undefined)
    },
    cancel(profileId, reason) {
      for (const run of lanes.get(profileId) ?? []) run.end.abort(reason)
    },
    idle,
    async [Symbol.asyncDispose]() {
      stopped = new PosternError(
        'The verification was ended, because Postern is stopping. Ask again when it runs.',
        { kind: 'unavailable', code: 'verification_stopped' },
      )
      for (const run of [...lanes.values()].flat()) run.end.abort(stopped)
      await idle()
    },
  }
}

/** Somebody waits for the answer. */
function isUrgent({ reason }: RunOrder): boolean {
  return reason === 'requested'
}
