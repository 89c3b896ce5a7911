import type { Actor } from '../access/index.ts'
import { diagnosisSentence } from '../diagnosis/index.ts'
import { type Clock, HOUR_MS, SECOND_MS } from '../platform/clock.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import {
  type CredentialVersion,
  createFindings,
  type ProfileEvents,
  type Profiles,
  readEmailAddress,
} from '../profiles/index.ts'
import type { CredentialProof } from '../verification/index.ts'
import { AGENT } from './agent-actor.ts'
import type { ProofState } from './api.ts'
import type { CredentialEvents } from './credentials.ts'
import { createProofRun, type ProofEnd, type ProofRun } from './proof-run.ts'

/** A new credential takes the place of the active one only after it has proven that it works. */
export interface CredentialStaging extends AsyncDisposable {
  /**
   * Stages the credential and proves it. Resolves with true when it is in use, with false when nothing is decided after
   * some seconds: the proof goes on then. Throws credential_refused with the diagnosis in `details`, credential_replaced,
   * and what Profiles.stageCredential throws.
   */
  put(profileId: string, input: NewCredentialInput, actor: Actor): Promise<boolean>
  /** Stages a credential that Postern itself has made; it is proven in the background. */
  begin(
    profileId: string,
    input: unknown,
    options: { actor: Actor; keyId: string | null },
  ): Promise<void>
  /** The last proof since the start; null when there was none. */
  proofOf(profileId: string): ProofState | null
  /** Goes on with what a former run left staged, and begins to remove fallbacks at their end. */
  start(): void
  /** Resolves when no proof is under way but those that wait for their next attempt. */
  idle(): Promise<void>
}

export interface NewCredentialInput {
  readonly credential: unknown
  readonly sendTo?: string | undefined
}

export interface CredentialStagingDeps {
  profiles: Pick<
    Profiles,
    | 'activateStaged'
    | 'credentials'
    | 'discardStaged'
    | 'dropFallback'
    | 'find'
    | 'get'
    | 'list'
    | 'openCredential'
    | 'stageCredential'
  >
  proof: CredentialProof
  /** Whether the server accepts the login by the active credential now; absent: not known. */
  isLoginAccepted?: ((profileId: string) => boolean) | undefined
  clock: Clock
  log: Logger
  events: EventBus<CredentialEvents & ProfileEvents>
}

/** How long the one who entered a credential waits for the verdict. */
const PATIENCE_MS = 20 * SECOND_MS
const TIDY_EVERY_MS = HOUR_MS

export function createCredentialStaging(deps: CredentialStagingDeps): CredentialStaging {
  const { profiles, clock, log, events } = deps
  const runs = new Map<string, ProofRun>()
  const stopping = new AbortController()
  let tidying: Promise<void> = Promise.resolve()

  function proveStaged(profileId: string, version: CredentialVersion, actor: Actor): ProofRun {
    runs.get(profileId)?.stop()
    const run = createProofRun(deps, { profileId, version, actor, signal: stopping.signal })
    runs.set(profileId, run)
    return run
  }

  async function stage(
    profileId: string,
    input: unknown,
    options: { actor: Actor; sendTo?: string | null; keyId?: string | null },
  ): Promise<ProofRun> {
    stopping.signal.throwIfAborted()
    const version = await profiles.stageCredential(profileId, input, options)
    return proveStaged(profileId, version, options.actor)
  }

  /** Undefined when the patience is over first. */
  async function waitFor(run: ProofRun): Promise<ProofEnd | undefined> {
    const done = new AbortController()
    const patience = clock.sleep(PATIENCE_MS, done.signal).then(
      () => undefined,
      () => undefined,
    )
    try {
      return await Promise.race([run.end, patience])
    } finally {
      done.abort()
    }
  }

  async function removeEnded(): Promise<void> {
    for (const { id } of profiles.list()) {
      const fallback = profiles.credentials(id).find(({ state }) => state === 'fallback')
      if (fallback === undefined || fallback.expiresAt === null) continue
      if (fallback.expiresAt > clock.now()) continue
      await profiles.dropFallback(id, { credentialId: fallback.id, reason: 'ended' })
    }
  }

  async function tidy(): Promise<void> {
    while (!stopping.signal.aborted) {
      await removeEnded().catch((error: unknown) => log.error({ err: error }, messageOf(error)))
      await clock.sleep(TIDY_EVERY_MS, stopping.signal).catch(() => {})
    }
  }

  const subscriptions = [
    events.on('profile.removed', ({ profile }) => {
      runs.get(profile.id)?.stop()
      runs.delete(profile.id)
    }),
  ]

  return {
    async put(profileId, { credential, sendTo }, actor) {
      const recipient = sendTo === undefined ? null : readSendTo(sendTo)
      const run = await stage(profileId, credential, { actor, sendTo: recipient })
      const end = await waitFor(run)
      switch (end?.kind) {
        case 'active':
          return true
        case undefined:
        case 'stopped':
          return false
        case 'refused':
          throw new PosternError(
            `The new credential was not taken over; the former one stays in use. ${diagnosisSentence(end.diagnosis)}`,
            {
              kind: 'invalid',
              code: 'credential_refused',
              details: { diagnosis: end.diagnosis },
              fields: { profileId, diagnosis: end.diagnosis.code },
            },
          )
        case 'replaced':
          throw new PosternError(
            'While the new credential was being proven, another one was entered, or the profile was changed: this one was removed. Read the profile again.',
            { kind: 'conflict', code: 'credential_replaced' },
          )
      }
    },
    async begin(profileId, input, options) {
      await stage(profileId, input, options)
    },
    proofOf: (profileId) => runs.get(profileId)?.state() ?? null,
    start() {
      for (const { id } of profiles.list()) {
        const staged = profiles.credentials(id).find(({ state }) => state === 'staged')
        if (staged === undefined || runs.has(id)) continue
        if (staged.readable) proveStaged(id, staged, AGENT)
        else log.error({ profileId: id }, 'staged credential sealed with another master key')
      }
      tidying = tidy()
    },
    async idle() {
      for (;;) {
        const busy = [...runs.values()].filter((run) => run.isBusy())
        if (busy.length === 0) return
        await Promise.all(busy.map((run) => run.attempt()))
      }
    },
    async [Symbol.asyncDispose]() {
      for (const end of subscriptions) end()
      stopping.abort(new Error('postern is stopping'))
      await Promise.all([...runs.values()].map(({ end }) => end))
      await tidying
    },
  }
}

function readSendTo(value: string): string {
  const findings = createFindings()
  const field = 'sendTo'
  const address = readEmailAddress(value, { field, label: 'Recipient' }, findings)
  if (address) return address
  const problems =
    findings.problems.length > 0
      ? findings.problems
      : [{ field, message: 'Recipient is empty: enter who shall get the email, or leave it out.' }]
  throw new PosternError(`Nothing was saved: ${problems.map(({ message }) => message).join(' ')}`, {
    kind: 'invalid',
    code: 'recipient_invalid',
    problems,
  })
}
