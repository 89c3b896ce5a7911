import type { Actor } from '../access/index.ts'
import type { Diagnosis } from '../diagnosis/index.ts'
import { SECOND_MS, toIso } from '../platform/clock.ts'
import { codeOf, messageOf } from '../platform/errors.ts'
import type { CredentialVersion } from '../profiles/index.ts'
import type { ProofState } from './api.ts'
import type { CredentialStagingDeps } from './staging.ts'
import { verdictOf } from './verdict.ts'

export type ProofEnd =
  | { readonly kind: 'active' }
  | { readonly kind: 'refused'; readonly diagnosis: Diagnosis }
  /** It is not staged any more. */
  | { readonly kind: 'replaced' }
  /** It stays staged. */
  | { readonly kind: 'stopped' }

/** The proof of one staged credential, from its first attempt to its end. */
export interface ProofRun {
  /** Never rejects. */
  readonly end: Promise<ProofEnd>
  state(): ProofState
  /** Whether checks run now, and not only a wait for the next time. */
  isBusy(): boolean
  /** Resolves when the present attempt is over. */
  attempt(): Promise<void>
  stop(): void
}

type Deps = Pick<
  CredentialStagingDeps,
  'profiles' | 'proof' | 'isLoginAccepted' | 'clock' | 'log' | 'events'
>

/** After an error of Postern's own. */
const ERROR_RETRY_MS = 30 * SECOND_MS

export function createProofRun(
  deps: Deps,
  request: { profileId: string; version: CredentialVersion; actor: Actor; signal: AbortSignal },
): ProofRun {
  const { profiles, clock, log } = deps
  const { profileId, version } = request
  const stopped = new AbortController()
  const signal = AbortSignal.any([stopped.signal, request.signal])
  const state: ProofState = {
    credentialId: version.id,
    state: 'proving',
    since: toIso(clock.now()),
    attempts: 0,
    nextAttemptAt: null,
    diagnosis: null,
  }
  let current: Promise<void> = Promise.resolve()
  let isBusy = true

  async function run(): Promise<ProofEnd> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>()
      current = promise
      isBusy = true
      let waitMs: number
      try {
        const result = await attempt(deps, { ...request, signal, count })
        if (result.kind !== 'open') return result
        state.diagnosis = result.diagnosis
        waitMs = result.waitMs
      } catch (error) {
        if (signal.aborted) return { kind: stopped.signal.aborted ? 'replaced' : 'stopped' }
        if (codeOf(error) === 'profile_not_found') return { kind: 'replaced' }
        log.error({ profileId, err: error }, messageOf(error))
        waitMs = ERROR_RETRY_MS
      } finally {
        isBusy = false
        resolve()
      }
      state.state = 'waiting'
      state.nextAttemptAt = toIso(clock.now() + waitMs)
      log.info(
        { profileId, waitMs, diagnosis: state.diagnosis?.code },
        'new credential not proven yet',
      )
      await clock.sleep(waitMs, signal).catch(() => {})
      if (signal.aborted) return { kind: stopped.signal.aborted ? 'replaced' : 'stopped' }
      if (!isStaged(profiles, profileId, version.id)) return { kind: 'replaced' }
    }
  }

  function count(): void {
    state.attempts++
    state.state = 'proving'
    state.nextAttemptAt = null
  }

  const end = run().then((result) => {
    state.nextAttemptAt = null
    if (result.kind === 'active' || result.kind === 'refused') state.state = result.kind
    state.diagnosis = result.kind === 'refused' ? result.diagnosis : null
    tell(deps, { profileId, credentialId: version.id }, result)
    return result
  })

  return {
    end,
    state: () => ({ ...state }),
    isBusy: () => isBusy,
    attempt: () => current,
    stop: () => stopped.abort(new Error('another credential was staged')),
  }
}

type Attempt = ProofEnd | { kind: 'open'; diagnosis: Diagnosis; waitMs: number }

/** One run of the checks, and what follows from it. */
async function attempt(
  { profiles, proof, isLoginAccepted, clock }: Deps,
  request: {
    profileId: string
    version: CredentialVersion
    actor: Actor
    signal: AbortSignal
    count: () => void
  },
): Promise<Attempt> {
  const { profileId, version, actor, signal, count } = request
  const { id: credentialId, sendTo, createdAt } = version
  for (;;) {
    const profile = profiles.get(profileId)
    const opened = await profiles.openCredential(profile, 'staged')
    if (opened?.credentialId !== credentialId) return { kind: 'replaced' }
    const proven = profile.version
    // The proof reads the settings itself: those of another place must not get this credential.
    if (profiles.get(profileId).version !== proven) continue
    count()
    const report = await proof.prove(profileId, { facts: version, opened }, { sendTo, signal })
    signal.throwIfAborted()
    // A password is judged by the login alone; tokens of two credentials are the same to the server.
    const decidesLogin = version.type === 'password' || isLoginAccepted?.(profileId) === true
    const verdict = verdictOf(report, { stagedAt: createdAt, now: clock.now(), decidesLogin })
    if (verdict.kind === 'open') return verdict
    if (verdict.kind === 'refused') {
      const reason = verdict.diagnosis.code
      const done = await profiles.discardStaged(profileId, { credentialId, actor, reason })
      return done ? verdict : { kind: 'replaced' }
    }
    // Proven with settings that the profile no longer has: that says nothing.
    if (profiles.get(profileId).version !== proven) continue
    const done = await profiles.activateStaged(profileId, { credentialId, actor })
    return { kind: done ? 'active' : 'replaced' }
  }
}

function isStaged(profiles: Deps['profiles'], profileId: string, credentialId: string): boolean {
  if (profiles.find(profileId) === undefined) return false
  return profiles
    .credentials(profileId)
    .some(({ id, state }) => state === 'staged' && id === credentialId)
}

function tell(
  { events, log }: Deps,
  of: { profileId: string; credentialId: string },
  end: ProofEnd,
): void {
  if (end.kind === 'active') {
    log.info(of, 'new credential proven and in use')
    events.emit('credential.activated', of)
  } else if (end.kind === 'refused') {
    const { diagnosis } = end
    log.warn({ ...of, diagnosis: diagnosis.code }, 'new credential refused')
    events.emit('credential.refused', { ...of, diagnosis })
  }
}
