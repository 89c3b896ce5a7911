import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import { codeOf, type FieldProblem } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Secret } from '../platform/secret.ts'
import type { KeyRing } from '../storage/index.ts'
import type { SecretDraft } from './authentication-rules.ts'
import { bindingChanges, changedSettings } from './differences.ts'
import type { Memory } from './memory.ts'
import { CREDENTIAL_TABLE, SEALED_COLUMN } from './store.ts'
import { type StoredCredential, type StoredProfile, toStoredProfile } from './stored-profile.ts'
import type { Draft } from './validate.ts'

/** What a change does to the credential rows. */
export type CredentialStep = 'keep' | 'insert' | 'expiry' | 'remove'

/** A change that is ready to be committed; nothing in it needs the network or the key ring any more. */
export type Change =
  | { readonly kind: 'create'; readonly after: StoredProfile; readonly credential: CredentialStep }
  | {
      readonly kind: 'change'
      readonly before: StoredProfile
      readonly after: StoredProfile
      readonly credential: CredentialStep
      /** JSON paths of what differs; empty when nothing does. */
      readonly fields: readonly string[]
    }
  | { readonly kind: 'remove'; readonly before: StoredProfile }

export type Planned =
  | { readonly change: Change; readonly problems: readonly [] }
  | { readonly change: undefined; readonly problems: readonly FieldProblem[] }

export interface PlanDeps {
  readonly keyRing: KeyRing
  readonly clock: Clock
  readonly memory: Pick<Memory, 'firstVersion'>
  readonly allowCustomCloud: boolean
}

export interface PlanOptions {
  readonly managed: boolean
  /** The settings file repeats its date at every run: what Entra proved or Graph told stays above it. */
  readonly typedDateYields: boolean
}

const HINT_LENGTH = 3

/** Compares a draft with what is stored, seals a new secret and says what has to be written. */
export async function planChange(
  deps: PlanDeps,
  draft: Draft,
  before: StoredProfile | undefined,
  options: PlanOptions,
): Promise<Planned> {
  const problem = before === undefined ? undefined : askedAgain(draft, before)
  if (problem !== undefined) return { change: undefined, problems: [problem] }

  const now = deps.clock.now()
  const { credential, step } = await planCredential(deps, draft, before, options)
  const after = toStoredProfile(
    {
      id: draft.id,
      version: before === undefined ? deps.memory.firstVersion(now) : before.profile.version + 1,
      managed: options.managed,
      createdAt: before?.profile.createdAt ?? now,
      updatedAt: now,
      settings: draft.settings,
      damaged: false,
      credential,
    },
    { allowCustomCloud: deps.allowCustomCloud, now },
  )
  if (before === undefined) {
    return { change: { kind: 'create', after, credential: step }, problems: [] }
  }
  const fields = changedFields(before, after, step)
  return { change: { kind: 'change', before, after, credential: step, fields }, problems: [] }
}

/** A stored secret is never sent to a place that it was not entered for. */
function askedAgain(draft: Draft, before: StoredProfile): FieldProblem | undefined {
  if (draft.secret === undefined || draft.secret.value !== undefined) return undefined
  if (before.credential === null) return undefined
  const reasons = bindingChanges(before.settings, draft.settings)
  if (reasons.length === 0) return undefined
  const because = `is asked for again because ${reasons.join(' and ')} changed: enter it, so that a stored secret never reaches a place it was not meant for.`
  return draft.secret.type === 'password'
    ? { field: 'authentication.password', message: `The password ${because}` }
    : { field: 'authentication.credential.value', message: `The client secret ${because}` }
}

interface PlannedCredential {
  readonly credential: StoredCredential | null
  readonly step: CredentialStep
}

async function planCredential(
  deps: PlanDeps,
  draft: Draft,
  before: StoredProfile | undefined,
  options: PlanOptions,
): Promise<PlannedCredential> {
  const { secret } = draft
  const current = before?.credential?.facts.type === secret?.type ? before?.credential : undefined
  if (secret === undefined) {
    // A damaged row shows no credential, but may still have one.
    const mayHaveOne = before !== undefined && (before.credential !== null || before.damaged)
    return { credential: null, step: mayHaveOne ? 'remove' : 'keep' }
  }
  const given = secret.value
  if (given !== undefined && (current === undefined || current === null)) {
    return { credential: await sealNew(deps, secret, given), step: 'insert' }
  }
  if (current === undefined || current === null) {
    return { credential: null, step: before?.damaged === true ? 'remove' : 'keep' }
  }
  if (given !== undefined && !(await holds(deps.keyRing, current, given))) {
    return { credential: await sealNew(deps, secret, given), step: 'insert' }
  }
  return planExpiry(current, secret, options)
}

function planExpiry(
  current: StoredCredential,
  { expiresAt }: SecretDraft,
  { typedDateYields }: PlanOptions,
): PlannedCredential {
  const { facts } = current
  const yields =
    typedDateYields && (facts.expirySource === 'proven' || facts.expirySource === 'graph')
  if (expiresAt === undefined || expiresAt === facts.expiresAt || yields) {
    return { credential: current, step: 'keep' }
  }
  const expirySource = expiresAt === null ? 'none' : 'typed'
  return {
    credential: { ...current, facts: { ...facts, expiresAt, expirySource } },
    step: 'expiry',
  }
}

async function sealNew(
  deps: PlanDeps,
  { type, expiresAt }: SecretDraft,
  value: Secret,
): Promise<StoredCredential> {
  const id = newId()
  return {
    sealed: await deps.keyRing.seal(value, {
      table: CREDENTIAL_TABLE,
      column: SEALED_COLUMN,
      row: id,
    }),
    facts: {
      id,
      type,
      // The portal and Graph show as much of a client secret; a password shows nothing.
      hint: type === 'clientSecret' ? value.reveal().slice(0, HINT_LENGTH) : '',
      expiresAt: expiresAt ?? null,
      expirySource: expiresAt === null || expiresAt === undefined ? 'none' : 'typed',
      createdAt: deps.clock.now(),
      readable: true,
    },
  }
}

export async function openCredential(
  keyRing: KeyRing,
  { sealed, facts }: StoredCredential,
): Promise<Secret> {
  return await keyRing.open(sealed, {
    table: CREDENTIAL_TABLE,
    column: SEALED_COLUMN,
    row: facts.id,
  })
}

/** Whether the stored secret is this one. One that cannot be opened counts as another, so that it gets replaced. */
async function holds(keyRing: KeyRing, current: StoredCredential, given: Secret): Promise<boolean> {
  try {
    const stored = Buffer.from((await openCredential(keyRing, current)).reveal())
    const entered = Buffer.from(given.reveal())
    return stored.length === entered.length && timingSafeEqual(stored, entered)
  } catch (error) {
    if (codeOf(error) === 'secret_unreadable') return false
    throw error
  }
}

function changedFields(
  before: StoredProfile,
  after: StoredProfile,
  step: CredentialStep,
): readonly string[] {
  const secretField =
    after.settings.authentication.type === 'basic'
      ? 'authentication.password'
      : 'authentication.credential.value'
  return [
    ...changedSettings(before.settings, after.settings),
    ...(step === 'insert' || step === 'remove' ? [secretField] : []),
    ...(step === 'expiry' ? ['authentication.credential.expiresAt'] : []),
    ...(before.profile.managed === after.profile.managed ? [] : ['managed']),
    ...(before.damaged ? ['settings'] : []),
  ]
}
