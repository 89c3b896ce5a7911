import { performance } from 'node:perf_hooks'
import { SECOND_MS } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import { createTimeLimit } from '../platform/time-limit.ts'
import type { ProfileEvents } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import type { VerificationEvents } from '../verification/index.ts'
import { createChunkPool } from './chunk-pool.ts'
import { readBody } from './delivery/carry.ts'
import { createDueWatch } from './delivery/due-watch.ts'
import { createHoldBook } from './delivery/hold-book.ts'
import { isBehindLogin } from './delivery/hold-keeper.ts'
import type { DeliveryDeps } from './delivery/lane.ts'
import { createLanes } from './delivery/lanes.ts'
import { senderOf } from './delivery/mailbox-key.ts'
import { isOwnMail } from './delivery/queue-state.ts'
import { createTasks } from './delivery/tasks.ts'
import { createOutboxNews } from './events.ts'
import { followForeign } from './foreign.ts'
import { acceptDraft, createIntake } from './intake.ts'
import { listPage } from './list-page.ts'
import type { Hold, MessageDetail, MessageState, StoredMessage } from './message.ts'
import type { Outbox, OutboxEvents } from './outbox.ts'
import { createOutcomes } from './outcomes.ts'
import {
  messageBodyGone,
  messageDelivered,
  messageFinished,
  messageNotFound,
  messageSending,
} from './refusals.ts'

export interface OutboxDeps extends Omit<DeliveryDeps, 'monotonicMs' | 'random'> {
  /** Tells of messages that another process has accepted into the file; absent: there is none. */
  storage?: Pick<Storage, 'foreignChanges'>
  events: EventBus<OutboxEvents & VerificationEvents & ProfileEvents>
  /** Milliseconds that never jump; the process' own unless tests move time. */
  monotonicMs?: () => number
  random?: () => number
}

/** Transactions under way get so long to end when the agent stops. */
const GRACE_MS = 10 * SECOND_MS
const LOAD_PAUSE_MS = 5 * SECOND_MS
/** What a person, or a change of the settings, has asked for: its good end is news. */
const ASKED_FOR = ['saved', 'requested'] as const

const CANCELLABLE: readonly MessageState[] = ['queued', 'deferred', 'held']
const RETRIABLE: readonly MessageState[] = [...CANCELLABLE, 'failed', 'cancelled']

