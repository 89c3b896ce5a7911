import type { Actor, Audit } from '../access/index.ts'
import { type Clock, toIsoDay } from '../platform/clock.ts'
import { codeOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import { commit } from './commit.ts'
import { createCredentialVersions } from './credential-versions.ts'
import { planDesiredState } from './desired.ts'
import {
  AGENT,
  createExpiryRecorder,
  type ExpiryChange,
  type RecordExpiry,
} from './expiry-recorder.ts'
import { createTurns } from './in-turn.ts'
import { createMemory } from './memory.ts'
import { planChange } from './plan-change.ts'
import type { ProfileEvents, Profiles } from './profile.ts'
import {
  profileChanged,
  profileExists,
  profileInvalid,
  profileManaged,
  profileNotFound,
} from './refusals.ts'
import { createProfileStore } from './store.ts'
import {
  type CredentialRow,
  type ProfileRow,
  readStoredProfile,
  type StoredProfile,
} from './stored-profile.ts'
import { type Draft, validateProfile } from './validate.ts'

export interface ProfilesDeps {
  storage: Storage
  audit: Audit
  clock: Clock
  log: Logger
  events: EventBus<ProfileEvents>
  allowCustomCloud: boolean
  /**
   * The file that managed profiles come from. Without one nobody could change them any more, so they count as
   * unmanaged then.
   */
  settingsFile: string | undefined
}

/** Loads every profile into memory, damaged ones included. */
export async function createProfiles(deps: ProfilesDeps): Promise<Profiles> {
  const { storage, audit, clock, log, events, allowCustomCloud, settingsFile } = deps
  const { db, keyRing } = storage
  const store = createProfileStore()

  const toStored = (row: ProfileRow, credentials: readonly CredentialRow[]): StoredProfile => {
    const stored = readStoredProfile(row, credentials, {
      keyRing,
      allowCustomCloud,
      now: clock.now(),
      isManaged: row.managed === 1 && settingsFile !== undefined,
    })
    if (stored.damaged) log.error({ profileId: row.id }, 'stored settings damaged')
    if (stored.credential?.facts.readable === false) {
      log.error({ profileId: row.id }, 'stored secret sealed with another master key')
    }
    return stored
  }
  const memory = createMemory((await store.readAll(db)).map((pair) => toStored(...pair)))
  const inTurn = createTurns()
  const committing = { storage, store, audit, events, log, memory }
  const planning = { keyRing, clock, allowCustomCloud, memory }

  const getStored = (id: string): StoredProfile => {
    const stored = memory.find(id)
    if (stored === undefined) throw profileNotFound(id)
    return stored
  }

  /** Another process (a command beside the agent) may have written: the file is right, memory follows. */
  const reload = async (id: string): Promise<void> => {
    const present = await store.read(db, id)
    if (present === undefined) memory.remove(id)
    else memory.set(toStored(...present))
  }

  const save = async (ids: readonly string[], run: () => Promise<void>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'profile_changed' || code === 'profile_exists')
        await Promise.all(ids.map(reload))
      throw error
    }
  }

  const getEditable = (id: string, version: number | undefined): StoredProfile => {
    const stored = getStored(id)
    if (stored.profile.managed) throw profileManaged(id, settingsFile ?? '')
    if (version !== undefined && version !== stored.profile.version) {
      throw profileChanged(id, stored.profile.version)
    }
    return stored
  }

  const readDraft = (input: unknown): Draft => {
    const checked = validateProfile(input, { allowCustomCloud })
    if (checked.draft === undefined) throw profileInvalid(checked.problems)
    return checked.draft
  }

  const saveDraft = async (
    draft: Draft,
    before: StoredProfile | undefined,
    actor: Actor,
  ): Promise<void> => {
    const options = { managed: false, typedDateYields: false }
    const { change, problems } = await planChange(planning, draft, before, options)
    if (change === undefined) throw profileInvalid(problems)
    if (change.kind === 'change' && change.fields.length === 0) {
      events.emit('profile.saved', { profile: change.before.profile, changed: false })
      return
    }
    await save([draft.id], () => commit(committing, [change], actor))
  }

  const recordExpiry = createExpiryRecorder({
    storage,
    store,
    audit,
    memory,
    inTurn,
    reload,
    view: () => ({ allowCustomCloud, now: clock.now() }),
  })

  /** False when there was nothing to store. */
  const correctExpiry = async (...given: Parameters<RecordExpiry>): Promise<boolean> => {
    const previous = memory.find(given[0].profileId)?.profile
    const after = await recordExpiry(...given)
    if (previous === undefined || after === undefined) return false
    events.emit('profile.changed', {
      profile: after.profile,
      previous,
      connectionChanged: false,
      secretChanged: false,
      actor: AGENT,
    })
    return true
  }

  return {
    list: () => memory.profiles(),
    get: (id) => getStored(id).profile,
    find: (id) => memory.find(id)?.profile,

    ...createCredentialVersions({
      ...committing,
      planning,
      inTurn,
      getStored,
      getEditable: (id) => getEditable(id, undefined),
      save: (id, run) => save([id], run),
    }),

    create: (input, actor) =>
      inTurn(async () => {
        const draft = readDraft(input)
        if (memory.find(draft.id) !== undefined) throw profileExists(draft.id)
        await saveDraft(draft, undefined, actor)
        return getStored(draft.id).profile
      }),

    replace: (id, input, { version, actor }) =>
      inTurn(async () => {
        const before = getEditable(id, version)
        const draft = readDraft(input)
        if (draft.id !== id) {
          throw profileInvalid([
            {
              field: 'id',
              message: `The id of a profile cannot be changed: send “${id}”, or create a new profile.`,
            },
          ])
        }
        await saveDraft(draft, before, actor)
        return getStored(id).profile
      }),

    remove: (id, { version, actor }) =>
      inTurn(async () => {
        const before = getEditable(id, version)
        await save([id], () => commit(committing, [{ kind: 'remove', before }], actor))
      }),

    applyDesired: (inputs, actor) =>
      inTurn(async () => {
        const { changes, plan } = await planDesiredState(planning, inputs)
        const ids = [...plan.create, ...plan.change.map(({ id }) => id), ...plan.remove]
        await save(ids, () => commit(committing, changes, actor))
        return plan
      }),

    planDesired: async (inputs) => (await planDesiredState(planning, inputs)).plan,

    async recordEnded(profileId, credentialId, at) {
      const after = await recordExpiry({ profileId, credentialId }, 'credential.ended', (facts) =>
        facts.expirySource === 'proven'
          ? undefined
          : { expiresAt: Math.min(facts.expiresAt ?? at, at), expirySource: 'proven' },
      )
      const expiresAt = after?.profile.credential?.expiresAt
      if (after === undefined || expiresAt === undefined || expiresAt === null) return
      log.warn({ profileId, endedOn: toIsoDay(expiresAt) }, 'credential proven to have ended')
      events.emit('credential.ended', { profile: after.profile, at: expiresAt })
    },

    async recordAlive(profileId, credentialId) {
      const change: ExpiryChange = ({ expirySource }) =>
        expirySource === 'proven' ? { expiresAt: null, expirySource: 'none' } : undefined
      if (await correctExpiry({ profileId, credentialId }, 'credential.alive', change)) {
        log.info({ profileId }, 'credential works again, its end date is unknown now')
      }
    },

    async recordGraphExpiry(profileId, credentialId, expiresAt) {
      const change: ExpiryChange = (facts) => {
        if (facts.expirySource === 'proven' || facts.expirySource === 'certificate')
          return undefined
        if (facts.expirySource === 'graph' && facts.expiresAt === expiresAt) return undefined
        return { expiresAt, expirySource: 'graph' }
      }
      if (await correctExpiry({ profileId, credentialId }, 'credential.end_read', change)) {
        log.info(
          { profileId, endsOn: toIsoDay(expiresAt) },
          'end of the credential read from Graph',
        )
      }
    },
  }
}
