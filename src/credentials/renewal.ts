import type { Audit } from '../access/index.ts'
import { type Diagnosis, diagnose, diagnosisSentence, type Failure } from '../diagnosis/index.ts'
import { type GraphAccess, type GraphClient, matchCredential } from '../entra/index.ts'
import { type Clock, DAY_MS, MINUTE_MS, toIso } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { CredentialVersion, Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import { diagnosisContext, SPREADING_MS } from '../verification/index.ts'
import { AGENT } from './agent-actor.ts'
import type { CredentialEvents } from './credentials.ts'
import { isDue, lifetimesOf, type Renewable, renewableOf } from './renewal-due.ts'
import {
  createRenewalJournal,
  isOpen,
  type RenewalEntry,
  type RenewalJournal,
} from './renewal-journal.ts'
import type { CredentialStaging } from './staging.ts'

/** Renews client secrets without a person, where it is switched on. */
export interface CredentialRenewal extends AsyncDisposable {
  /** Takes every renewal as far as it goes now, and begins those that are due. */
  run(): Promise<void>
  start(): void
  /** The last renewal of the profile. */
  latest(profileId: string): Promise<RenewalEntry | undefined>
}

export interface CredentialRenewalDeps {
  profiles: Pick<Profiles, 'credentials' | 'dropFallback' | 'find' | 'list' | 'openCredential'>
  staging: Pick<CredentialStaging, 'begin'>
  graph: Pick<GraphClient, 'addPassword' | 'readApplication' | 'removePassword'>
  storage: Pick<Storage, 'db'>
  audit: Audit
  clock: Clock
  log: Logger
  events: EventBus<CredentialEvents & ProfileEvents>
}

const RUN_EVERY_MS = 15 * MINUTE_MS
/** What was added a moment ago may not be listed yet: directory changes take up to 2 minutes to be seen everywhere. */
const SETTLED_MS = 3 * MINUTE_MS
const LIFETIME_REFUSED = 'graph_secret_lifetime_refused'

export function createCredentialRenewal(deps: CredentialRenewalDeps): CredentialRenewal {
  const { profiles, staging, graph, clock, log, events } = deps
  const journal: RenewalJournal = createRenewalJournal(deps)
  const stop = new AbortController()
  const { signal } = stop
  let last: Promise<void> = Promise.resolve()
  let loop: Promise<void> = Promise.resolve()

  /** One at a time: two runs at once would add two secrets. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const run = last.then(work)
    last = run.catch(() => {})
    return run
  }

  async function advance(profile: Profile): Promise<void> {
    const entry = await journal.latest(profile.id)
    if (entry !== undefined && isOpen(entry)) return resume(profile, entry)
    const renewable = renewableOf(profile)
    if (renewable === undefined) return
    const versions = profiles.credentials(profile.id)
    if (isDue(renewable, { versions, latest: entry, now: clock.now() })) await begin(renewable)
  }

  async function begin(renewable: Renewable): Promise<void> {
    const { profile } = renewable
    const access = await accessOf(profile)
    if (access === undefined) return
    const now = clock.now()
    const entry: RenewalEntry = {
      id: newId(),
      profileId: profile.id,
      step: 'requested',
      keyId: null,
      formerKeyId: null,
      startedAt: now,
      updatedAt: now,
      removeAfter: null,
      error: null,
    }
    const application = await graph.readApplication(access, { signal })
    if (!application.ok) {
      const { error } = tell(profile, application.failure)
      return journal.begin({ ...entry, step: 'failed', error })
    }
    const { hint = '', keyId = null } = activeOf(profile.id) ?? {}
    const former = matchCredential(application.value, { hint, keyId, thumbprint: null })
    // Which one the former secret is must be certain before it is ever removed.
    const formerKeyId = former?.ambiguous === false ? former.credential.keyId : null
    const requested = { ...entry, formerKeyId }
    await journal.begin(requested)
    await add(renewable, requested, access)
  }

  /** Adds a secret at Entra and stages it. A crash at any point is made good by resume(). */
  async function add(renewable: Renewable, entry: RenewalEntry, access: GraphAccess) {
    const { profile, renewal } = renewable
    for (const days of lifetimesOf(renewal)) {
      const endsAt = clock.now() + days * DAY_MS
      const wanted = { displayName: nameOf(entry), endsAt }
      const outcome = await graph.addPassword(access, wanted, { signal })
      if (outcome.ok) {
        const { credential, value } = outcome.value
        const { keyId } = credential
        const added = await move(entry, { step: 'added', keyId })
        const expiresAt = toIso(credential.endsAt ?? endsAt)
        const input = { type: 'clientSecret', value: value.reveal(), expiresAt }
        await staging.begin(profile.id, input, { actor: AGENT, keyId })
        await move(added, { step: 'staged' })
        return
      }
      const { failure } = outcome
      if (!isRefused(failure)) {
        // It may have been added all the same: resume() looks for it by its name.
        log.warn({ profileId: profile.id }, 'no answer about a new secret')
        await move(entry, {})
        return
      }
      const isLast = days === lifetimesOf(renewal).at(-1)
      if (judge(profile, failure).code !== LIFETIME_REFUSED || isLast) {
        await fail(entry, tell(profile, failure).error)
        return
      }
    }
  }

  async function resume(profile: Profile, entry: RenewalEntry): Promise<void> {
    switch (entry.step) {
      case 'requested':
        return resumeRequested(profile, entry)
      case 'added':
        return resumeAdded(profile, entry)
      case 'staged':
        return follow(profile, entry)
      case 'active':
        return removeFormer(profile, entry)
    }
  }

  /** Whether a secret was added is not known, and its value is lost in any case. */
  async function resumeRequested(profile: Profile, entry: RenewalEntry): Promise<void> {
    if (!isSettled(entry)) return
    const access = await accessOf(profile)
    if (access === undefined) return
    const application = await graph.readApplication(access, { signal })
    if (!application.ok) return
    const { passwordCredentials } = application.value
    for (const { keyId, displayName } of passwordCredentials) {
      if (displayName !== nameOf(entry)) continue
      if (!(await graph.removePassword(access, keyId, { signal })).ok) return
    }
    const renewable = renewableOf(profile)
    const versions = profiles.credentials(profile.id)
    const now = clock.now()
    if (renewable === undefined || !isDue(renewable, { versions, latest: undefined, now })) {
      return fail(entry, 'no longer due')
    }
    await add(renewable, await move(entry, {}), access)
  }

  /** Added, and either staged or lost. */
  async function resumeAdded(profile: Profile, entry: RenewalEntry): Promise<void> {
    if (versionOf(entry) !== undefined) {
      return follow(profile, await move(entry, { step: 'staged' }))
    }
    // From there it is found by its name, removed, and another one added.
    await move(entry, { step: 'requested', keyId: null })
  }

  async function follow(profile: Profile, entry: RenewalEntry): Promise<void> {
    const version = versionOf(entry)
    switch (version?.state) {
      case 'staged':
        return
      case 'active': {
        const { graceDays } = renewableOf(profile)?.renewal ?? { graceDays: 0 }
        // Never while some of Entra's servers may not know the new one yet.
        const graceMs = Math.max(graceDays * DAY_MS, SPREADING_MS)
        await move(entry, { step: 'active', removeAfter: clock.now() + graceMs })
        return
      }
    }
    await takeBack(profile, entry)
  }

  /** The new secret was refused, at its proof or later, or another one took its place. */
  async function takeBack(profile: Profile, entry: RenewalEntry): Promise<void> {
    const { id } = profile
    const version = versionOf(entry)
    // Exchanged by hand: what becomes of the others is for people to say.
    if (version?.refusedAt === null) return fail(entry, 'replaced by another credential')
    if (!isSettled(entry)) return
    if (version !== undefined) {
      await profiles.dropFallback(id, { credentialId: version.id, reason: 'refused' })
    }
    if (!(await removeAdded(profile, entry))) return
    const error = 'the new secret was refused or replaced'
    await fail(entry, error)
    const detail = `The client secret of profile “${id}” was not renewed: ${error}, and it was removed at Microsoft Entra.`
    events.emit('credential.renewal_failed', { profileId: id, detail, diagnosis: null })
  }

  async function removeFormer(profile: Profile, entry: RenewalEntry): Promise<void> {
    const version = versionOf(entry)
    if (version?.state !== 'active') return takeBack(profile, entry)
    if (clock.now() < (entry.removeAfter ?? 0)) return
    const { formerKeyId } = entry
    const done = (error: string | null) => move(entry, { step: 'removed', error })
    if (formerKeyId === null) return void (await done('the former secret is not known for certain'))
    const access = await accessOf(profile)
    if (access === undefined) return
    const application = await graph.readApplication(access, { signal })
    if (!application.ok) return
    const former = application.value.passwordCredentials.find(({ keyId }) => keyId === formerKeyId)
    const isFormer = ({ keyId, hint, type }: CredentialVersion) =>
      keyId === formerKeyId ||
      (keyId === null && type === 'clientSecret' && hint.startsWith(former?.hint || hint))
    const isShared = profiles
      .list()
      .some(
        (other) =>
          other.id !== profile.id &&
          isSameApplication(other, profile) &&
          profiles.credentials(other.id).some(isFormer),
      )
    if (isShared) return void (await done('another profile uses the former secret'))
    // First nobody falls back to it any more, then it goes.
    const fallback = profiles
      .credentials(profile.id)
      .find((credential) => credential.state === 'fallback' && isFormer(credential))
    if (fallback !== undefined) {
      const reason = 'the grace time after its renewal is over'
      await profiles.dropFallback(profile.id, { credentialId: fallback.id, reason })
    }
    if (former !== undefined) {
      if (!(await graph.removePassword(access, formerKeyId, { signal })).ok) return
    }
    await done(null)
    log.info({ profileId: profile.id }, 'former secret removed')
  }

  /** Takes the new secret back. False when that has to be tried again later. */
  async function removeAdded(profile: Profile, entry: RenewalEntry): Promise<boolean> {
    if (!isSettled(entry)) return false
    const { keyId } = entry
    const access = await accessOf(profile)
    if (keyId === null || access === undefined) return keyId === null
    const application = await graph.readApplication(access, { signal })
    if (!application.ok) return false
    const isListed = application.value.passwordCredentials.some((one) => one.keyId === keyId)
    return !isListed || (await graph.removePassword(access, keyId, { signal })).ok
  }

  /** As the active secret; undefined when there is none that can be opened. */
  async function accessOf(profile: Profile): Promise<GraphAccess | undefined> {
    const { authentication } = profile
    if (authentication.type !== 'exchangeOnline') return undefined
    const credential = await profiles.openCredential(profile)
    if (credential === undefined || credential.type === 'password') return undefined
    const { cloud, tenantId, clientId } = authentication
    return { cloud, tenantId, clientId, credential }
  }

  function activeOf(profileId: string): CredentialVersion | undefined {
    return profiles.credentials(profileId).find(({ state }) => state === 'active')
  }

  function versionOf({ profileId, keyId }: RenewalEntry): CredentialVersion | undefined {
    return profiles.credentials(profileId).find((one) => keyId !== null && one.keyId === keyId)
  }

  function isSettled({ updatedAt }: RenewalEntry): boolean {
    const age = clock.now() - updatedAt
    return age >= SETTLED_MS || age < 0
  }

  async function move(entry: RenewalEntry, change: Partial<RenewalEntry>): Promise<RenewalEntry> {
    const moved = { ...entry, ...change, updatedAt: clock.now() }
    await journal.update(moved)
    log.info({ profileId: entry.profileId, step: moved.step }, 'renewal of a secret')
    return moved
  }

  async function fail(entry: RenewalEntry, error: string): Promise<void> {
    await move(entry, { step: 'failed', error })
  }

  function judge(profile: Profile, failure: Failure): Diagnosis {
    return diagnose(failure, diagnosisContext(profile, { now: clock.now() }))
  }

  function tell(profile: Profile, failure: Failure): { error: string } {
    const diagnosis = judge(profile, failure)
    const detail = `The client secret of profile “${profile.id}” was not renewed; the present one stays in use. ${diagnosisSentence(diagnosis)}`
    log.warn({ profileId: profile.id, diagnosis: diagnosis.code }, 'secret not renewed')
    events.emit('credential.renewal_failed', { profileId: profile.id, detail, diagnosis })
    return { error: diagnosis.code }
  }

  async function each(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const profile = profiles.find(id)
      if (profile === undefined || signal.aborted) continue
      try {
        await advance(profile)
      } catch (error) {
        if (!signal.aborted) log.error({ profileId: id, err: error }, messageOf(error))
      }
    }
  }

  const one = ({ profileId }: { profileId: string }) => inTurn(() => each([profileId]))
  const subscriptions = [
    events.on('credential.activated', one),
    events.on('profile.changed', ({ profile }) => one({ profileId: profile.id })),
  ]
  const run = () => inTurn(() => each(profiles.list().map(({ id }) => id)))

  async function repeat(): Promise<void> {
    while (!signal.aborted) {
      await run()
      await clock.sleep(RUN_EVERY_MS, signal).catch(() => {})
    }
  }

  return {
    run,
    start() {
      loop = repeat()
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

/** Unique, so that a secret whose answer was lost is found again. */
function nameOf({ profileId, id }: RenewalEntry): string {
  return `postern ${profileId} ${id}`
}

/** Graph has said no, so nothing was added. Anything else leaves it open. */
function isRefused(failure: Failure): boolean {
  if (failure.source === 'graph') {
    const { status } = failure
    return status >= 400 && status < 500 && status !== 408 && status !== 429
  }
  return failure.source === 'entra' || failure.source === 'settings' || failure.source === 'claims'
}

function isSameApplication(one: Profile, other: Profile): boolean {
  const [a, b] = [one.authentication, other.authentication]
  if (a.type !== 'exchangeOnline' || b.type !== 'exchangeOnline') return false
  return a.clientId === b.clientId
}
