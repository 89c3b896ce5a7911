import { diagnose, diagnosisSentence, type Failure } from '../diagnosis/index.ts'
import { certificateFactsOf, type GraphAccess } from '../entra/index.ts'
import { DAY_MS, HOUR_MS, toIso } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { CredentialVersion, Profile } from '../profiles/index.ts'
import { diagnosisContext } from '../verification/index.ts'
import { AGENT } from './agent-actor.ts'
import { createCertificateRenewal } from './certificate-renewal.ts'
import { applicationOf, isSameApplication } from './kept-credential.ts'
import type { CredentialRenewalDeps } from './renewal.ts'
import { createRenewalAccess } from './renewal-access.ts'
import { graceOf, isDue, type Renewable, renewableOf } from './renewal-due.ts'
import { isOpen, type RenewalEntry, type RenewalJournal } from './renewal-journal.ts'
import {
  type Added,
  isRefused,
  type Listing,
  type NewCredential,
  nameOf,
  type RenewalKind,
} from './renewal-kind.ts'
import { createRenewalRemoval, SETTLED_MS } from './renewal-removal.ts'
import { createSecretRenewal } from './secret-renewal.ts'

/** What becomes of one renewal after the other; its caller lets one run at a time. */
export interface RenewalLife {
  /** Takes the renewal of a profile as far as it goes now, or begins one that is due. */
  advance(profile: Profile): Promise<void>
  /** Ends the renewal of a profile that is gone. */
  abandon(entry: RenewalEntry): Promise<void>
}

/** So long what cannot be asked is not worth a word. */
const PATIENCE_MS = HOUR_MS
const UNREADABLE: Failure = {
  source: 'settings',
  problem: 'secret_unreadable',
  detail: 'The stored credential was sealed with another master key.',
}
const LIFETIME_REFUSED = 'graph_secret_lifetime_refused'
/** The profile takes no such credential any more. */
const UNWANTED = [
  'profile_managed',
  'profile_invalid',
  'credential_in_use',
  'credential_kind_wrong',
]

/** An attempt to add a credential: as whom, and what is listed so far. */
interface Attempt {
  readonly kind: RenewalKind
  readonly access: GraphAccess
  readonly listing: Listing
}

