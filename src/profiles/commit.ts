import type { Actor, Audit } from '../access/index.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Storage } from '../storage/index.ts'
import { changesConnection } from './differences.ts'
import type { Memory } from './memory.ts'
import type { Change } from './plan-change.ts'
import type { ProfileEvents } from './profile.ts'
import { profileChanged, profileExists } from './refusals.ts'
import type { ProfileStore } from './store.ts'
import type { StoredProfile } from './stored-profile.ts'
import { toAuditState } from './view.ts'

export interface CommitDeps {
  readonly storage: Storage
  readonly store: ProfileStore
  readonly audit: Audit
  readonly events: EventBus<ProfileEvents>
  readonly log: Logger
  readonly memory: Memory
}

type Executor = Storage['db']

/**
 * Writes all changes with their audit records in one transaction, or none; only then memory follows, and only then
 * the news goes out.
 */
export async function commit(
  deps: CommitDeps,
  changes: readonly Change[],
  actor: Actor,
): Promise<void> {
  const { storage, memory } = deps
  if (changes.length === 0) return
  await storage.db.transaction().execute(async (trx) => {
    for (const change of changes) await write(deps, change, actor, trx)
  })
  for (const change of changes) {
    if (change.kind === 'remove') memory.remove(change.before.profile.id)
    else memory.set(change.after)
  }
  for (const change of changes) announce(deps, change, actor)
}

async function write(
  { store, audit }: CommitDeps,
  change: Change,
  actor: Actor,
  trx: Executor,
): Promise<void> {
  const { profile } = change.kind === 'remove' ? change.before : change.after
  const target = { type: 'profile', id: profile.id }
  switch (change.kind) {
    case 'create': {
      const present = await store.read(trx, profile.id)
      if (present !== undefined) throw profileExists(profile.id)
      await store.insert(trx, change.after)
      await writeCredential(store, change, trx)
      const after = toAuditState(profile)
      await audit.record({ actor, action: 'profile.created', target, after }, trx)
      return
    }
    case 'change': {
      const { version } = change.before.profile
      if (!(await store.update(trx, change.after, version))) {
        throw await changedMeanwhile(store, trx, profile.id)
      }
      await writeCredential(store, change, trx)
      const before = toAuditState(change.before.profile)
      const after = toAuditState(profile)
      await audit.record({ actor, action: 'profile.changed', target, before, after }, trx)
      return
    }
    case 'remove': {
      if (!(await store.remove(trx, profile.id, profile.version))) {
        throw await changedMeanwhile(store, trx, profile.id)
      }
      const before = toAuditState(profile)
      await audit.record({ actor, action: 'profile.removed', target, before }, trx)
    }
  }
}

export async function changedMeanwhile(store: ProfileStore, trx: Executor, id: string) {
  const present = await store.read(trx, id)
  return profileChanged(id, present === undefined ? null : present[0].version)
}

async function writeCredential(
  store: ProfileStore,
  { credential: step, after }: Exclude<Change, { kind: 'remove' }>,
  trx: Executor,
): Promise<void> {
  const { credential, profile }: StoredProfile = after
  // A secret that is entered counts for all: what was staged or kept before it would overrule it one day.
  if (step === 'remove' || step === 'insert') await store.removeCredentials(trx, profile.id)
  if (credential === null) return
  if (step === 'insert') await store.insertCredential(trx, profile.id, credential)
  if (step === 'expiry') await store.updateExpiry(trx, credential.facts)
}

function announce({ events, log }: CommitDeps, change: Change, actor: Actor): void {
  switch (change.kind) {
    case 'create': {
      const { profile } = change.after
      log.info({ profileId: profile.id, actor: actor.name }, 'profile created')
      events.emit('profile.created', { profile, actor })
      events.emit('profile.saved', { profile, changed: true })
      return
    }
    case 'change': {
      const { before, after, fields } = change
      const { profile } = after
      log.info({ profileId: profile.id, actor: actor.name, fields }, 'profile changed')
      events.emit('profile.changed', {
        profile,
        previous: before.profile,
        connectionChanged: changesConnection(before, after),
        secretChanged: before.credential?.facts.id !== after.credential?.facts.id,
        actor,
      })
      events.emit('profile.saved', { profile, changed: true })
      return
    }
    case 'remove': {
      const { profile } = change.before
      log.info({ profileId: profile.id, actor: actor.name }, 'profile removed')
      events.emit('profile.removed', { profile, actor })
    }
  }
}
