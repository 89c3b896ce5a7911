import type { Actor } from '../access/index.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import { type CommitDeps, changedMeanwhile } from './commit.ts'
import { AGENT } from './expiry-recorder.ts'
import type { InTurn } from './in-turn.ts'
import { toOpened } from './opened-credential.ts'
import { holds, openSealed, type PlanDeps, sealNew } from './plan-change.ts'
import type {
  CredentialFacts,
  CredentialState,
  CredentialVersion,
  CredentialVersions,
} from './profile.ts'
import { credentialInUse, customCloudOff, profileInvalid, secretReplaced } from './refusals.ts'
import { timeProblem } from './secret-rules.ts'
import { readStagedInput } from './staged-input.ts'
import { type StoredCredential, type StoredProfile, toStoredProfile } from './stored-profile.ts'
import { toVersionView } from './view.ts'

export interface CredentialVersionsDeps extends CommitDeps {
  readonly planning: PlanDeps
  readonly inTurn: InTurn
  getStored(id: string): StoredProfile
  /** Throws profile_managed. */
  getEditable(id: string): StoredProfile
  /** Runs a commit; when somebody else changed the profile meanwhile, memory is read anew. */
  save(id: string, run: () => Promise<void>): Promise<void>
}

type Executor = Storage['db']

/** What a change makes of a profile's credentials, and how it is told. */
interface Exchange {
  readonly credential: StoredCredential | null
  readonly others: readonly StoredCredential[]
  /** The active credential is another one: a new version of the profile. */
  readonly isSwitch: boolean
  readonly action: string
  readonly actor: Actor
  readonly reason?: string
  /** Settings count as changed: what fails now may still be spreading. */
  readonly touchedAt?: number
}

const ORDER: readonly CredentialState[] = ['active', 'staged', 'fallback']

