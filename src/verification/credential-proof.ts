import type { CredentialFacts, OpenedCredential } from '../profiles/index.ts'
import type { Report } from './api.ts'
import type { Evidence } from './evidence.ts'
import type { MailAccessDeps, Proof } from './mail-access.ts'
import { type RunDeps, runChecks } from './run-checks.ts'

/** Proves a credential that is not in use yet. */
export interface CredentialProof {
  /**
   * Every check with this credential in place of the stored one: token, claims, login and, with `sendTo`, one message.
   * Stores and publishes nothing. Throws profile_not_found, recipient_invalid; rejects when the signal is aborted.
   */
  prove(
    profileId: string,
    candidate: { facts: CredentialFacts; opened: OpenedCredential },
    options: { sendTo: string | null; signal: AbortSignal },
  ): Promise<Report>
}

export interface CredentialProofDeps extends MailAccessDeps {
  smtp: RunDeps['smtp']
  /** What the profile has done before; verification knows. */
  proofOf: (profileId: string) => Proof
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
  /** Longest time for one run. */
  timeoutMs: number
  /** Of the agent, named in the message. */
  version: string
  hostname: string
}

export function createCredentialProof(deps: CredentialProofDeps): CredentialProof {
  const { profiles, proofOf, version, hostname } = deps
  return {
    async prove(profileId, { facts, opened }, { sendTo, signal }) {
      const profile = profiles.get(profileId)
      const { report } = await runChecks(
        { ...deps, agent: { version, hostname } },
        {
          profile: { ...profile, credential: facts },
          reason: 'requested',
          sendTo: sendTo ?? undefined,
          lastDiagnosis: null,
          proof: proofOf(profileId),
          signal,
          credential: opened,
        },
      )
      return report
    },
  }
}