export function createRenewalLife(
  deps: CredentialRenewalDeps & {
    journal: RenewalJournal
    signal: AbortSignal
    /** Something is to be looked at again before the next turn. */
    soon: () => void
  },
): RenewalLife {
  const { profiles, staging, journal, clock, log, events, signal, soon } = deps
  const kinds = {
    clientSecret: createSecretRenewal(deps),
    certificate: createCertificateRenewal(deps),
  }
  const access = createRenewalAccess(deps)
  const removal = createRenewalRemoval({ profiles, journal, access, clock, signal })
  /** Without an answer a moment ago: what was added may not be listed yet. After a restart nobody waits for that. */
  const unanswered = new Map<string, number>()

  async function advance(profile: Profile): Promise<void> {
    const entry = await journal.latest(profile.id)
    if (entry !== undefined && isOpen(entry)) return resume(profile, entry)
    const renewable = renewableOf(profile)
    if (renewable === undefined) return
    const versions = profiles.credentials(profile.id)
    if (isDue(renewable, { versions, latest: entry, now: clock.now() })) await begin(renewable)
  }

  async function begin(renewable: Renewable): Promise<void> {
    const { profile, type } = renewable
    const kind = kinds[type]
    const active = profiles.credentials(profile.id).find(({ state }) => state === 'active')
    const asker = await access.ofProfile(profile)
    if (active === undefined || asker === undefined) return
    const now = clock.now()
    const entry: RenewalEntry = {
      id: newId(),
      profileId: profile.id,
      type,
      step: 'requested',
      keyId: null,
      thumbprint: null,
      formerKeyId: null,
      formerThumbprint: type === 'certificate' ? active.hint : null,
      sealed: null,
      doubtful: false,
      startedAt: now,
      updatedAt: now,
      removeAfter: null,
      error: null,
    }
    const listing = await access.look(kind, asker, signal)
    if (!listing.ok) {
      const error = tell(kind, profile, listing.failure)
      return journal.begin({ ...entry, step: 'failed', error })
    }
    const requested = { ...entry, formerKeyId: kind.activeKeyId(listing.value, active) }
    await journal.begin(requested)
    await add(renewable, requested, { kind, access: asker, listing: listing.value })
  }

  /** Adds a credential at Entra and stages it. A crash at any point is made good by resume(). */
  async function add(
    { profile, renewal }: Renewable,
    entry: RenewalEntry,
    attempt: Attempt & { made?: NewCredential | undefined },
  ): Promise<void> {
    const { kind, access: asker, listing } = attempt
    const name = nameOf(entry)
    const lives = kind.lifetimesOf(renewal)
    // What was kept before a crash is tried first.
    const tries = attempt.made === undefined ? lives : [undefined, ...lives]
    let current = entry
    for (const [index, days] of tries.entries()) {
      const made = days === undefined ? attempt.made : await kind.make(name, days)
      const expiresAt = made?.expiresAt ?? clock.now() + (days ?? 0) * DAY_MS
      if (days !== undefined && made !== undefined) current = await keep(profile, current, made)
      const outcome = await kind.add(asker, { name, expiresAt, made }, { listing, signal })
      if (outcome.ok) return settle(profile, current, outcome.value)
      const { failure } = outcome
      if (!isRefused(failure)) {
        // It may have been added all the same: resume() looks for it.
        log.warn({ profileId: profile.id, type: kind.type }, 'no answer about a new credential')
        await move(current, { doubtful: true })
        wait(entry)
        return
      }
      const isLast = index === tries.length - 1
      if (judge(profile, failure).code !== LIFETIME_REFUSED || isLast) {
        // First what the lost answer before may have left behind must be listed.
        if (entry.doubtful) return wait(entry)
        await fail(current, tell(kind, profile, failure))
        return
      }
    }
  }

  /** Before Entra is asked: a crash behind the answer must not lose the key. */
  async function keep(
    profile: Profile,
    entry: RenewalEntry,
    made: NewCredential,
  ): Promise<RenewalEntry> {
    const application = applicationOf(profile)
    if (application === undefined) return entry
    const sealed = await journal.seal(entry, { application, ...made })
    const { credential } = made
    const facts =
      credential.type === 'certificate' ? certificateFactsOf(credential.certificate) : undefined
    return move(entry, { sealed, thumbprint: facts?.thumbprint ?? null })
  }

  /** Entra has it. */
  async function settle(profile: Profile, entry: RenewalEntry, { keyId, made }: Added) {
    const application = applicationOf(profile)
    const sealed = application && (await journal.seal(entry, { application, ...made }))
    await stage(
      profile,
      await move(entry, { step: 'added', keyId, sealed: sealed ?? null, error: null }),
    )
  }

  async function stage(profile: Profile, entry: RenewalEntry): Promise<void> {
    const kept = await journal.open(entry)
    if (kept === undefined) {
      // Its value is lost: it is found by its name, removed, and another one added.
      return resumeRequested(profile, await move(entry, { step: 'requested', keyId: null }))
    }
    // Somebody exchanges it by hand meanwhile: that goes before.
    if (profiles.credentials(profile.id).some(({ state }) => state === 'staged')) {
      return takeBack(profile, entry)
    }
    // The profile was removed, and perhaps made again, or changed while Entra was asked.
    const present = profiles.find(profile.id)
    if (present === undefined || !(await journal.hasProfile(entry))) return
    if (!isSameApplication(kept.application, applicationOf(present))) {
      return takeBack(present, entry)
    }
    const { credential, expiresAt } = kept
    const input =
      credential.type === 'clientSecret'
        ? { ...credential, value: credential.value.reveal(), expiresAt: toIso(expiresAt) }
        : { ...credential, privateKey: credential.privateKey.reveal() }
    try {
      await staging.begin(profile.id, input, { actor: AGENT, keyId: entry.keyId })
    } catch (error) {
      const isUnwanted = error instanceof PosternError && UNWANTED.includes(error.code)
      if (isUnwanted) return takeBack(profile, entry)
      throw error
    }
    await move(entry, { step: 'staged' })
  }

  async function resume(profile: Profile, entry: RenewalEntry): Promise<void> {
    switch (entry.step) {
      case 'requested':
        return resumeRequested(profile, entry)
      case 'added':
        if (versionOf(entry) === undefined) return stage(profile, entry)
        return follow(profile, await move(entry, { step: 'staged' }))
      case 'staged':
        return follow(profile, entry)
      case 'active':
        return finish(profile, entry)
    }
  }

  /** Whether something was added is not known. */
  async function resumeRequested(profile: Profile, entry: RenewalEntry): Promise<void> {
    const waitMs = (unanswered.get(entry.id) ?? 0) - clock.now()
    // More than that only after the clock was set back.
    if (waitMs > 0 && waitMs <= SETTLED_MS) return soon()
    const kind = kinds[entry.type]
    const made = await journal.open(entry)
    const renewable = renewableOf(profile)
    const versions = profiles.credentials(profile.id)
    const now = clock.now()
    const isStillDue =
      renewable?.type === entry.type && isDue(renewable, { versions, latest: undefined, now })
    const isHere = made === undefined || isSameApplication(made.application, applicationOf(profile))
    if (!isStillDue || !isHere) {
      const result = await removal.takeBack(kind, entry, profile)
      return result === 'later' ? soon() : fail(entry, 'no longer due')
    }
    const asker = await access.ofProfile(profile)
    if (asker === undefined) return stuck(profile, entry, UNREADABLE)
    const listing = await access.look(kind, asker, signal)
    if (!listing.ok) return stuck(profile, entry, listing.failure)
    const recovered = await kind.recover(asker, entry, { listing: listing.value, made, signal })
    if (!recovered.ok) return stuck(profile, entry, recovered.failure)
    if (typeof recovered.value !== 'string') return settle(profile, entry, recovered.value)
    if (recovered.value === 'lost' && listing.value !== undefined) {
      for (const keyId of kind.ownKeyIds(listing.value, entry)) {
        const outcome = await kind.remove(asker, keyId, { listing: listing.value, signal })
        if (!outcome.ok) return stuck(profile, entry, outcome.failure)
      }
    }
    unanswered.delete(entry.id)
    // It may be listed later yet, beside the next one.
    const again = await move(entry, {
      doubtful: now - entry.updatedAt < SETTLED_MS,
      error: null,
    })
    await add(renewable, again, { kind, access: asker, listing: listing.value, made })
  }

  /** It is not known what became of the request, and it cannot be looked up: told once a day. */
  async function stuck(profile: Profile, entry: RenewalEntry, failure: Failure): Promise<void> {
    soon()
    const now = clock.now()
    const isYoung = now >= entry.startedAt && now - entry.startedAt < PATIENCE_MS
    if (isYoung && !isRefused(failure)) return
    const { code } = judge(profile, failure)
    const age = now - entry.updatedAt
    if (entry.error === code && age >= 0 && age < DAY_MS) return
    await move(entry, { error: tell(kinds[entry.type], profile, failure) })
  }

  async function follow(profile: Profile, entry: RenewalEntry): Promise<void> {
    const version = versionOf(entry)
    switch (version?.state) {
      case 'staged':
        return
      case 'active': {
        await move(entry, { step: 'active', removeAfter: clock.now() + graceOf(profile) })
        return
      }
    }
    await takeBack(profile, entry)
  }

  /** The new one was refused, at its proof or later, or another one took its place. */
  async function takeBack(profile: Profile, entry: RenewalEntry): Promise<void> {
    const { id } = profile
    const kind = kinds[entry.type]
    const version = versionOf(entry)
    // Exchanged by hand: what becomes of the others is for people to say.
    if (version?.refusedAt === null) return fail(entry, 'replaced by another credential')
    if (version !== undefined) {
      await profiles.dropFallback(id, { credentialId: version.id, reason: 'refused' })
    }
    const result = await removal.takeBack(kind, entry, profile)
    if (result === 'later') return soon()
    const error = `the new ${kind.noun} was refused or replaced`
    await fail(entry, error)
    const end = result === 'done' ? 'it was removed at Microsoft Entra' : remainsOf(kind, entry)
    const detail = `The ${kind.noun} of profile “${id}” was not renewed: ${error}, and ${end}.`
    events.emit('credential.renewal_failed', { profileId: id, detail, diagnosis: null })
  }

  /** In use: first what a lost answer may have left behind goes, and after the grace time the former one. */
  async function finish(profile: Profile, entry: RenewalEntry): Promise<void> {
    const kind = kinds[entry.type]
    if (versionOf(entry)?.state !== 'active') return takeBack(profile, entry)
    if (entry.doubtful) {
      if ((await removal.sweep(kind, entry, profile)) === 'later') return soon()
      await move(entry, { doubtful: false })
    }
    const now = clock.now()
    const latest = now + graceOf(profile)
    // The clock was ahead when it was set.
    if ((entry.removeAfter ?? 0) > latest) await move(entry, { removeAfter: latest })
    if (now < (entry.removeAfter ?? 0)) return
    const result = await removal.removeFormer(kind, entry, profile)
    if (result === 'later') return soon()
    const { noun } = kind
    const errors = {
      done: null,
      shared: `another profile uses the former ${noun}`,
      unknown: `the former ${noun} is not known for certain`,
      remains: `the former ${noun} could not be removed`,
    }
    await move({ ...entry, doubtful: false }, { step: 'removed', error: errors[result] })
    log.info({ profileId: profile.id, result }, 'renewal ended')
  }

  /** The profile is gone: what was added for it goes, too, or it is told what remains. */
  async function abandon(entry: RenewalEntry): Promise<void> {
    const kind = kinds[entry.type]
    const result = await removal.takeBack(kind, entry, undefined)
    if (result === 'later') return soon()
    const end =
      result === 'done' ? `so was its new ${kind.noun} at Microsoft Entra` : remainsOf(kind, entry)
    const error = `the profile was removed, and ${end}`
    await fail(entry, error)
    log.warn({ profileId: entry.profileId, error }, 'renewal of a removed profile ended')
  }

  function versionOf({
    profileId,
    keyId,
    thumbprint,
  }: RenewalEntry): CredentialVersion | undefined {
    return profiles
      .credentials(profileId)
      .find((one) =>
        thumbprint === null
          ? keyId !== null && one.keyId === keyId
          : one.type === 'certificate' && one.hint === thumbprint,
      )
  }

  function wait({ id }: RenewalEntry): void {
    unanswered.set(id, clock.now() + SETTLED_MS)
    soon()
  }

  async function move(entry: RenewalEntry, change: Partial<RenewalEntry>): Promise<RenewalEntry> {
    const moved = { ...entry, ...change, updatedAt: clock.now() }
    await journal.update(moved)
    const { profileId, type, step } = moved
    log.info({ profileId, type, step }, 'renewal of a credential')
    return moved
  }

  async function fail(entry: RenewalEntry, error: string): Promise<void> {
    await move(entry, { step: 'failed', error })
  }

  function judge(profile: Profile, failure: Failure) {
    return diagnose(failure, diagnosisContext(profile, { now: clock.now() }))
  }

  /** The code for the journal. */
  function tell({ noun }: RenewalKind, profile: Profile, failure: Failure): string {
    const diagnosis = judge(profile, failure)
    const detail = `The ${noun} of profile “${profile.id}” was not renewed; the present one stays in use. ${diagnosisSentence(diagnosis)}`
    log.warn({ profileId: profile.id, diagnosis: diagnosis.code }, 'credential not renewed')
    events.emit('credential.renewal_failed', { profileId: profile.id, detail, diagnosis })
    return diagnosis.code
  }

  return { advance, abandon }
}

/** What people have to remove themselves. */
function remainsOf({ noun, type }: RenewalKind, entry: RenewalEntry): string {
  const name =
    type === 'certificate' ? `with the thumbprint ${entry.thumbprint}` : `named “${nameOf(entry)}”`
  return `a ${noun} ${name} may remain at Microsoft Entra: the Entra administrator removes it there`
}
