import { createAudit } from '../../../src/access/index.ts'
import {
  type CredentialRenewal,
  createCredentialRenewal,
  createCredentialStaging,
} from '../../../src/credentials/index.ts'
import type { Failure, Outcome } from '../../../src/diagnosis/index.ts'
import {
  certificateFactsOf,
  createSelfSignedCertificate,
  type GraphClient,
} from '../../../src/entra/index.ts'
import { DAY_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import type { CredentialProof } from '../../../src/verification/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { ALICE, createRig, exchangeOnline, profileInput, type Rig } from '../profiles/harness.ts'
import { reportOf, WRONG } from './staging-bench.ts'

export const FIRST_SECRET = 'Abc8Q~first-secret-value-of-the-tests-000'

interface Listed {
  readonly keyId: string
  readonly displayName: string
  readonly value: string
  readonly startsAt: number
  readonly endsAt: number
}

interface ListedKey {
  readonly keyId: string
  readonly thumbprint: string
  readonly startsAt: number
  readonly endsAt: number
}

/** The application's secrets and certificates as Entra keeps them; they outlive Postern's process. */
export interface Directory {
  secrets: Listed[]
  keys: ListedKey[]
  /** Whether the application may read its own registration. */
  mayRead: boolean
  /** The last so many keys are not listed yet. */
  unlisted: number
  /** Refuses addPassword. */
  refuse: ((days: number) => Failure | undefined) | undefined
  /** Takes a new secret at the token endpoint. */
  acceptsNew: boolean
  added: number
}

/** The process ends at the n-th point at which it can make a difference; never at 0. */
export interface Interruption {
  left: number
  happened: boolean
}

export interface RenewalBench extends AsyncDisposable {
  readonly rig: Rig
  readonly renewal: CredentialRenewal
  readonly directory: Directory
  readonly interruption: Interruption
  /** What was published as failed. */
  readonly failures: readonly string[]
  /** Lets time pass in steps, with a run of the renewal at each. */
  pass(ms: number): Promise<void>
  restart(): Promise<RenewalBench>
}

export const DEAD = new Error('the process ended here')

/** What the profile of the certificate tests begins with: it ends in ten days. */
export const FIRST_PAIR = await createSelfSignedCertificate({
  commonName: 'first',
  days: 10,
  keyBits: 2048,
  clock: createFakeClock(),
})

export function graphFailure(status: number, code: string): Failure {
  const message = `${code}: refused.`
  const answer = { code, message, requestId: null, retryAfterMs: null, status }
  return { source: 'graph', operation: 'add a client secret', ...answer }
}

export function renewing(changes: Record<string, unknown> = {}) {
  return profileInput({
    authentication: exchangeOnline({
      credential: { type: 'clientSecret', value: FIRST_SECRET, expiresAt: '2026-12-03' },
      renewal: { enabled: true },
      ...changes,
    }),
  })
}

export function renewingCertificate(changes: Record<string, unknown> = {}) {
  const { certificate, privateKey } = FIRST_PAIR
  const credential = { type: 'certificate', certificate, privateKey: privateKey.reveal() }
  return renewing({ credential, ...changes })
}

export async function createRenewalBench(
  options: { rig?: Rig; directory?: Directory; input?: Record<string, unknown> } = {},
): Promise<RenewalBench> {
  await using opened = new AsyncDisposableStack()
  const rig = opened.use(options.rig ?? (await createRig()))
  const { profiles, clock, events, captured, storage } = rig
  const { log } = captured
  if (options.rig === undefined) await profiles.create(options.input ?? renewing(), ALICE)
  const directory = options.directory ?? createDirectory(clock.now())
  const interruption: Interruption = { left: 0, happened: false }
  const failures: string[] = []
  events.on('credential.renewal_failed', ({ detail, diagnosis }) => {
    failures.push(diagnosis?.code ?? detail)
  })

  /** The process may end here. What is dead does nothing any more. */
  function point(): void {
    if (!interruption.happened && --interruption.left === 0) interruption.happened = true
    if (interruption.happened) throw DEAD
  }
  /** It may end before and behind everything that lasts. */
  async function lasting<T>(effect: () => Promise<T>): Promise<T> {
    point()
    const value = await effect()
    point()
    return value
  }

  const ok = <T>(value: T): Outcome<T> => ({ ok: true, value })
  const isRegistered = (certificate: string) => {
    const thumbprint = certificateFactsOf(certificate)?.thumbprint
    return directory.keys.some((key) => key.thumbprint === thumbprint)
  }
  /** What a proof with a key that is not registered gets. */
  const noProof: Outcome<never> = {
    ok: false,
    failure: graphFailure(401, 'Authentication_MissingOrMalformed'),
  }
  const graph: GraphClient = {
    async readApplication() {
      point()
      if (!directory.mayRead) {
        return { ok: false, failure: graphFailure(403, 'Authorization_RequestDenied') }
      }
      const { keys, secrets, unlisted } = directory
      return ok({
        objectId: 'object',
        clientId: 'client',
        displayName: 'app',
        keyCredentials: keys.slice(0, keys.length - unlisted).map(shownKey),
        passwordCredentials: secrets.slice(0, secrets.length - unlisted).map(shown),
      })
    },
    addKey: ({ credential }, { certificate }) =>
      lasting(async () => {
        const now = clock.now()
        if (!isRegistered(credential.certificate)) return noProof
        const { notAfter, thumbprint } = certificateFactsOf(certificate) ?? {}
        const endsAt = notAfter ?? 0
        const failure = directory.refuse?.(Math.round((endsAt - now) / DAY_MS))
        if (failure !== undefined) return { ok: false, failure }
        directory.added++
        const keyId = `key-${directory.added}`
        const key = { keyId, thumbprint: thumbprint ?? '', startsAt: now, endsAt }
        directory.keys.push(key)
        return ok(shownKey(key))
      }),
    removeKey: ({ credential }, { keyId }) =>
      lasting(async () => {
        if (!isRegistered(credential.certificate)) return noProof
        if (!directory.keys.some((key) => key.keyId === keyId)) return notFound
        directory.keys = directory.keys.filter((key) => key.keyId !== keyId)
        return ok(null)
      }),
    async isKeyRegistered(_access, { credential }) {
      point()
      return ok(isRegistered(credential.certificate))
    },
    addPassword: (_access, { displayName, endsAt }) =>
      lasting(async () => {
        const now = clock.now()
        const failure = directory.refuse?.(Math.round((endsAt - now) / DAY_MS))
        if (failure !== undefined) return { ok: false, failure }
        directory.added++
        const number = String(directory.added).padStart(2, '0')
        const value = `N${number}8Q~a-new-secret-that-entra-made-0000`
        const keyId = `key-${directory.added}`
        const secret = { keyId, displayName, value, startsAt: now, endsAt }
        directory.secrets.push(secret)
        return ok({ credential: shown(secret), value: new Secret(value) })
      }),
    removePassword: (_access, keyId) =>
      lasting(async () => {
        if (!directory.secrets.some((secret) => secret.keyId === keyId)) return notFound
        directory.secrets = directory.secrets.filter((secret) => secret.keyId !== keyId)
        return ok(null)
      }),
  }
  const proof: CredentialProof = {
    async prove(profileId, { opened: credential }) {
      point()
      const known =
        credential.type === 'certificate'
          ? isRegistered(credential.certificate)
          : directory.secrets.some((secret) => secret.value === credential.value.reveal())
      return reportOf(profileId, known && directory.acceptsNew ? 'ok' : WRONG)
    },
  }
  const audit = createAudit({ storage, clock })
  const mortal: typeof profiles = {
    ...profiles,
    stageCredential: (...given) => lasting(() => profiles.stageCredential(...given)),
    activateStaged: (...given) => lasting(() => profiles.activateStaged(...given)),
    discardStaged: (...given) => lasting(() => profiles.discardStaged(...given)),
    dropFallback: (...given) => lasting(() => profiles.dropFallback(...given)),
  }
  /** The journal makes its record last, within its commit: an end here is one before the commit. */
  const journaling: typeof audit = {
    ...audit,
    async record(record, executor) {
      await audit.record(record, executor)
      point()
    },
  }
  const staging = createCredentialStaging({ profiles: mortal, proof, clock, log, events })
  const renewal = createCredentialRenewal({
    profiles: mortal,
    staging,
    graph,
    storage,
    audit: journaling,
    clock,
    log,
    events,
    allowCustomCloud: false,
  })
  let isRunning = true
  const stop = async () => {
    if (!isRunning) return
    isRunning = false
    await renewal[Symbol.asyncDispose]()
    await staging[Symbol.asyncDispose]()
  }
  opened.defer(stop)
  staging.start()
  const held = opened.move()
  return {
    rig,
    renewal,
    directory,
    interruption,
    failures,
    async pass(ms) {
      const step = 5 * MINUTE_MS
      for (let passed = 0; passed <= ms; passed += step) {
        await renewal.run()
        await staging.idle()
        await events.idle()
        await clock.advance(Math.min(step, Math.max(0, ms - passed)))
        await staging.idle()
        await events.idle()
      }
    },
    async restart() {
      await stop()
      const now = clock.now()
      const next = await rig.reopen()
      next.clock.set(now)
      return createRenewalBench({ rig: next, directory })
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function createDirectory(now: number): Directory {
  const endsAt = now + 10 * DAY_MS
  const startsAt = now - 100 * DAY_MS
  const first = { keyId: 'first', displayName: 'smtp', value: FIRST_SECRET, startsAt, endsAt }
  const thumbprint = certificateFactsOf(FIRST_PAIR.certificate)?.thumbprint ?? ''
  const keys = [{ keyId: 'first', thumbprint, startsAt, endsAt }]
  return {
    secrets: [first],
    keys,
    mayRead: true,
    unlisted: 0,
    refuse: undefined,
    acceptsNew: true,
    added: 0,
  }
}

const notFound: Outcome<never> = { ok: false, failure: graphFailure(400, 'Request_BadRequest') }

function shownKey(key: ListedKey) {
  return { ...key, type: 'certificate' as const, displayName: '' }
}

function shown({ value, ...secret }: Listed) {
  return { ...secret, type: 'password' as const, hint: value.slice(0, 3) }
}