export function createCredentialVersions(deps: CredentialVersionsDeps): CredentialVersions {
  const { storage, store, audit, events, memory, planning, inTurn, getStored, getEditable } = deps
  const { keyRing, clock, allowCustomCloud } = planning
  const log: Logger = deps.log

  /** One commit: the rows as they shall be, the audit record, and for a switch the profile's new version. */
  async function exchange(before: StoredProfile, change: Exchange): Promise<void> {
    const { profile } = before
    const now = clock.now()
    const after = toStoredProfile(
      {
        id: profile.id,
        version: profile.version + (change.isSwitch ? 1 : 0),
        managed: profile.managed,
        createdAt: profile.createdAt,
        updatedAt: change.touchedAt ?? profile.updatedAt,
        settings: before.settings,
        damaged: before.damaged,
        credential: change.credential,
        others: change.others,
      },
      { allowCustomCloud, now },
    )
    await deps.save(profile.id, () =>
      storage.db.transaction().execute(async (trx) => {
        await claim(trx, before, after)
        await writeRows(trx, before, after)
        const { action, actor, reason } = change
        const target = { type: 'profile', id: profile.id }
        const told = reason === undefined ? {} : { reason }
        await audit.record(
          {
            actor,
            action,
            target,
            before: { credentials: views(before) },
            after: { credentials: views(after), ...told },
          },
          trx,
        )
      }),
    )
    memory.set(after)
    const { action, actor, reason } = change
    log.info({ profileId: profile.id, actor: actor.name, reason }, action.replaceAll(/[._]/g, ' '))
    if (!change.isSwitch) return
    events.emit('profile.changed', {
      profile: after.profile,
      previous: profile,
      connectionChanged: true,
      secretChanged: true,
      actor,
    })
    events.emit('profile.saved', { profile: after.profile, changed: true })
  }

  /** The profile must be as it was read; a switch takes it to its next version. */
  async function claim(trx: Executor, before: StoredProfile, after: StoredProfile): Promise<void> {
    const { id, version } = before.profile
    if (after.profile.version !== version) {
      if (await store.update(trx, after, version)) return
    } else {
      const present = await store.read(trx, id)
      if (present?.[0].version === version) return
    }
    throw await changedMeanwhile(store, trx, id)
  }

  async function writeRows(trx: Executor, before: StoredProfile, after: StoredProfile) {
    const { id } = after.profile
    const known = new Set(all(before).map(({ facts }) => facts.id))
    const wanted = new Set(all(after).map(({ facts }) => facts.id))
    const gone = all(before).filter(({ facts }) => !wanted.has(facts.id))
    for (const { facts } of gone) await store.removeCredential(trx, facts.id)
    // Who leaves the active place goes first: there is room for one.
    const kept = all(after).filter(({ facts }) => known.has(facts.id))
    for (const { facts } of kept.toSorted(activeLast)) {
      if (!(await store.updateState(trx, facts))) throw await changedMeanwhile(store, trx, id)
    }
    for (const credential of all(after)) {
      if (!known.has(credential.facts.id)) await store.insertCredential(trx, id, credential)
    }
  }

  return {
    credentials: (id) =>
      all(getStored(id))
        .map(({ facts }) => facts)
        .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)),

    async openCredential({ id, credential: held }, state = 'active') {
      const stored = getStored(id)
      if (stored.credential?.facts.id !== held?.id) throw secretReplaced(id)
      const { authentication } = stored.settings
      const isCustom = authentication.type === 'exchangeOnline' && authentication.cloud === 'custom'
      if (isCustom && !allowCustomCloud) throw customCloudOff(id)
      const found = find(stored, state)
      return found && toOpened(found.facts, await openSealed(keyRing, found))
    },

    stageCredential: (id, input, { actor, sendTo = null, keyId = null }) =>
      inTurn(async () => {
        const before = getEditable(id)
        const { draft, value } = readStagedInput(id, input, before.settings)
        const untimely = draft.certificate && timeProblem(draft.certificate, clock.now())
        if (untimely !== undefined) {
          throw profileInvalid([{ field: 'credential.certificate', message: untimely }])
        }
        const active = before.credential
        if (active !== null && (await holds(keyRing, active, value))) throw credentialInUse(id)
        const sealed = await sealNew(planning, draft, value)
        const facts: CredentialVersion = { ...sealed.facts, state: 'staged', sendTo, keyId }
        const others = [...without(before, 'staged'), { ...sealed, facts }]
        const action = 'credential.staged'
        await exchange(before, { credential: active, others, isSwitch: false, action, actor })
        return facts
      }),

    activateStaged: (id, { credentialId, actor }) =>
      inTurn(async () => {
        const before = getStored(id)
        const staged = find(before, 'staged')
        if (staged?.facts.id !== credentialId) return false
        const now = clock.now()
        const former = before.credential
        await exchange(before, {
          credential: inState(staged, 'active'),
          others: isWorthKeeping(former, now) ? [inState(former, 'fallback')] : [],
          isSwitch: true,
          action: 'credential.activated',
          actor,
          touchedAt: now,
        })
        return true
      }),

    discardStaged: (id, { credentialId, actor, reason }) =>
      inTurn(async () => {
        const before = memory.find(id)
        if (before === undefined) return false
        const staged = find(before, 'staged')
        if (staged?.facts.id !== credentialId) return false
        const others = without(before, 'staged')
        const { credential } = before
        const action = 'credential.discarded'
        await exchange(before, { credential, others, isSwitch: false, action, actor, reason })
        return true
      }),

    dropFallback: (id, { credentialId, reason }) =>
      inTurn(async () => {
        const before = memory.find(id)
        const fallback = before && find(before, 'fallback')
        if (before === undefined || fallback?.facts.id !== credentialId) return false
        const others = without(before, 'fallback')
        const { credential } = before
        const action = 'credential.fallback_removed'
        const told = { isSwitch: false, action, actor: AGENT, reason }
        await exchange(before, { credential, others, ...told })
        return true
      }),

    useFallback: (id, { refusedId, reason }) =>
      inTurn(async () => {
        const before = getStored(id)
        const { credential } = before
        const fallback = find(before, 'fallback')
        if (credential?.facts.id !== refusedId || fallback === undefined) return false
        if (fallback.facts.refusedAt !== null) return false
        const refused = inState(credential, 'fallback', clock.now())
        await exchange(before, {
          credential: inState(fallback, 'active'),
          others: [...without(before, 'fallback'), refused],
          isSwitch: true,
          action: 'credential.fallback_used',
          actor: AGENT,
          reason,
        })
        const { profile } = getStored(id)
        const facts: CredentialFacts = refused.facts
        log.warn({ profileId: id, reason }, 'credential refused, the former one is in use again')
        events.emit('credential.fallback_used', { profile, refused: facts, reason })
        return true
      }),

    recordFallbackRefused: (id, credentialId, reason) =>
      inTurn(async () => {
        const before = memory.find(id)
        const fallback = before && find(before, 'fallback')
        if (before === undefined || fallback?.facts.id !== credentialId) return
        if (fallback.facts.refusedAt !== null) return
        const refused = inState(fallback, 'fallback', clock.now())
        const others = [...without(before, 'fallback'), refused]
        const { credential } = before
        const action = 'credential.fallback_refused'
        const told = { isSwitch: false, action, actor: AGENT, reason }
        await exchange(before, { credential, others, ...told })
      }),
  }
}

function activeLast(a: StoredCredential, b: StoredCredential): number {
  return Number(a.facts.state === 'active') - Number(b.facts.state === 'active')
}

function all({ credential, others }: StoredProfile): readonly StoredCredential[] {
  return credential === null ? others : [credential, ...others]
}

function find(stored: StoredProfile, state: CredentialState): StoredCredential | undefined {
  return all(stored).find(({ facts }) => facts.state === state)
}

function without({ others }: StoredProfile, state: CredentialState): readonly StoredCredential[] {
  return others.filter(({ facts }) => facts.state !== state)
}

function inState(
  { facts, sealed }: StoredCredential,
  state: CredentialState,
  refusedAt: number | null = null,
): StoredCredential {
  return { sealed, facts: { ...facts, state, sendTo: null, refusedAt } }
}

/** A credential that has ended, or that cannot be opened, is nothing to fall back to. */
function isWorthKeeping(former: StoredCredential | null, now: number): former is StoredCredential {
  if (former === null || !former.facts.readable) return false
  const { expiresAt } = former.facts
  return expiresAt === null || expiresAt > now
}

/** By id, so that the audit shows of each credential what became of it. */
function views(stored: StoredProfile): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    all(stored).map(({ facts }) => {
      const { id, ...view } = toVersionView(facts)
      return [id, view]
    }),
  )
}
