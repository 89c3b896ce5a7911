import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import { codeOf, type FieldProblem } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Secret } from '../platform/secret.ts'
import type { KeyRing } from '../storage/index.ts'
import type { SecretDraft } from './authentication-rules.ts'
import { bindingChanges, changedSettings } from './differences.ts'
import type { Memory } from './memory.ts'
import type { CredentialFacts } from './profile.ts'
import { timeProblem } from './secret-rules.ts'
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
  const certificate = step === 'insert' ? draft.secret?.certificate : undefined
  const untimely = certificate && timeProblem(certificate, now)
  if (untimely !== undefined) {
    const field = 'authentication.credential.certificate'
    return { change: undefined, problems: [{ field, message: untimely }] }
  }
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
      others: step === 'keep' || step === 'expiry' ? (before?.others ?? []) : [],
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
  const { type } = before.credential.facts
  const { type: wanted } = draft.secret
  if (reasons.length === 0 && type !== wanted && wanted !== 'password') {
    const [name, part] =
      wanted === 'certificate'
        ? ['certificate and its private key are', 'certificate']
        : ['client secret is', 'value']
    const message = `The ${name} missing: enter what shall take the place of the stored credential.`
    return { field: `authentication.credential.${part}`, message }
  }
  if (reasons.length === 0) return undefined
  const because = `is asked for again because ${reasons.join(' and ')} changed: enter it, so that a stored secret never reaches a place it was not meant for.`
  switch (wanted) {
    case 'password':
      return { field: 'authentication.password', message: `The password ${because}` }
    case 'clientSecret':
      return { field: 'authentication.credential.value', message: `The client secret ${because}` }
    case 'certificate':
      return {
        field: 'authentication.credential.privateKey',
        message: `The certificate with its private key ${because}`,
      }
  }
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
  // The staged one and the fallback were not entered for the place that the settings name now.
  const hasStale =
    before !== undefined &&
    before.others.length > 0 &&
    bindingChanges(before.settings, draft.settings).length > 0
  if (given !== undefined && (current === undefined || current === null)) {
    return { credential: await sealNew(deps, secret, given), step: 'insert' }
  }
  if (current === undefined || current === null) {
    const mayHaveOne = before?.damaged === true || hasStale
    return { credential: null, step: mayHaveOne ? 'remove' : 'keep' }
  }
  if (given !== undefined && (hasStale || !(await holds(deps.keyRing, current, given)))) {
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

export async function sealNew(
  deps: Pick<PlanDeps, 'keyRing' | 'clock'>,
  { type, expiresAt, certificate }: SecretDraft,
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
      hint:
        certificate?.thumbprint ??
        (type === 'clientSecret' ? value.reveal().slice(0, HINT_LENGTH) : ''),
      ...endOf(certificate?.notAfter, expiresAt),
      createdAt: deps.clock.now(),
      readable: true,
      state: 'active',
      keyId: null,
      sendTo: null,
      refusedAt: null,
    },
  }
}

function endOf(
  stated: number | undefined,
  typed: number | null | undefined,
): Pick<CredentialFacts, 'expiresAt' | 'expirySource'> {
  if (stated !== undefined) return { expiresAt: stated, expirySource: 'certificate' }
  return { expiresAt: typed ?? null, expirySource: typeof typed === 'number' ? 'typed' : 'none' }
}

export async function openSealed(
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
export async function holds(
  keyRing: KeyRing,
  current: StoredCredential,
  given: Secret,
): Promise<boolean> {
  try {
    const stored = Buffer.from((await openSealed(keyRing, current)).reveal())
    const entered = Buffer.from(given.reveal())
    return stored.length === entered.length && timingSafeEqual(stored, entered)
  } catch (error) {
    if (codeOf(error) === 'secret_unreadable') return false
    throw error
  }
}

function secretFieldOf({ settings, credential }: StoredProfile): string {
  if (settings.authentication.type === 'basic') return 'authentication.password'
  return credential?.facts.type === 'certificate'
    ? 'authentication.credential.certificate'
    : 'authentication.credential.value'
}

function changedFields(
  before: StoredProfile,
  after: StoredProfile,
  step: CredentialStep,
): readonly string[] {
  const secretField = secretFieldOf(after)
  return [
    ...changedSettings(before.settings, after.settings),
    ...(step === 'insert' || step === 'remove' ? [secretField] : []),
    ...(step === 'expiry' ? ['authentication.credential.expiresAt'] : []),
    ...(before.profile.managed === after.profile.managed ? [] : ['managed']),
    ...(before.damaged ? ['settings'] : []),
  ]
}
