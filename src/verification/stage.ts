import type { Diagnosis, Failure } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import type { OpenedCredential, Profile } from '../profiles/index.ts'
import type { TokenFacts } from './api.ts'
import type { CheckList, CheckName } from './check-list.ts'
import { type ExplainDeps, explainFailure, looksLikeSecretId } from './evidence.ts'
import type { Proof } from './mail-access.ts'

const EVIDENCE_LENGTH = 300

/** Records the checks of one run: times them and gives failures their diagnosis. */
export interface Stage {
  ok(name: CheckName, evidence: string, durationMs?: number): void
  warn(name: CheckName, evidence: string, failure?: Failure): void
  /** Without evidence, the answer itself is the evidence. */
  fail(name: CheckName, failure: Failure, known?: { evidence?: string; durationMs?: number }): void
  /** Fails a check with a diagnosis that was made before. */
  failAgain(name: CheckName, diagnosis: Diagnosis, evidence: string): void
  /** The credential that is used, as soon as it was opened; nothing of it is kept but its form. */
  learnCredential(credential: OpenedCredential): void
  /** What the token says, as soon as one has come. */
  learnToken(facts: TokenFacts): void
  tokenFacts(): TokenFacts | null
}

export interface StageDeps extends ExplainDeps {
  profile: Profile
  proof: Proof
  clock: Clock
  list: CheckList
}

export function createStage(deps: StageDeps): Stage {
  const { profile, proof, clock, list } = deps
  let token: TokenFacts | null = null
  let secretLooksLikeId = false
  let since = clock.now()

  /** From the last record on. */
  function lap(): number {
    const now = clock.now()
    const durationMs = Math.max(0, now - since)
    since = now
    return durationMs
  }

  function meaningOf(failure: Failure): Diagnosis {
    const servicePrincipalObjectId = token?.oid ?? null
    const known = { profile, proof, servicePrincipalObjectId, secretLooksLikeId }
    return explainFailure(deps, failure, { ...known, now: clock.now() })
  }

  return {
    ok(name, evidence, durationMs) {
      const measured = lap()
      list.add({ name, outcome: 'ok', durationMs: durationMs ?? measured, evidence })
    },
    warn(name, evidence, failure) {
      const diagnosis = failure && meaningOf(failure)
      list.add({ name, outcome: 'warning', durationMs: lap(), evidence, diagnosis })
    },
    fail(name, failure, known = {}) {
      const measured = lap()
      const diagnosis = meaningOf(failure)
      list.add({
        name,
        outcome: 'failed',
        durationMs: known.durationMs ?? measured,
        evidence: known.evidence ?? shorten(diagnosis.answer.text),
        diagnosis,
      })
    },
    failAgain(name, diagnosis, evidence) {
      list.add({ name, outcome: 'failed', durationMs: lap(), evidence, diagnosis })
    },
    learnCredential(credential) {
      const { type } = credential
      secretLooksLikeId = type === 'clientSecret' && looksLikeSecretId(credential.value.reveal())
    },
    learnToken(facts) {
      token = facts
    },
    tokenFacts: () => token,
  }
}

function shorten(text: string): string {
  const line = text.replace(/\s*\r?\n\s*/g, ' / ').trim()
  return line.length <= EVIDENCE_LENGTH ? line : `${line.slice(0, EVIDENCE_LENGTH - 1)}…`
}
