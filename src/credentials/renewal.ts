import type { Audit } from '../access/index.ts'
import { type Clock, MINUTE_MS } from '../platform/clock.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import type { CredentialEvents } from './credentials.ts'
import { createRenewalJournal, type RenewalEntry } from './renewal-journal.ts'
import type { RenewalGraph } from './renewal-kind.ts'
import { createRenewalLife } from './renewal-life.ts'
import { SETTLED_MS } from './renewal-removal.ts'
import type { CredentialStaging } from './staging.ts'

/** Renews client secrets and certificates without a person, where it is switched on. */
export interface CredentialRenewal extends AsyncDisposable {
  /** Takes every renewal as far as it goes now, and begins those that are due. */
  run(): Promise<void>
  start(): void
  /** Resolves when no step of a renewal is under way. */
  idle(): Promise<void>
  /** The last renewal of the profile. */
  latest(profileId: string): Promise<RenewalEntry | undefined>
}

export interface CredentialRenewalDeps {
  profiles: Pick<Profiles, 'credentials' | 'dropFallback' | 'find' | 'list' | 'openCredential'>
  staging: Pick<CredentialStaging, 'begin'>
  graph: RenewalGraph
  storage: Pick<Storage, 'db' | 'keyRing'>
  audit: Audit
  clock: Clock
  log: Logger
  events: EventBus<CredentialEvents & ProfileEvents>
  allowCustomCloud: boolean
}

const RUN_EVERY_MS = 15 * MINUTE_MS

export function createCredentialRenewal(deps: CredentialRenewalDeps): CredentialRenewal {
  const { profiles, clock, log, events } = deps
  const journal = createRenewalJournal(deps)
  const stop = new AbortController()
  const { signal } = stop
  const life = createRenewalLife({ ...deps, journal, signal, soon })
  let isSoon = false
  /** Cuts the pause between two turns short. */
  let pausing = new AbortController()
  let last: Promise<void> = Promise.resolve()
  let loop: Promise<void> = Promise.resolve()

  function soon(): void {
    isSoon = true
    pausing.abort()
  }

  /** One at a time: two runs at once would add two credentials. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const run = last.then(work)
    last = run.catch(() => {})
    return run
  }

  async function guarded(profileId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      // Removed meanwhile: its entry is an orphan's by now.
      if (signal.aborted || codeOf(error) === 'profile_not_found') return
      log.error({ profileId, err: error }, messageOf(error))
    }
  }

  async function each(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const profile = profiles.find(id)
      if (profile === undefined || signal.aborted) continue
      await guarded(id, () => life.advance(profile))
    }
  }

  async function abandonAll(): Promise<void> {
    for (const entry of await journal.orphans()) {
      if (!signal.aborted) await guarded(entry.profileId, () => life.abandon(entry))
    }
  }

  const one = ({ profileId }: { profileId: string }) => inTurn(() => each([profileId]))
  const subscriptions = [
    events.on('credential.activated', one),
    events.on('credential.refused', one),
    events.on('profile.created', ({ profile }) => one({ profileId: profile.id })),
    events.on('profile.changed', ({ profile }) => one({ profileId: profile.id })),
    events.on('profile.removed', () => inTurn(abandonAll)),
  ]
  const run = () =>
    inTurn(async () => {
      isSoon = false
      await abandonAll()
      await each(profiles.list().map(({ id }) => id))
    })

  async function pause(): Promise<void> {
    pausing = new AbortController()
    const either = AbortSignal.any([signal, pausing.signal])
    if (!isSoon) await clock.sleep(RUN_EVERY_MS, either).catch(() => {})
    if (isSoon) await clock.sleep(SETTLED_MS, signal).catch(() => {})
  }

  async function repeat(): Promise<void> {
    while (!signal.aborted) {
      await run().catch((error: unknown) => log.error({ err: error }, messageOf(error)))
      await pause()
    }
  }

  return {
    run,
    start() {
      loop = repeat()
    },
    async idle() {
      for (let seen: Promise<void> | undefined; seen !== last; ) {
        seen = last
        await seen
      }
    },
    latest: (profileId) => journal.latest(profileId),
    async [Symbol.asyncDispose]() {
      for (const end of subscriptions) end()
      stop.abort(new Error('postern is stopping'))
      await loop
      await last
    },
  }
}
