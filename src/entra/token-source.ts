import { performance } from 'node:perf_hooks'
import type { Failure, Outcome } from '../diagnosis/index.ts'
import { type Clock, MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { Secret } from '../platform/secret.ts'
import { readClaims, type TokenClaims } from './claims.ts'
import { fingerprintOf } from './client-credential.ts'
import { scopeOf } from './clouds.ts'
import { notAsked } from './not-asked.ts'
import { createRefusalPace, FORGOTTEN_MS, REFUSED_MS } from './refusal-pace.ts'
import { createThumbprintChoice } from './thumbprint-choice.ts'
import { requestToken, type TokenRequest } from './token-request.ts'
import type { ConnectionTrace, EntraTransport } from './transport.ts'
import { createTurns } from './turns.ts'

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
  /** Ask Entra even when a good token is at hand; `unlessPaced`: unless others make it wait for its turn. */
  fresh?: boolean | 'unlessPaced' | undefined
  /** Wait for a cool-down of at most 30 s, and for its turn, instead of repeating the last refusal. */
  patient?: boolean | undefined
  signal?: AbortSignal | undefined
  /** Told when a wait for the right time to ask begins; what it returns is called when that wait is over. */
  onWait?: (() => () => void) | undefined
}

export type TokenOutcome = Outcome<AccessToken> & { readonly trace: TokenTrace }

export interface TokenSource {
  /**
   * Rejects only when the signal is aborted; everything else that goes wrong is a failure value. While Entra refuses
   * another credential of the application, it waits for its turn, one every 30 s, those that work first; a refusal of
   * its own is repeated meanwhile. A certificate that was refused by one of its names only waits for 30 s.
   */
  acquire(request: TokenRequest, options?: AcquireOptions): Promise<TokenOutcome>
  /**
   * Forgets all tokens and refusals of the application; an answer still on its way is not kept. A pause that Entra has
   * asked for stays, and so does the distance between requests.
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
/** So long the turns of others are waited for: when there is a refusal to repeat, and when there is nothing to say. */
const LONGEST_TURNS_MS = { known: 2 * MINUTE_MS, unknown: 5 * MINUTE_MS } as const
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
  const turns = createTurns({ clock, monotonicMs, pace })
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
    const asked = lasting(pauses, entry.site)
    if (asked !== undefined) return asked
    const known = [refused.get(entry.credential), entry.coolDown]
    return known.find((one) => one !== undefined && restOf(one) > 0)
  }

  /** What Entra said of the entry last, when that was no, and not long ago. */
  function lastRefusalOf(entry: Entry): CoolDown | undefined {
    const last = refused.get(entry.credential) ?? entry.coolDown
    if (last === undefined || !isAnswer(last.failure)) return undefined
    return monotonicMs() - last.sinceMonotonicMs < FORGOTTEN_MS ? last : undefined
  }

  function isIdle(entry: Entry): boolean {
    const { token, flight } = entry
    const isOver = token === undefined || age(token.since) >= token.lifetimeMs
    const isAsked = flight !== undefined || coolDownOf(entry) !== undefined
    return isOver && !isAsked && lastRefusalOf(entry) === undefined
  }

  function tidy(): void {
    for (const [key, entry] of entries) if (isIdle(entry)) entries.delete(key)
    for (const [credential, { sinceMonotonicMs }] of refused) {
      if (monotonicMs() - sinceMonotonicMs >= FORGOTTEN_MS) refused.delete(credential)
    }
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
    // Also of an application that was dropped meanwhile: Entra has counted it.
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
    const { fresh = false, patient = false, signal, onWait } = options
    let waitingSince: number | undefined
    for (;;) {
      signal?.throwIfAborted()
      const entry = entryOf(request)
      const { application, token } = entry
      if (fresh === false && token !== undefined && isYoung(token)) {
        return { ok: true, value: token.value, trace: remembered }
      }
      if (entry.flight === undefined) {
        const coolDown = coolDownOf(entry)
        const last = lastRefusalOf(entry)
        const isPaced = pace.restOf(application) > 0 || turns.isWaiting(application)
        const substitute = fresh === true ? undefined : spare(entry)
        const mayServe = fresh === false ? coolDown !== undefined || isPaced : isPaced && !last
        if (substitute !== undefined && mayServe) return substitute
        // A network that fails, or a request that was never sent, is not spared by waiting.
        if (coolDown !== undefined && isAnswer(coolDown.failure)) {
          if (!mayWait(coolDown, patient)) return repeated(coolDown.failure, restOf(coolDown))
          await told(onWait, clock.sleep(restOf(coolDown), signal))
          continue
        }
        if (isPaced) {
          if (last !== undefined && !last.isHalf && !patient) {
            return repeated(last.failure, pace.restOf(application))
          }
          waitingSince ??= monotonicMs()
          const most = last === undefined ? LONGEST_TURNS_MS.unknown : LONGEST_TURNS_MS.known
          const longestMs = most - (monotonicMs() - waitingSince)
          const { key, credential } = entry
          const ask = () => fly(request, entry).catch(() => {})
          const turn = turns.wait(application, { key, credential, longestMs, signal, ask })
          if (await told(onWait, turn)) continue
          return last === undefined
            ? { ok: false, failure: notAsked(request, LONGEST_TURNS_MS.unknown), trace: remembered }
            : repeated(last.failure, pace.restOf(application))
        }
      }
      const outcome = await abortable(fly(request, entry), signal)
      if (outcome === undefined) continue
      if (!outcome.ok && coolDownOf(entry)?.isHalf) continue
      if (outcome.ok || fresh !== false) return outcome
      return spare(entry) ?? outcome
    }
  }

  function isYoung({ since, lifetimeMs }: NonNullable<Entry['token']>): boolean {
    return age(since) < RENEW_AFTER * lifetimeMs
  }

  return {
    acquire: (request, options = {}) => acquire(request, options),
    drop(tenantId, clientId) {
      const application = applicationOf(tenantId, clientId)
      pace.corrected(application)
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

async function told<T>(onWait: AcquireOptions['onWait'], work: Promise<T>): Promise<T> {
  const end = onWait?.()
  try {
    return await work
  } finally {
    end?.()
  }
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
