import { type CredentialStaging, createCredentialStaging } from '../../../src/credentials/index.ts'
import type { Diagnosis } from '../../../src/diagnosis/index.ts'
import type { CredentialProof, Report } from '../../../src/verification/index.ts'
import { ALICE, createRig, profileInput, type Rig } from '../profiles/harness.ts'

export const NEW_SECRET = 'Xyz8Q~other-secret-value-of-the-tests-111'
export const NEW = {
  credential: { type: 'clientSecret', value: NEW_SECRET, expiresAt: '2027-10-01' },
}

/** What Entra or the server answers to one run of the checks. */
export interface Answer {
  readonly code: string
  readonly retry: Diagnosis['retry']
  readonly answerCode: string | null
  readonly retryAfterMs?: number
}

export const WRONG: Answer = { code: 'secret_wrong', retry: 'never', answerCode: 'AADSTS7000215' }
export const NOT_REGISTERED: Answer = {
  code: 'certificate_not_registered',
  retry: 'propagation',
  answerCode: 'AADSTS700027',
}
export const NO_CONSENT: Answer = { code: 'role_missing', retry: 'never', answerCode: null }
export const DOWN: Answer = { code: 'entra_timeout', retry: 'transient', answerCode: 'ETIMEDOUT' }

type Step = Answer | 'ok' | (() => Promise<Answer | 'ok'>)

export interface Proving {
  readonly credentialId: string
  readonly secret: string
  readonly sendTo: string | null
}

export interface StagingBench extends AsyncDisposable {
  readonly rig: Rig
  readonly staging: CredentialStaging
  /** The answers of the next runs; a run without one fails the test. */
  readonly script: Step[]
  readonly proven: Proving[]
  /** What was published: `activated`, `refused secret_wrong`. */
  readonly news: readonly string[]
  /** Another process on the same folder. */
  restart(): Promise<StagingBench>
}

export async function createStagingBench(existing?: Rig): Promise<StagingBench> {
  await using opened = new AsyncDisposableStack()
  const rig = opened.use(existing ?? (await createRig()))
  if (existing === undefined) await rig.profiles.create(profileInput(), ALICE)
  const script: Step[] = []
  const proven: Proving[] = []
  const news: string[] = []
  const proof: CredentialProof = {
    async prove(profileId, { facts, opened: credential }, { sendTo, signal }) {
      signal.throwIfAborted()
      const secret = credential.type === 'certificate' ? '' : credential.value.reveal()
      proven.push({ credentialId: facts.id, secret, sendTo })
      const step = script.shift()
      if (step === undefined) throw new Error('a run that the test does not expect')
      return reportOf(profileId, typeof step === 'function' ? await step() : step)
    },
  }
  rig.events.on('credential.activated', () => {
    news.push('activated')
  })
  rig.events.on('credential.refused', ({ diagnosis }) => {
    news.push(`refused ${diagnosis.code}`)
  })
  const { profiles, clock, events, captured } = rig
  const staging = createCredentialStaging({ profiles, proof, clock, log: captured.log, events })
  let isRunning = true
  const stop = async () => {
    if (isRunning) await staging[Symbol.asyncDispose]()
    isRunning = false
  }
  opened.defer(stop)
  const held = opened.move()
  return {
    rig,
    staging,
    script,
    proven,
    news,
    async restart() {
      await stop()
      return createStagingBench(await rig.reopen())
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export function reportOf(profileId: string, answer: Answer | 'ok'): Report {
  return {
    id: 'report',
    profileId,
    reason: 'requested',
    outcome: answer === 'ok' ? 'ok' : 'failed',
    startedAt: '2026-11-23T10:00:00.000Z',
    finishedAt: '2026-11-23T10:00:01.000Z',
    durationMs: 1000,
    withMessage: false,
    checks: [],
    diagnosis: answer === 'ok' ? null : diagnosisOf(answer),
    unproven: [],
    message: null,
    tokenFacts: null,
  }
}

function diagnosisOf({ code, retry, answerCode, retryAfterMs }: Answer): Diagnosis {
  return {
    code,
    row: null,
    summary: `Summary of ${code}.`,
    cause: '',
    likelyCauses: [],
    waitingUntil: null,
    responsible: 'entraAdministrator',
    remedy: `Remedy of ${code}.`,
    commands: [],
    retry,
    retryAfterMs: retryAfterMs ?? null,
    guideStep: null,
    answer: {
      source: 'entra',
      step: 'token',
      server: null,
      text: '',
      code: answerCode,
      enhancedCode: null,
      traceId: null,
      correlationId: null,
      sessionId: null,
      at: null,
    },
  }
}
