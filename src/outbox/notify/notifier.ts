import { type Clock, SECOND_MS } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { EventBus } from '../../platform/events.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Profiles } from '../../profiles/index.ts'
import type { OutboxEvents } from '../outbox.ts'
import type { OutboxStore } from '../outbox-store.ts'
import { createFailureReports } from './tell-operators.ts'
import { createSenderNotices } from './tell-senders.ts'

export interface NotifierEvents {
  /** Messages have failed, and the profile names nobody to tell. */
  'failures.unreported': {
    readonly profileId: string
    readonly messages: number
    readonly at: number
  }
}

export interface NotifierDeps {
  store: Pick<
    OutboxStore,
    | 'unreported'
    | 'failures'
    | 'unreportedProfiles'
    | 'lastReportAt'
    | 'report'
    | 'unbounced'
    | 'bounce'
    | 'readChunk'
  >
  profiles: Pick<Profiles, 'find'>
  clock: Clock
  log: Logger
  events: EventBus<OutboxEvents & NotifierEvents>
  /** For links in mails. */
  publicUrl: string | null
  version: string
  /** Of this machine. */
  hostname: string
}

/**
 * Tells people about messages that finally failed: the error address of the profile in a report, at most one in 15
 * minutes, and the sender, where a delivery status notification is wanted. A mail is accepted and what it tells is marked
 * in one commit, so after a crash nothing is told twice and nothing is left out.
 */
export interface Notifier extends AsyncDisposable {
  /** Looks once for what an earlier run has left, and from then on after each message that failed. */
  start(): void
  /** Resolves when nothing that is due waits to be told. */
  idle(): Promise<void>
}

const AGAIN_AFTER_MS = 30 * SECOND_MS

export function createNotifier(deps: NotifierDeps): Notifier {
  const { clock, log, events } = deps
  const senders = createSenderNotices(deps)
  const operators = createFailureReports(deps)
  const stop = new AbortController()
  let started = false
  let again = false
  let running: Promise<void> | undefined
  let timer: AbortController | undefined

  /** One run at a time; a message that fails during one makes it look once more. */
  function poke(): void {
    if (!started || stop.signal.aborted) return
    again = true
    running ??= run().finally(() => {
      running = undefined
    })
  }

  async function run(): Promise<void> {
    timer?.abort()
    let next: number | undefined
    while (again && !stop.signal.aborted) {
      again = false
      try {
        await senders.tellAll(stop.signal)
        next = await operators.tellAll(stop.signal)
      } catch (error) {
        log.error({ err: error }, messageOf(error))
        next = clock.now() + AGAIN_AFTER_MS
      }
    }
    if (next !== undefined) wakeAt(next)
  }

  /** Nothing runs while there is nothing to tell. */
  function wakeAt(instant: number): void {
    const mine = new AbortController()
    timer = mine
    const signal = AbortSignal.any([mine.signal, stop.signal])
    clock.sleep(Math.max(0, instant - clock.now()), signal).then(poke, () => {})
  }

  const end = events.on('message.failed', poke)

  return {
    start() {
      started = true
      poke()
    },
    async idle() {
      while (running !== undefined) await running
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      end()
      while (running !== undefined) await running
    },
  }
}
