import { performance } from 'node:perf_hooks'
import type { Failure, Outcome } from '../diagnosis/index.ts'
import { type Clock, MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { Secret } from '../platform/secret.ts'
import { readClaims, type TokenClaims } from './claims.ts'
import { fingerprintOf } from './client-credential.ts'
import { scopeOf } from './clouds.ts'
import { createRefusalPace, REFUSED_MS } from './refusal-pace.ts'
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
  /**
   * Rejects only when the signal is aborted; everything else that goes wrong is a failure value. While Entra refuses
   * another credential of the application, or has refused a certificate by one of its names only, it waits for up to
   * 30 s before it asks.
   */
  acquire(request: TokenRequest, options?: AcquireOptions): Promise<TokenOutcome>
  /**
   * Forgets all tokens and refusals of the application; an answer still on its way is not kept. A pause that Entra has
   * asked for stays, and so does the distance between requests while a credential of the application works beside the
   * one that is refused: where none does, somebody has just corrected it.
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
  /** Half an answer: whoever wants a token waits for the other half. */
  readonly isHalf: boolean
}

/** What is known for one application with one credential and scope. */
interface Entry {
  readonly key: string
  readonly application: string
  /** The same one for whatever resource its token is. */
  readonly credential: string
  token?: { value: AccessToken; since: Mark; lifetimeMs: number } | undefined
  /** The application at its authority: what Entra asks to wait for counts for all its secrets. */
  readonly site: string
  coolDown?: CoolDown | undefined
  /** Undefined: it was not the time to ask. */
  flight?: Promise<TokenOutcome | undefined> | undefined
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
  /** What Entra said of a credential itself, which holds for every resource. */
  const refused = new Map<string, CoolDown>()
  const pace = createRefusalPace({ monotonicMs })
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

  function lasting(from: Map<string, CoolDown>, key: string): CoolDown | undefined {
    const coolDown = from.get(key)
    if (coolDown !== undefined && restOf(coolDown) > 0) return coolDown
    from.delete(key)
    return undefined
  }

  /** The pause that still holds for the entry: Entra's own request to wait before a refusal of the secret. */
  function coolDownOf(entry: Entry): CoolDown | undefined {
    const asked = lasting(pauses, entry.site) ?? lasting(refused, entry.credential)
    if (asked !== undefined) return asked
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
    for (const credential of refused.keys()) lasting(refused, credential)
    tidyAt = Math.max(FEW_ENTRIES, 2 * entries.size)
  }