export function createOutbox(deps: OutboxDeps): Outbox {
  const { store, profiles, clock, log, events } = deps
  const { monotonicMs = () => performance.now(), random = Math.random } = deps
  const ending = new AbortController()
  const { signal } = ending
  const tasks = createTasks({ log, signal })
  const news = createOutboxNews({ events, log, clock, monotonicMs, signal })
  const releasedAt = new Map<string, number>()
  let isStarted = false

  const holds = createHoldBook({ store, clock, news, tasks, onChange: onHoldChange })
  const shared = { ...deps, monotonicMs, random, holds, news, tasks, signal }
  const lanes = createLanes({
    ...shared,
    releasedAt: (profileId) => releasedAt.get(profileId) ?? null,
    onSettled(message, { state, settlement: { next } }) {
      outcomes.settled(message.id)
      if (next.state === 'deferred') watch.due(next.nextAttemptAt)
      if (state === 'queued') wake([message.profileId])
      if (state === 'held') watch.putAside(message)
    },
    onQueued: wake,
  })
  const outcomes = createOutcomes({
    store,
    clock,
    isHeld: (message) => holds.find(message.profileId) !== undefined && !isOwnMail({ message }),
  })
  const watch = createDueWatch({
    ...shared,
    lanes,
    pulse: tasks.pulse,
    onEnded: (id) => outcomes.settled(id),
  })
  const intakeDeps = {
    store,
    memory: createChunkPool(),
    profiles,
    clock,
    news,
    onAccepted: (profileId: string) => wake([profileId]),
  }

  function wake(profileIds: readonly string[]): void {
    if (isStarted) lanes.wake(profileIds)
  }

  function onHoldChange(profileId: string, change: 'began' | 'ended'): void {
    if (change === 'ended') releasedAt.set(profileId, clock.now())
    else outcomes.held()
    news.changed([profileId])
    watch.look()
    wake([profileId])
  }

  async function find(id: string): Promise<MessageDetail> {
    const detail = await store.find(id)
    if (detail === undefined) throw messageNotFound(id)
    return detail
  }

  async function release(hold: Hold): Promise<number> {
    const stopped = await holds.release(hold)
    wake([hold.profileId])
    return stopped
  }

  /** Nothing is sent before the holds are known. */
  async function loadHolds(): Promise<void> {
    for (;;) {
      try {
        await holds.load()
        return
      } catch (error) {
        log.error({ err: error }, `the outbox cannot be read: ${messageOf(error)}`)
        await clock.sleep(LOAD_PAUSE_MS, signal)
      }
    }
  }

  async function begin(): Promise<void> {
    await loadHolds()
    if (signal.aborted) return
    isStarted = true
    lanes.wake([...store.counts().keys()])
    watch.start()
  }

  const subscriptions = [
    store.onChange((profileIds, isAnew) => {
      news.changed(profileIds)
      wake(profileIds)
      // What is due may have been told by an answer that was lost.
      if (isAnew) watch.due(clock.now())
      watch.look()
    }),
    events.on('profile.created', () => watch.look()),
    events.on('profile.removed', () => watch.look()),
    events.on('verification.completed', ({ report, health }) => {
      const hold = holds.find(report.profileId)
      if (hold === undefined || health.state !== 'ok') return
      // A login says nothing about the mailbox: only a message, or the wish of a person, is worth a probe then.
      const isProof =
        !isBehindLogin(hold.diagnosis.answer) ||
        report.message !== null ||
        ASKED_FOR.some((reason) => reason === report.reason)
      if (isProof) watch.probeNow(report.profileId)
    }),
  ]

  function isQuiet(): boolean {
    return tasks.running === 0 && !watch.isBusy && lanes.isQuiet()
  }

  return {
    intake: () => createIntake(intakeDeps),
    accept: (draft, body) =>
      acceptDraft(intakeDeps, { id: newId(), draft, sizeBytes: body.length, body }),
    outcome: (id, options) => outcomes.wait(id, options),
    list(filter, page) {
      const heldProfileIds = holds
        .all()
        .filter(({ sender }) => sender === '')
        .map(({ profileId }) => profileId)
      return listPage(store, { ...filter, heldProfileIds }, page)
    },
    get: find,
    async body(id) {
      const { message } = await find(id)
      return message.hasBody ? readBody(store, id) : undefined
    },

    async retry(id) {
      const { message } = await find(id)
      if (message.state === 'delivered') throw messageDelivered(id)
      if (message.state === 'sending') throw messageSending(id)
      if (!message.hasBody) throw messageBodyGone(id)
      if (!(await store.requeue(id, RETRIABLE, clock.now()))) {
        const now = await find(id)
        throw now.message.hasBody ? messageSending(id) : messageBodyGone(id)
      }
      tryNow(message)
      return (await find(id)).message
    },

    async cancel(id) {
      const { message } = await find(id)
      if (message.state === 'sending') throw messageSending(id)
      if (!CANCELLABLE.includes(message.state)) throw messageFinished(id)
      if (!(await store.cancel(id, clock.now()))) {
        const now = await find(id)
        throw now.message.state === 'sending' ? messageSending(id) : messageFinished(id)
      }
      news.finished(message, 'cancelled', null)
      outcomes.settled(id)
      return (await find(id)).message
    },

    async release(profileId) {
      const meant = profileId === undefined ? holds.all() : holds.of(profileId)
      let released = 0
      for (const hold of meant) released += await release(hold)
      return { released }
    },

    queueOf(profileId) {
      const counts = store.counts().get(profileId)
      const { queued = 0, held = 0, oldestAcceptedAt = null } = counts ?? {}
      return holds.find(profileId) === undefined
        ? { queued, held, oldestAcceptedAt }
        : { queued: 0, held: queued + held, oldestAcceptedAt }
    },
    holdsOf: (profileId) => holds.of(profileId),
    orphaned: () => [...store.counts().keys()].filter((id) => profiles.find(id) === undefined),

    start() {
      tasks.run('start', begin)
      const { storage } = deps
      if (storage !== undefined) {
        tasks.background('foreign', () => followForeign({ storage, store, clock, log, signal }))
      }
    },
    async idle() {
      while (!isQuiet()) await tasks.nextPulse()
    },
    async [Symbol.asyncDispose]() {
      isStarted = false
      for (const end of subscriptions) end()
      const reason = new Error('the outbox is stopping')
      using grace = createTimeLimit({ clock, ms: GRACE_MS, reason: () => reason })
      const onOver = () => {
        ending.abort(reason)
        tasks.pulse()
      }
      grace.signal.addEventListener('abort', onOver, { once: true })
      await lanes.stop()
      onOver()
      await tasks.idle()
    },
  }

  /** A person wants to know now: a hold that stops the message is probed. */
  function tryNow(message: StoredMessage): void {
    const { profileId } = message
    const sender = senderOf(message)
    if (holds.find(profileId) !== undefined) watch.probeNow(profileId)
    if (holds.findSender(profileId, sender) !== undefined) {
      lanes.of(profileId)?.probeSender(profileId, sender)
    }
    wake([profileId])
  }
}
