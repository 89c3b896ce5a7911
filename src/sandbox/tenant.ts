import type { JWK } from 'jose'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { type Clock, offsetClock } from '../platform/clock.ts'
import { type FieldProblem, PosternError } from '../platform/errors.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { createInitialState } from './initial-state.ts'
import { applyMergePatch } from './merge-patch.ts'
import { TenantModel } from './model.ts'
import { createTokenSigner, type VerifiedToken } from './token-signer.ts'

export type { Inbox, InboxMessage } from './inbox.ts'
export type { VerifiedToken } from './token-signer.ts'

/** What the tenant was asked for since the start or the last reset. */
export interface TenantCounters {
  tokenRequests: number
  tokensIssued: number
  graphRequests: number
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
  /** Initial state, empty inbox, counters zero. */
  reset(): void
  /** Called after each change of the state; returns the function that ends the subscription. */
  onChange(listener: () => void): () => void
  /** A JWT signed with RS256; the header carries x5t and kid. */
  issueToken(claims: Record<string, unknown>): Promise<string>
  /** Checks the signature only; undefined when it is not one of this tenant's tokens. */
  verifyToken(token: string): Promise<VerifiedToken | undefined>
  /** The JSON Web Key Set that checks the tokens. */
  publicKeys(): { keys: readonly JWK[] }
  readonly inbox: Inbox
  readonly counters: TenantCounters
}

export interface TenantDeps {
  clock: Clock
  /** A merge patch on the initial state. */
  seed?: unknown
}

export async function createTenant(deps: TenantDeps): Promise<Tenant> {
  const model = Compile(TenantModel)
  const initial = checked(applyMergePatch(createInitialState(deps.clock.now()), deps.seed ?? {}))
  let state = initial
  const listeners = new Set<() => void>()
  const inbox = createInbox()
  const counters = zeroCounters()
  const clock = offsetClock(deps.clock, () => state.clockOffsetMs)
  const signer = await createTokenSigner()

  function checked(given: unknown): TenantModel {
    // Fills what is missing in place; a merge patch leaves only new objects incomplete.
    const value = Value.Default(TenantModel, given)
    if (model.Check(value)) return value
    const problems = describeProblems(model.Errors(value))
    throw new PosternError(
      `The simulated tenant keeps its state, because the change is not valid: ${problems
        .map(({ field, message }) => `${field} ${message}`)
        .join('; ')}. Correct the change and send it again.`,
      { kind: 'invalid', code: 'sandbox_state_invalid', problems },
    )
  }

  function become(next: TenantModel): void {
    state = next
    for (const listener of [...listeners]) listener()
  }

  return {
    state: () => state,
    now: () => clock.now(),
    clock,
    patch(change) {
      become(checked(applyMergePatch(state, change)))
      return state
    },
    reset() {
      inbox.clear()
      const open = counters.smtpOpenConnections
      Object.assign(counters, zeroCounters(), {
        smtpOpenConnections: open,
        smtpMaxOpenConnections: open,
      })
      become(initial)
    },
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
    smtpConnections: 0,
    smtpOpenConnections: 0,
    smtpMaxOpenConnections: 0,
    authAttempts: 0,
    messagesAccepted: 0,
  }
}

interface SchemaProblem {
  keyword: string
  instancePath: string
  params: object
  message: string
}

/** One sentence for each wrong path. */
function describeProblems(errors: readonly SchemaProblem[]): FieldProblem[] {
  const byField = new Map<string, string>()
  for (const error of errors) {
    const field = toFieldPath(error.instancePath)
    for (const [path, message] of describeProblem(error, field)) {
      if (!byField.has(path)) byField.set(path, message)
    }
  }
  return [...byField].map(([field, message]) => ({ field: field || '(state)', message }))
}

function describeProblem(error: SchemaProblem, field: string): [string, string][] {
  const { params } = error
  if (error.keyword === 'required' && 'requiredProperties' in params) {
    const missing = Array.isArray(params.requiredProperties) ? params.requiredProperties : []
    return missing.map((name) => [[field, name].filter(Boolean).join('.'), 'is missing'])
  }
  // The unknown member is also reported by itself, as keyword `boolean` at its own path.
  if (error.keyword === 'additionalProperties') return []
  if (error.keyword === 'boolean') return [[field, 'is not a known key']]
  if (error.keyword === 'enum' && 'allowedValues' in params && Array.isArray(params.allowedValues))
    return [[field, `must be one of ${params.allowedValues.join(', ')}`]]
  return [[field, error.message]]
}

/** `/apps/4d1c/secrets` becomes `apps.4d1c.secrets` (RFC 6901 §4 escapes undone). */
function toFieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}
