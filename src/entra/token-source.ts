import { performance } from 'node:perf_hooks'
import type { Failure, Outcome } from '../diagnosis/index.ts'
import { type Clock, MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { Secret } from '../platform/secret.ts'
import { readClaims, type TokenClaims } from './claims.ts'
import { fingerprintOf } from './client-credential.ts'
import { scopeOf } from './clouds.ts'
import { createThumbprintChoice } from './thumbprint-choice.ts'
import { requestToken, type TokenRequest } from './token-request.ts'
import type { ConnectionTrace, EntraTransport } from './transport.ts'

export interface AccessToken {
  value: Secret
  /** Epoch milliseconds by the clock here. */
  obtainedAt: number
  expiresAt: number
  claims: TokenClaims
}

export interface TokenTrace {
  /** Nothing was sent: the token, or the refusal, was remembered. */
  fromCache: boolean
  requestMs: number
  connection: ConnectionTrace | null
}

export interface AcquireOptions {
  /** Ask Entra even when a good token is at hand. */
  fresh?: boolean | undefined
  /** Wait for a cool-down of at most 30 s instead of repeating the last refusal. */
  patient?: boolean | undefined
  signal?: AbortSignal | undefined
}

export type TokenOutcome = Outcome<AccessToken> & { readonly trace: TokenTrace }

export interface TokenSource {
  /** Rejects only when the signal is aborted; everything else that goes wrong is a failure value. */
  acquire(request: TokenRequest, options?: AcquireOptions): Promise<TokenOutcome>
  /**
   * Forgets all tokens and refusals of the application; an answer still on its way is not kept. A pause that Entra has
   * asked for stays.
   */
  drop(tenantId: string, clientId: string): void
}

export interface TokenSourceDeps {
  transport: EntraTransport
  clock: Clock
  log: Logger
  /** Milliseconds that never jump; measures ages beside the clock, which can be set back. */
  monotonicMs?: () => number
}

/** The share of a token's life after which it is renewed. */
const RENEW_AFTER = 0.8
/** A token that could not be renewed is served while it has more than this left. */
const LEAST_REST_MS = MINUTE_MS
const REFUSED_MS = 30 * SECOND_MS
const UNAVAILABLE_MS = 60 * SECOND_MS
const LONGEST_PATIENCE_MS = 30 * SECOND_MS
const FEW_ENTRIES = 16

interface Mark {
  at: number
  monotonicMs: number
}

/** No request before it is over. `failure` is what Entra said last. */
interface CoolDown {
  readonly failure: Failure
  readonly sinceMonotonicMs: number
  readonly forMs: number
}

/** What is known for one application with one credential and scope. */
interface Entry {
  readonly application: string
  token?: { value: AccessToken; since: Mark; lifetimeMs: number } | undefined
  /** The application at its authority: what Entra asks to wait for counts for all its secrets. */
  readonly site: string
  coolDown?: CoolDown | undefined
  flight?: Promise<TokenOutcome> | undefined
}

export function createTokenSource(deps: TokenSourceDeps): TokenSource {
  const { clock, log, monotonicMs = () => performance.now() } = deps
  const entries = new Map<string, Entry>()
  /** At so many entries the idle ones are looked for: never often, however many applications there are. */
  let tidyAt = FEW_ENTRIES
  /** What Entra asked for (429, 5xx, Retry-After), by site. Dropping an application does not shorten it. */
  const pauses = new Map<string, CoolDown>()
  /** The last request of each application: the next one starts when it has ended. */
  const tails = new Map<string, Promise<unknown>>()
  const choose = createThumbprintChoice()

  const mark = (): Mark => ({ at: clock.now(), monotonicMs: monotonicMs() })

  /** The larger of both ages: the clock may be set back or forward. Older than all when it went back before the mark. */
  function age(since: Mark): number {
    const byClock = clock.now() - since.at
    if (byClock < 0) return Number.POSITIVE_INFINITY
    return Math.max(byClock, monotonicMs() - since.monotonicMs)
  }

  /** By the time that never jumps: a clock that is set must neither shorten nor lengthen a pause. */
  function restOf(coolDown: CoolDown): number {
    return Math.max(0, coolDown.forMs - (monotonicMs() - coolDown.sinceMonotonicMs))
  }

  /** The pause that still holds for the entry: Entra's own request to wait before a refusal of the secret. */
  function coolDownOf(entry: Entry): CoolDown | undefined {
    const asked = pauses.get(entry.site)
    if (asked !== undefined && restOf(asked) > 0) return asked
    pauses.delete(entry.site)
    const { coolDown } = entry
    return coolDown !== undefined && restOf(coolDown) > 0 ? coolDown : undefined
  }

  function isIdle(entry: Entry): boolean {
    const { token, flight } = entry
    const isOver = token === undefined || age(token.since) >= token.lifetimeMs
    return isOver && flight === undefined && coolDownOf(entry) === undefined
  }

  function tidy(): void {
    for (const [key, entry] of entries) if (isIdle(entry)) entries.delete(key)
    tidyAt = Math.max(FEW_ENTRIES, 2 * entries.size)
  }

  function entryOf(request: TokenRequest): Entry {
    const application = applicationOf(request.tenantId, request.clientId)
    const { cloud, credential, resource = 'exchange' } = request
    const scope = scopeOf(cloud, resource)
    const key = [application, cloud.authority, scope, fingerprintOf(credential)].join(' ')
    const known = entries.get(key)
    if (known !== undefined) return known
    if (entries.size >= tidyAt) tidy()
    const entry: Entry = { application, site: `${application} ${cloud.authority}` }
    entries.set(key, entry)
    return entry
  }

  /** After every request of the same application that was asked for earlier. */
  function inTurn<T>(application: string, work: () => Promise<T>): Promise<T> {
    const before = tails.get(application) ?? Promise.resolve()
    const run = before.then(work, work)
    const tail = run
      .catch(() => {})
      .then(() => {
        if (tails.get(application) === tail) tails.delete(application)
      })
    tails.set(application, tail)
    return run
  }

  async function ask(request: TokenRequest, entry: Entry): Promise<TokenOutcome> {
    const since = mark()
    const { application } = entry
    const { outcome, connection } = await choose(
      { application, credential: request.credential },
      (form) => requestToken(deps, request, form),
    )
    const trace = { fromCache: false, requestMs: Math.max(0, clock.now() - since.at), connection }
    if (!outcome.ok) return settle(entry, outcome.failure, trace)
    const { token, lifetimeMs } = outcome.value
    const claims = readClaims(token)
    if (claims === undefined) {
      const detail = 'The access token is no JWT with an audience, so it cannot be checked.'
      return settle(entry, { source: 'claims', problem: 'unreadable', detail }, trace)
    }
    const value: AccessToken = {
      value: new Secret(token),
      // From before the request: on the way here it already aged.
      obtainedAt: since.at,
      expiresAt: since.at + lifetimeMs,
      claims,
    }
    entry.token = { value, since, lifetimeMs }
    entry.coolDown = undefined
    pauses.delete(entry.site)
    return { ok: true, value, trace }
  }

  /** Remembers a failure for as long as it must not be provoked again. */
  function settle(entry: Entry, failure: Failure, trace: TokenTrace): TokenOutcome {
    const coolDown = { failure, sinceMonotonicMs: monotonicMs(), forMs: coolDownMs(failure) }
    if (asksToWait(failure)) pauses.set(entry.site, coolDown)
    else entry.coolDown = coolDown
    const { source } = failure
    log.warn({ source, codes: source === 'entra' ? failure.codes : undefined }, 'no access token')
    return { ok: false, failure, trace }
  }

  function fly(request: TokenRequest, entry: Entry): Promise<TokenOutcome> {
    entry.flight ??= inTurn(entry.application, () => ask(request, entry)).finally(() => {
      entry.flight = undefined
    })
    return entry.flight
  }

  /** The remembered token when it may still be handed out although a newer one is wanted. */
  function spare(entry: Entry): TokenOutcome | undefined {
    const { token } = entry
    if (token === undefined || token.lifetimeMs - age(token.since) <= LEAST_REST_MS)
      return undefined
    return { ok: true, value: token.value, trace: remembered }
  }

  async function acquire(request: TokenRequest, options: AcquireOptions): Promise<TokenOutcome> {
    const { fresh = false, patient = false, signal } = options
    signal?.throwIfAborted()
    const entry = entryOf(request)
    const { token } = entry
    if (!fresh && token !== undefined && age(token.since) < RENEW_AFTER * token.lifetimeMs) {
      return { ok: true, value: token.value, trace: remembered }
    }
    const substitute = fresh ? undefined : spare(entry)
    const coolDown = coolDownOf(entry)
    if (entry.flight === undefined && coolDown !== undefined) {
      const { failure } = coolDown
      const rest = restOf(coolDown)
      if (substitute !== undefined) return substitute
      // A network that fails, or a request that was never sent, is not spared by waiting.
      if (failure.source === 'entra' || failure.source === 'claims') {
        if (!patient || rest > LONGEST_PATIENCE_MS) return repeated(failure, rest)
        await clock.sleep(rest, signal)
        return acquire(request, options)
      }
    }
    const outcome = await abortable(fly(request, entry), signal)
    if (outcome.ok) return outcome
    return fresh ? outcome : (spare(entry) ?? outcome)
  }

  return {
    acquire: (request, options = {}) => acquire(request, options),
    drop(tenantId, clientId) {
      const application = applicationOf(tenantId, clientId)
      for (const [key, entry] of entries) {
        if (entry.application === application) entries.delete(key)
      }
    },
  }
}

const remembered: TokenTrace = { fromCache: true, requestMs: 0, connection: null }

function repeated(failure: Failure, rest: number): TokenOutcome {
  const told = failure.source === 'entra' ? { ...failure, retryAfterMs: Math.ceil(rest) } : failure
  return { ok: false, failure: told, trace: remembered }
}

/** What the server asks for, else what its kind of answer deserves. */
function coolDownMs(failure: Failure): number {
  if (failure.source !== 'entra') return REFUSED_MS
  return failure.retryAfterMs ?? (isBusy(failure.status) ? UNAVAILABLE_MS : REFUSED_MS)
}

function asksToWait(failure: Failure): boolean {
  return failure.source === 'entra' && (failure.retryAfterMs !== null || isBusy(failure.status))
}

function isBusy(status: number): boolean {
  return status === 429 || status >= 500
}

function applicationOf(tenantId: string, clientId: string): string {
  return `${tenantId.toLowerCase()} ${clientId.toLowerCase()}`
}

/** A shared request goes on when one of those who wait for it leaves. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