  function entryOf(request: TokenRequest): Entry {
    const application = applicationOf(request.tenantId, request.clientId)
    const { cloud, credential, resource = 'exchange' } = request
    const scope = scopeOf(cloud, resource)
    const site = `${application} ${cloud.authority}`
    const ofCredential = `${site} ${fingerprintOf(credential)}`
    const key = `${ofCredential} ${scope}`
    const known = entries.get(key)
    if (known !== undefined) return known
    if (entries.size >= tidyAt) tidy()
    const entry: Entry = { key, application, credential: ofCredential, site }
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
    const { answer, isHalf } = await choose(
      { application, credential: request.credential },
      (form) => requestToken(deps, request, form),
    )
    const { outcome, connection } = answer
    // Not of an application that was dropped meanwhile.
    if (entries.get(entry.key) === entry)
      pace.record(application, entry.credential, answerOf(outcome))
    const trace = { fromCache: false, requestMs: Math.max(0, clock.now() - since.at), connection }
    if (!outcome.ok) return settle(entry, outcome.failure, { trace, isHalf })
    const { token, lifetimeMs } = outcome.value
    const claims = readClaims(token)
    if (claims === undefined) {
      const detail = 'The access token is no JWT with an audience, so it cannot be checked.'
      return settle(entry, { source: 'claims', problem: 'unreadable', detail }, { trace, isHalf })
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
    refused.delete(entry.credential)
    pauses.delete(entry.site)
    return { ok: true, value, trace }
  }

  /** Remembers a failure for as long as it must not be provoked again. */
  function settle(
    entry: Entry,
    failure: Failure,
    { trace, isHalf }: { trace: TokenTrace; isHalf: boolean },
  ): TokenOutcome {
    const forMs = coolDownMs(failure)
    const coolDown = { failure, sinceMonotonicMs: monotonicMs(), forMs, isHalf }
    if (asksToWait(failure)) pauses.set(entry.site, coolDown)
    else if (isOfCredential(failure) && entries.get(entry.key) === entry)
      refused.set(entry.credential, coolDown)
    else entry.coolDown = coolDown
    const { source } = failure
    log.warn({ source, codes: source === 'entra' ? failure.codes : undefined }, 'no access token')
    return { ok: false, failure, trace }
  }

  /** Undefined when Entra has refused the application, or asked it to wait, just before its turn came. */
  function fly(request: TokenRequest, entry: Entry): Promise<TokenOutcome | undefined> {
    const { application, site } = entry
    const mayAsk = () => pace.restOf(application) === 0 && lasting(pauses, site) === undefined
    entry.flight ??= inTurn(application, async () =>
      mayAsk() ? ask(request, entry) : undefined,
    ).finally(() => {
      entry.flight = undefined
    })
    return entry.flight
  }

  function hasWorking(application: string): boolean {
    return [...entries.values()].some(
      ({ application: of, credential, token }) =>
        of === application &&
        token !== undefined &&
        age(token.since) < token.lifetimeMs &&
        lasting(refused, credential) === undefined,
    )
  }

  function mayWait(coolDown: CoolDown, patient: boolean): boolean {
    return (patient || coolDown.isHalf) && restOf(coolDown) <= LONGEST_PATIENCE_MS
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
    for (;;) {
      signal?.throwIfAborted()
      const entry = entryOf(request)
      const { token } = entry
      if (!fresh && token !== undefined && age(token.since) < RENEW_AFTER * token.lifetimeMs) {
        return { ok: true, value: token.value, trace: remembered }
      }
      if (entry.flight === undefined) {
        const substitute = fresh ? undefined : spare(entry)
        const coolDown = coolDownOf(entry)
        const distance = pace.restOf(entry.application)
        if (substitute !== undefined && (coolDown !== undefined || distance > 0)) return substitute
        // A network that fails, or a request that was never sent, is not spared by waiting.
        const isAnswered = coolDown !== undefined && isAnswer(coolDown.failure)
        if (isAnswered && !mayWait(coolDown, patient)) {
          return repeated(coolDown.failure, restOf(coolDown))
        }
        const wait = isAnswered ? restOf(coolDown) : distance
        if (wait > 0) {
          await clock.sleep(wait, signal)
          continue
        }
      }
      const outcome = await abortable(fly(request, entry), signal)
      if (outcome === undefined) continue
      if (!outcome.ok && coolDownOf(entry)?.isHalf) continue
      if (outcome.ok || fresh) return outcome
      return spare(entry) ?? outcome
    }
  }

  return {
    acquire: (request, options = {}) => acquire(request, options),
    drop(tenantId, clientId) {
      const application = applicationOf(tenantId, clientId)
      if (!hasWorking(application)) pace.forget(application)
      for (const [key, entry] of entries) {
        if (entry.application !== application) continue
        entries.delete(key)
        refused.delete(entry.credential)
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

function answerOf(outcome: Outcome<unknown>): 'refused' | 'accepted' | 'none' {
  if (outcome.ok) return 'accepted'
  const { failure } = outcome
  return failure.source === 'entra' && !isBusy(failure.status) ? 'refused' : 'none'
}

/** Entra has answered, whatever it was. */
function isAnswer({ source }: Failure): boolean {
  return source === 'entra' || source === 'claims'
}

/** RFC 6749 §5.2, invalid_client: the client's own authentication failed, whatever it asked for. */
function isOfCredential(failure: Failure): boolean {
  return failure.source === 'entra' && failure.error === 'invalid_client'
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
