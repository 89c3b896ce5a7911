import type { JWK } from 'jose'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { type Clock, offsetClock } from '../platform/clock.ts'
import { type FieldProblem, PosternError } from '../platform/errors.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { createInitialState } from './initial-state.ts'
import { applyMergePatch } from './merge-patch.ts'
import { TenantModel } from './model.ts'
import { findRehearsal, listRehearsals, type Rehearsal } from './rehearsals.ts'
import { describeProblems, findCertificateProblems } from './state-problems.ts'
import { createTokenSigner, type VerifiedToken } from './token-signer.ts'

export type { Inbox, InboxMessage } from './inbox.ts'
export type { VerifiedToken } from './token-signer.ts'

/** What the tenant was asked for since the start or the last reset. */
export interface TenantCounters {
  tokenRequests: number
  tokensIssued: number
  graphRequests: number
  /** Secrets and certificates added or removed. */
  graphWrites: number
  smtpConnections: number
  /** A gauge: it survives a reset, since the connections do. */
  smtpOpenConnections: number
  smtpMaxOpenConnections: number
  authAttempts: number
  messagesAccepted: number
}

/** The simulated organisation: its state, clock, signing key, inbox and counters. */
export interface Tenant {
  state(): TenantModel
  /** The tenant's clock: the base clock plus `clockOffsetMs`. */
  now(): number
  /** The base clock's sleep with the tenant's now. */
  readonly clock: Clock
  /**
   * Applies an RFC 7396 merge patch and fills in the defaults. A result that is no TenantModel is refused with a PosternError
   * (`sandbox_state_invalid`, one problem for each wrong path) and the old state stays.
   */
  patch(change: unknown): TenantModel
  /** A patch whose result is the way things are, not a fault: the working state has it too. */
  settle(change: unknown): TenantModel
  /** Initial state, empty inbox, counters zero. */
  reset(): void
  /** What can be rehearsed, with patches that fit the secrets and certificates of now. */
  rehearsals(): readonly Rehearsal[]
  /**
   * From the working state into a rehearsal's; throws `sandbox_rehearsal_unknown`. The working state is the initial one with the
   * secrets and certificates that were added or removed through Graph, and those that a patch added. Inbox and counters stay.
   */
  rehearse(code: string): TenantModel
  /** Back to the working state. */
  restore(): TenantModel
  /** Called after each change of the state; returns the function that ends the subscription. */
  onChange(listener: (change: StateChange) => void): () => void
  /** A JWT signed with RS256; the header carries x5t and kid. */
  issueToken(claims: Record<string, unknown>): Promise<string>
  /** Checks the signature only; undefined when it is not one of this tenant's tokens. */
  verifyToken(token: string): Promise<VerifiedToken | undefined>
  /** The JSON Web Key Set that checks the tokens. */
  publicKeys(): { keys: readonly JWK[] }
  readonly inbox: Inbox
  readonly counters: TenantCounters
}

/** `restored`: to the initial or the working state, with or without a rehearsal; what was counted is forgotten. */
export type StateChange = 'patched' | 'restored'

export interface TenantDeps {
  clock: Clock
  /** A merge patch on the initial state. */
  seed?: unknown
}

export async function createTenant(deps: TenantDeps): Promise<Tenant> {
  const model = Compile(TenantModel)
  const initial = checked(applyMergePatch(createInitialState(deps.clock.now()), deps.seed ?? {}))
  let state = initial
  /** What the end of a rehearsal returns to. */
  let working = initial
  const listeners = new Set<(change: StateChange) => void>()
  const inbox = createInbox()
  const counters = zeroCounters()
  const clock = offsetClock(deps.clock, () => state.clockOffsetMs)
  const signer = await createTokenSigner()

  function checked(given: unknown): TenantModel {
    // Fills what is missing in place; a merge patch leaves only new objects incomplete.
    const value = Value.Default(TenantModel, given)
    const isModel = model.Check(value)
    const problems = isModel
      ? findCertificateProblems(value)
      : describeProblems(model.Errors(value))
    if (isModel && problems.length === 0) return value
    throw invalidState(problems)
  }

  function become(next: TenantModel, change: StateChange): TenantModel {
    state = next
    for (const listener of [...listeners]) listener(change)
    return state
  }

  return {
    state: () => state,
    now: () => clock.now(),
    clock,
    patch(change) {
      const next = checked(applyMergePatch(state, change))
      working = withNewCredentials(working, next)
      return become(next, 'patched')
    },
    settle(change) {
      const next = checked(applyMergePatch(state, change))
      working = checked(applyMergePatch(working, change))
      return become(next, 'patched')
    },
    reset() {
      inbox.clear()
      const open = counters.smtpOpenConnections
      Object.assign(counters, zeroCounters(), {
        smtpOpenConnections: open,
        smtpMaxOpenConnections: open,
      })
      working = initial
      become(initial, 'restored')
    },
    rehearsals: () => listRehearsals(working),
    rehearse(code) {
      const { patch } = findRehearsal(working, code)
      return become(checked(applyMergePatch(working, patch)), 'restored')
    },
    restore: () => become(working, 'restored'),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    issueToken: (claims) => signer.sign(claims),
    verifyToken: (token) => signer.verify(token),
    publicKeys: () => signer.publicKeys,
    inbox,
    counters,
  }
}

function zeroCounters(): TenantCounters {
  return {
    tokenRequests: 0,
    tokensIssued: 0,
    graphRequests: 0,
    graphWrites: 0,
    smtpConnections: 0,
    smtpOpenConnections: 0,
    smtpMaxOpenConnections: 0,
    authAttempts: 0,
    messagesAccepted: 0,
  }
}

function invalidState(problems: readonly FieldProblem[]): PosternError {
  return new PosternError(
    `The simulated tenant keeps its state, because the change is not valid: ${problems
      .map(({ field, message }) => `${field} ${message}`)
      .join('; ')}. Correct the change and send it again.`,
    { kind: 'invalid', code: 'sandbox_state_invalid', problems },
  )
}

/** A secret or certificate that is new was uploaded, whichever way; changes of known ones are a matter of the rehearsal. */
function withNewCredentials(working: TenantModel, next: TenantModel): TenantModel {
  const apps = Object.entries(working.apps).map(([clientId, app]) => {
    const found = next.apps[clientId]
    if (found === undefined) return [clientId, app] as const
    const secrets = { ...app.secrets, ...found.secrets, ...app.secrets }
    const certificates = { ...app.certificates, ...found.certificates, ...app.certificates }
    return [clientId, { ...app, secrets, certificates }] as const
  })
  return { ...working, apps: Object.fromEntries(apps) }
}
